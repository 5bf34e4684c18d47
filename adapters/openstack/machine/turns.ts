import type { Clock } from '../../../runtime/clock.ts'

/**
 * Spaces questions about single objects, whoever asks: each object often enough, and all of them together not more than one each
 * `gapMs` in the long run, however many wait.
 */
export class Turns {
  readonly #clock: Clock
  readonly #gapMs: number
  #next = 0

  constructor(clock: Clock, gapMs: number) {
    this.#clock = clock
    this.#gapMs = gapMs
  }

  /** Resolves when it is this one's turn, not before `ms`. Rejects with the signal's reason. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const at = Math.max(now + ms, this.#next)
    this.#next = Math.max(this.#next, now) + this.#gapMs
    await this.#clock.sleep(Math.max(0, at - now), signal)
  }
}

/**
 * Decides from times alone whether the other end still lives. Pure: the caller ticks it and does what it says.
 *
 * Each end sends a heartbeat every interval and takes any valid traffic for life, so on a good path something
 * arrives every interval. Silence of 1.5 intervals means a dead path, open or not; with a tick each quarter it is
 * found within 2 intervals.
 */
export type HeartbeatVerdict = 'quiet' | 'send' | 'dead'

const SILENCE = 1.5
const TICKS = 4

export class HeartbeatMonitor {
  readonly #intervalMs: number
  #heardMs: number
  #sentMs: number
  #tickedMs: number

  /** Times are monotonic, ms: a clock that is set must not look like a death. */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs
    this.#heardMs = nowMs
    this.#sentMs = nowMs
    this.#tickedMs = nowMs
  }

  /** How often to tick, ms. */
  get tickMs(): number {
    return this.#intervalMs / TICKS
  }

  /** Something valid came from the other end. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs
  }

  /** What to do now. `send` counts as sent. */
  tick(nowMs: number): HeartbeatVerdict {
    // A tick that comes late says that this process was held up, not that the peer was silent: what it sent
    // meanwhile still waits to be read. The time slept away does not count as silence.
    const lateMs = nowMs - this.#tickedMs - this.tickMs
    if (lateMs > this.tickMs) this.#heardMs = Math.min(nowMs, this.#heardMs + lateMs)
    this.#tickedMs = nowMs
    if (nowMs - this.#heardMs >= this.#intervalMs * SILENCE) return 'dead'
    if (nowMs - this.#sentMs >= this.#intervalMs - this.tickMs / 2) {
      this.#sentMs = nowMs
      return 'send'
    }
    return 'quiet'
  }
}

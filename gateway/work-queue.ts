/**
 * Level-triggered work: a key says that something may have changed; the worker finds out what.
 *
 * Invariants
 * 1. At most one worker runs for a key (invariant 6 of the design).
 * 2. A key added while its worker runs is worked again after it: no change is missed.
 * 3. At most `concurrency` workers run.
 */
import type { Log } from '../runtime/log.ts'

/** Works on a key; returns in how many milliseconds to look again, or null to wait for a change. Throwing is a bug that is logged. */
export type Worker<K> = (key: K, signal: AbortSignal) => Promise<number | null>

export interface WorkQueueOptions<K> {
  readonly concurrency: number
  readonly work: Worker<K>
  readonly log: Log
  readonly signal: AbortSignal
}

const AFTER_BUG_MS = 30_000

export class WorkQueue<K extends string> {
  readonly #options: WorkQueueOptions<K>
  readonly #waiting = new Set<K>()
  readonly #running = new Map<K, Promise<void>>()
  readonly #timers = new Map<K, NodeJS.Timeout>()

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options
    options.signal.addEventListener('abort', () => this.#stopTimers(), { once: true })
  }

  /** Has the key worked soon, however often it is added before that. */
  add(key: K): void {
    if (this.#options.signal.aborted) return
    this.#clearTimer(key)
    this.#waiting.add(key)
    this.#startMore()
  }

  /** Resolves when no worker runs any more; call after the signal aborted. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  #startMore(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return
      if (this.#running.has(key)) continue
      this.#waiting.delete(key)
      this.#running.set(key, this.#run(key))
    }
  }

  async #run(key: K): Promise<void> {
    const { work, log, signal } = this.#options
    // Never within the caller's turn: whoever adds a key goes on first.
    await Promise.resolve()
    let again: number | null
    try {
      again = await work(key, signal)
    } catch (cause) {
      again = signal.aborted ? null : AFTER_BUG_MS
      if (!signal.aborted) log.error({ key, err: cause }, 'worker failed')
    }
    this.#running.delete(key)
    if (signal.aborted) return
    if (again !== null && !this.#waiting.has(key)) this.#addLater(key, again)
    this.#startMore()
  }

  #addLater(key: K, ms: number): void {
    this.#clearTimer(key)
    this.#timers.set(
      key,
      setTimeout(() => this.add(key), ms),
    )
  }

  #clearTimer(key: K): void {
    clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
  }

  #stopTimers(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#waiting.clear()
  }
}

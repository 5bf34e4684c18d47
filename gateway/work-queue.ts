/**
 * Level-triggered work: a key says that something may have changed; the worker finds out what.
 *
 * Invariants
 * 1. At most one worker runs for a key (invariant 6 of the design).
 * 2. A key added while its worker runs is worked again after it: no change is missed.
 * 3. At most `concurrency` workers run.
 * 4. What was begun is finished first: a key whose worker wants to go on at once goes on before any that waits, and one
 *    that something happened to (`urgent`) before those that wait for their first turn.
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
  readonly #urgent = new Set<K>()
  readonly #running = new Map<K, Promise<void>>()
  readonly #timers = new Map<K, NodeJS.Timeout>()

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options
    options.signal.addEventListener('abort', () => this.#stopTimers(), { once: true })
  }

  /** Has the key worked soon, however often it is added before that. */
  add(key: K): void {
    this.#addTo(this.#waiting, key)
  }

  /** As `add`, before the keys that were only added. */
  addUrgent(key: K): void {
    this.#addTo(this.#urgent, key)
  }

  /** Resolves when no worker runs any more; call after the signal aborted. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  #addTo(lane: Set<K>, key: K): void {
    if (this.#options.signal.aborted) return
    this.#clearTimer(key)
    lane.add(key)
    this.#startMore()
  }

  #startMore(): void {
    for (const lane of [this.#urgent, this.#waiting])
      for (const key of lane) {
        if (this.#running.size >= this.#options.concurrency) return
        if (this.#running.has(key)) continue
        this.#taken(key)
        this.#running.set(key, this.#run(key))
      }
  }

  /** What was added until now is seen by the turn that begins. */
  #taken(key: K): void {
    this.#urgent.delete(key)
    this.#waiting.delete(key)
  }

  async #run(key: K): Promise<void> {
    const { work, log, signal } = this.#options
    // Never within the caller's turn: whoever adds a key goes on first.
    await Promise.resolve()
    let again: number | null = 0
    while (again === 0 && !signal.aborted) {
      this.#taken(key)
      try {
        again = await work(key, signal)
      } catch (cause) {
        again = signal.aborted ? null : AFTER_BUG_MS
        if (!signal.aborted) log.error({ key, err: cause }, 'worker failed')
      }
    }
    this.#running.delete(key)
    if (signal.aborted) return
    if (again !== null && !this.#waiting.has(key) && !this.#urgent.has(key)) this.#addLater(key, again)
    this.#startMore()
  }

  #addLater(key: K, ms: number): void {
    this.#clearTimer(key)
    this.#timers.set(
      key,
      setTimeout(() => this.addUrgent(key), ms),
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
    this.#urgent.clear()
  }
}

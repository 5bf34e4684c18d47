/** Slows down who tries tokens: each source may fail a few times at once, and then a few times a minute. Pure. */

const BURST = 20
const REFILL_MS = 3_000
const MAX_SOURCES = 10_000

export class AttemptLimiter {
  /** Failures that count against each source, and when that was reckoned. Least recently used first. */
  readonly #failures = new Map<string, { count: number; atMs: number }>()

  /** Whether this source may try now. Times are monotonic, ms. */
  allows(source: string, nowMs: number): boolean {
    return this.#count(source, nowMs) < BURST
  }

  failed(source: string, nowMs: number): void {
    const count = this.#count(source, nowMs) + 1
    this.#failures.delete(source)
    this.#failures.set(source, { count, atMs: nowMs })
    if (this.#failures.size <= MAX_SOURCES) return
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined) this.#failures.delete(oldest)
  }

  #count(source: string, nowMs: number): number {
    const known = this.#failures.get(source)
    return known === undefined ? 0 : Math.max(0, known.count - (nowMs - known.atMs) / REFILL_MS)
  }
}

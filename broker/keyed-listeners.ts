/** Who is to be told of what, by key; a key that nobody listens to costs nothing. */
export class KeyedListeners {
  readonly #listeners = new Map<string, Set<() => void>>()

  /** Returns how to stop. */
  add(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key)
    }
  }

  clear(): void {
    this.#listeners.clear()
  }

  /** Calls those who listen now; whom they add or stop counts from the next time. */
  tell(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }
}

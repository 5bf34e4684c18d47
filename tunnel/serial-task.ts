/**
 * Runs a piece of work one at a time, and once more if it was asked for meanwhile: what came in between is dealt with
 * together. This is where batches come from: while one is on its way to disk, the next gathers.
 */
export class SerialTask {
  readonly #work: () => Promise<void> | undefined
  readonly #failed: (cause: unknown) => void
  #running: Promise<void> | undefined
  #again = false

  /** `work` may return nothing when it ended at once; what it throws goes to `failed`, and ends the run. */
  constructor(work: () => Promise<void> | undefined, failed: (cause: unknown) => void) {
    this.#work = work
    this.#failed = failed
  }

  request(): void {
    this.#again = true
    if (this.#running !== undefined) return
    this.#running = this.#run()
    void this.#running.then(() => {
      this.#running = undefined
      if (this.#again) this.request()
    })
  }

  /** Resolves when no run is under way or asked for. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        await this.#work()
      }
    } catch (cause) {
      this.#again = false
      this.#failed(cause)
    }
  }
}

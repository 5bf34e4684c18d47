import type { Adapter, Change, MachineUid } from '../../adapters/adapter.ts'
import { contextOf } from './drive.ts'

/** Reads a watch all the time, and hands out what comes for one machine. */
export class Watcher {
  readonly #controller = new AbortController()
  readonly #ended: Promise<void>
  #seen: Change[] = []
  #wake = () => {}

  constructor(adapter: Adapter, gateway: string) {
    this.#ended = this.#read(adapter.watch(gateway, contextOf(this.#controller.signal)))
  }

  async #read(changes: AsyncIterable<Change>): Promise<void> {
    try {
      for await (const change of changes) {
        this.#seen.push(change)
        this.#wake()
      }
    } catch (cause) {
      if (!this.#controller.signal.aborted) throw cause
    }
  }

  /** Waits until the watch works (something of this machine was seen), and until nothing more comes of what was done before. */
  async quiet(machine: MachineUid): Promise<void> {
    do await this.next(machine)
    while (await this.#more(400))
    this.#seen = []
  }

  async next(machine: MachineUid): Promise<Change> {
    while (true) {
      const index = this.#seen.findIndex((change) => change.machine === machine)
      const change = this.#seen[index]
      if (change !== undefined) {
        this.#seen = this.#seen.slice(index + 1)
        return change
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async stop(): Promise<void> {
    this.#controller.abort()
    await this.#ended
  }

  #more(withinMs: number): Promise<boolean> {
    if (this.#seen.length > 0) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }
}

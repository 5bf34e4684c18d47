/**
 * A cloud account while it is in use: its adapter, its limits, its watch.
 *
 * Invariants
 * 1. Credentials that the cloud refused are not used again: the session is suspended until a new one takes its place.
 * 2. No more steps run in the account than its adapter allows.
 * 3. Every machine that the journal has and the cloud hasn't is noticed within a resync, whatever the watch missed.
 */
import type { Adapter, AdapterContext, Change, ExternalObject } from '../../adapters/adapter.ts'
import type { BackoffPolicy } from '../../runtime/backoff.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { Semaphore } from '../../runtime/semaphore.ts'

const RESYNC_MS = 10 * 60_000
const WATCH_BACKOFF: BackoffPolicy = { firstMs: 1_000, maxMs: 60_000, factor: 2 }

export interface AccountEvents {
  changed(change: Change): void
  /** Everything of ours that the cloud has, as a resync found it. */
  listed(account: string, objects: readonly ExternalObject[]): void
  /** The cloud refused the credentials. */
  refused(account: string, message: string): void
}

export interface AccountSessionOptions {
  readonly name: string
  /** `tenant/gateway`. */
  readonly owner: string
  readonly adapter: Adapter
  readonly events: AccountEvents
  readonly clock: Clock
  readonly log: Log
}

export class AccountSession {
  readonly name: string
  readonly adapter: Adapter
  readonly #options: AccountSessionOptions
  readonly #slots: Semaphore
  readonly #stop = new AbortController()
  readonly #loops: Promise<void>[] = []
  #suspended: string | null = null

  constructor(options: AccountSessionOptions) {
    this.#options = options
    this.name = options.name
    this.adapter = options.adapter
    this.#slots = new Semaphore(options.adapter.concurrency)
  }

  /** Why nothing is done in this account, or null. */
  get suspended(): string | null {
    return this.#suspended
  }

  /** Begins to watch and to list. Call it once the credentials were seen to work. */
  start(): void {
    this.#loops.push(this.#watch(), this.#resync())
  }

  context(signal: AbortSignal): AdapterContext {
    return { signal: AbortSignal.any([signal, this.#stop.signal]), log: this.#options.log }
  }

  /** Runs a call that counts against the account's limit. */
  limited<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    return this.#slots.run(AbortSignal.any([signal, this.#stop.signal]), call)
  }

  /** Invariant 1. */
  suspend(message: string): void {
    if (this.#suspended !== null) return
    this.#suspended = message
    this.#stop.abort(new PcgError('credentials', message))
    this.#options.events.refused(this.name, message)
  }

  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) this.#stop.abort(new PcgError('cancelled', `account ${this.name} is closed`))
    await Promise.all(this.#loops)
    await this.adapter.close()
  }

  async #watch(): Promise<void> {
    const { owner, events } = this.#options
    await this.#forever('watch', async (context) => {
      for await (const change of this.adapter.watch(owner, context)) events.changed(change)
    })
  }

  async #resync(): Promise<void> {
    const { owner, events, clock } = this.#options
    await this.#forever('resync', async (context) => {
      const objects: ExternalObject[] = []
      for await (const object of this.adapter.owned(owner, context)) objects.push(object)
      events.listed(this.name, objects)
      await clock.sleep(RESYNC_MS, context.signal)
    })
  }

  async #forever(what: string, turn: (context: AdapterContext) => Promise<void>): Promise<void> {
    const { clock, log } = this.#options
    const context = this.context(this.#stop.signal)
    let failures = 0
    while (!this.#stop.signal.aborted) {
      try {
        await turn(context)
        failures = 0
      } catch (cause) {
        if (this.#stop.signal.aborted) return
        const error = PcgError.from(cause)
        if (error.code === 'credentials') return this.suspend(error.message)
        failures++
        log.warn({ account: this.name, what, err: error }, 'cloud account failed')
      }
      await clock
        .sleep(failures === 0 ? 0 : backoffMs(WATCH_BACKOFF, failures), this.#stop.signal)
        .catch(() => undefined)
    }
  }
}

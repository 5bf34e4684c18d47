import { Agent } from 'undici'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { AdapterDependencies } from '../adapter.ts'
import type { PhoneHome, SandboxVm } from './vm.ts'

/** As patient as a real machine's `curl --retry`: a gateway that restarts meanwhile is met again. */
const RETRY: BackoffPolicy = { firstMs: 500, maxMs: 15_000, factor: 2 }
const MAX_TRIES = 200
/** To one gateway; the rest queues. */
const CONNECTIONS = 32

/** The guests' network: phones home over HTTPS as a real machine does, many guests over few connections. */
export class GuestNetwork {
  readonly #dependencies: AdapterDependencies
  /** By authority: guests of one gateway share it, and so their connections. */
  readonly #agents = new Map<string, Agent>()

  constructor(dependencies: AdapterDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Tells the gateway that this guest is up; tries again while it can't be reached. Returns whether it was accepted.
   * Rejects only when the signal aborts.
   */
  async report(vm: SandboxVm, phoneHome: PhoneHome, signal: AbortSignal): Promise<boolean> {
    const { clock, log } = this.#dependencies
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      try {
        const status = await this.#post(phoneHome, { phase: 'ready', addresses: [vm.address] }, signal)
        if (status < 300) return true
        if (status === 401 || status === 403 || status === 404) {
          log.warn({ vm: vm.id, machine: vm.owner.machine, status }, 'sandbox guest: phone-home refused')
          return false
        }
      } catch (cause) {
        if (signal.aborted) throw cause
        log.debug({ vm: vm.id, machine: vm.owner.machine, err: cause }, 'sandbox guest: phone-home failed')
      }
      await clock.sleep(backoffMs(RETRY, tries), signal)
    }
    return false
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
    this.#agents.clear()
  }

  async #post(phoneHome: PhoneHome, report: object, signal: AbortSignal): Promise<number> {
    const url = new URL(phoneHome.url)
    const response = await this.#agent(phoneHome.authority).request({
      origin: url.origin,
      path: url.pathname,
      method: 'POST',
      headers: { authorization: `Bearer ${phoneHome.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(report),
      signal,
    })
    await response.body.dump()
    return response.statusCode
  }

  #agent(authority: string): Agent {
    const known = this.#agents.get(authority)
    if (known !== undefined) return known
    const agent = new Agent({
      connections: CONNECTIONS,
      connect: { ca: authority, timeout: 10_000 },
      headersTimeout: 30_000,
    })
    this.#agents.set(authority, agent)
    return agent
  }
}

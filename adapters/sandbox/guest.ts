import { Agent } from 'undici'
import { z } from 'zod'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { AdapterDependencies } from '../adapter.ts'
import type { PhoneHome, SandboxVm } from './vm.ts'

/** As patient as a real machine's `curl --retry`: a gateway that restarts meanwhile is met again. */
const RETRY: BackoffPolicy = { firstMs: 500, maxMs: 15_000, factor: 2 }
const MAX_TRIES = 200
/** To one gateway; the rest queues. */
const CONNECTIONS = 32

const answerSchema = z.object({
  leaving: z.array(z.object({ name: z.string() })),
  againSeconds: z.number().nullable(),
})

/** What the gateway wants of a control plane, as far as a guest that runs nothing can do it. */
export type Duties = z.infer<typeof answerSchema>

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
        const report = { phase: 'ready', addresses: [vm.address] }
        const { status } = await this.#request(phoneHome, 'POST', '', signal, report)
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

  /** As a control plane's `join-wanted.sh` asks. Throws if there is no answer, or none that it can use. */
  async ask(phoneHome: PhoneHome, signal: AbortSignal): Promise<Duties> {
    const { text } = await this.#request(phoneHome, 'GET', '/join-wanted', signal)
    return answerSchema.parse(JSON.parse(text))
  }

  /** As `leave.sh` reports: no pods run here, so whoever is to leave has left. */
  async left(phoneHome: PhoneHome, machine: string, signal: AbortSignal): Promise<void> {
    await this.#request(phoneHome, 'POST', '/left', signal, { machine, outcome: 'left' })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
    this.#agents.clear()
  }

  async #request(
    phoneHome: PhoneHome,
    method: 'GET' | 'POST',
    below: '' | '/join-wanted' | '/left',
    signal: AbortSignal,
    body?: object,
  ): Promise<{ status: number; text: string }> {
    const url = new URL(phoneHome.url)
    const response = await this.#agent(phoneHome.authority).request({
      origin: url.origin,
      path: `${url.pathname}${below}`,
      method,
      headers: { authorization: `Bearer ${phoneHome.token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    })
    return { status: response.statusCode, text: await response.body.text() }
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

/** Foundations taken to their goal as the gateway does: observe, plan, one step, again. */
import type { FoundationSpec, Outcome } from '../../../../adapters/adapter.ts'
import type { OpenstackCloud } from '../../../../adapters/openstack/client/cloud.ts'
import type { OpenstackFoundation } from '../../../../adapters/openstack/foundation/foundation-observed.ts'
import { createFoundations } from '../../../../adapters/openstack/foundation/foundations.ts'
import { pollBalancer } from '../../../../adapters/openstack/foundation/load-balancer-wait.ts'
import { Names } from '../../../../adapters/openstack/names.ts'
import { type Clock, systemClock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'

/** More than any foundation needs, lost replies included. */
const MAX_ROUNDS = 80
const CONTEXT = { signal: new AbortController().signal, log: silentLog }
const HURRIED: Clock = { ...systemClock, sleep: async (_, signal) => signal.throwIfAborted() }

export class Life {
  readonly #cloud: OpenstackCloud
  readonly #foundations

  constructor(cloud: OpenstackCloud) {
    this.#cloud = cloud
    const names = new Names(cloud, systemClock)
    this.#foundations = createFoundations({ cloud, names, clock: systemClock, log: silentLog })
  }

  observe(spec: FoundationSpec): Promise<OpenstackFoundation | null> {
    return this.#foundations.observe(spec, CONTEXT)
  }

  /** Undefined if nothing is left to do. */
  async once(spec: FoundationSpec): Promise<Outcome | undefined> {
    const step = this.#foundations.plan(spec, await this.observe(spec))[0]
    if (step === undefined) return undefined
    let outcome = await this.#foundations.start(step, spec, CONTEXT)
    while (outcome.kind === 'running') outcome = await pollBalancer(this.#cloud, HURRIED, outcome.token, CONTEXT.signal)
    return outcome
  }

  /** Gives what is there in the end. Throws what is fatal. */
  async drive(spec: FoundationSpec): Promise<OpenstackFoundation | null> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const outcome = await this.once(spec)
      if (outcome === undefined) return this.observe(spec)
      if (outcome.kind === 'fatal' || outcome.kind === 'credentials') throw new Error(outcome.message)
    }
    throw new Error(`${spec.name} did not get to ${spec.want} in ${MAX_ROUNDS} steps`)
  }
}

/** OpenStack: machines are servers with ports and volumes of their own. See adapters/adapter.ts for what is promised. */
import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import type { Finding, InventoryItem } from '../../resources/query.ts'
import type {
  Adapter,
  AdapterContext,
  AdapterDependencies,
  Change,
  ExternalObject,
  FoundationSpec,
  Foundations,
  MachineSpec,
  Outcome,
} from '../adapter.ts'
import { cloudOptionsOf } from './account.ts'
import { throwIfAborted } from './client/cancellation.ts'
import { type OpenstackCloud, openCloud } from './client/cloud.ts'
import type { OpenstackCredentials } from './client/credentials.ts'
import type { OpenstackFoundation } from './foundation/foundation-observed.ts'
import type { FoundationStep } from './foundation/foundation-step.ts'
import { createFoundations } from './foundation/foundations.ts'
import { groundOf } from './foundation/ground.ts'
import { isBalancerToken, pollBalancer } from './foundation/load-balancer-wait.ts'
import { observeFoundation } from './foundation/observe.ts'
import { ServerGroups } from './foundation/server-groups.ts'
import type { World } from './foundation/world.ts'
import { listInventory } from './inventory.ts'
import type { OpenstackMachineStep } from './machine/machine-step.ts'
import { observeMachine } from './machine/observe.ts'
import type { OpenstackObserved } from './machine/observed.ts'
import { planMachine } from './machine/plan.ts'
import { pollMachine } from './machine/poll.ts'
import { ServerFeed } from './machine/server-feed.ts'
import { Site } from './machine/site.ts'
import { startMachineStep } from './machine/steps.ts'
import { parseToken } from './machine/token.ts'
import { Turns } from './machine/turns.ts'
import { watchMachines } from './machine/watch.ts'
import { Names } from './names.ts'
import { ownedObjects } from './owned.ts'
import { preflightMachines } from './preflight.ts'
import { verifyAccount } from './verify.ts'

/** Nova's API workers take requests in parallel, and its scheduler one after the other: more at once only wait there. */
const CONCURRENCY = 32
/** Between questions about single volumes, load balancers and their members, whoever asks. */
const QUESTION_GAP_MS = 100

/** An adapter for one project with one set of credentials; nothing is sent before it is first used. */
export function createOpenstackAdapter(
  spec: OpenstackAccountSpec,
  credentials: OpenstackCredentials,
  dependencies: AdapterDependencies,
): Adapter<OpenstackMachineStep, OpenstackObserved> {
  return new OpenstackAdapter(spec, credentials, dependencies)
}

class OpenstackAdapter implements Adapter<OpenstackMachineStep, OpenstackObserved> {
  readonly cloud = 'openstack'
  readonly concurrency = CONCURRENCY
  readonly foundations: Foundations<FoundationStep, OpenstackFoundation>
  readonly #spec: OpenstackAccountSpec
  readonly #credentials: OpenstackCredentials
  readonly #names: Names
  readonly #world: World
  readonly #cloud: OpenstackCloud
  readonly #site: Site
  readonly #feed: ServerFeed
  readonly #turns: Turns
  readonly #dependencies: AdapterDependencies

  constructor(spec: OpenstackAccountSpec, credentials: OpenstackCredentials, dependencies: AdapterDependencies) {
    const { clock, log } = dependencies
    const cloud = openCloud(cloudOptionsOf(spec), credentials, { clock, log })
    const names = new Names(cloud, clock)
    this.#spec = spec
    this.#credentials = credentials
    this.#cloud = cloud
    this.#names = names
    this.#site = new Site({ names, clock, groundOf: (machine, signal) => groundOf(cloud, machine, signal, names) })
    this.#world = { cloud, names, clock, serverGroups: new ServerGroups(cloud, clock) }
    this.foundations = createFoundations({ cloud, names, clock, log })
    this.#feed = new ServerFeed({ cloud, clock, log })
    this.#turns = new Turns(clock, QUESTION_GAP_MS)
    this.#dependencies = dependencies
  }

  async verify({ signal }: AdapterContext): Promise<Finding[]> {
    const { clock } = this.#dependencies
    return verifyAccount({ cloud: this.#cloud, spec: this.#spec, credentials: this.#credentials, clock }, signal)
  }

  async inventory({ signal }: AdapterContext): Promise<InventoryItem[]> {
    return listInventory(this.#cloud, signal)
  }

  async preflight(
    machines: readonly MachineSpec[],
    { signal }: AdapterContext,
    foundation?: FoundationSpec,
  ): Promise<Finding[]> {
    const observeOne = (spec: FoundationSpec, within: AbortSignal) => observeFoundation(this.#world, spec, within)
    const dependencies = { cloud: this.#cloud, names: this.#names, observeFoundation: observeOne }
    const findings = await preflightMachines(dependencies, machines, foundation, signal)
    // The next look is to see what was put right meanwhile.
    if (findings.some(({ severity }) => severity === 'error')) this.#site.forget()
    return findings
  }

  plan(spec: MachineSpec, observed: OpenstackObserved | null): OpenstackMachineStep[] {
    return planMachine(spec, observed)
  }

  async observe(spec: MachineSpec, { signal }: AdapterContext): Promise<OpenstackObserved | null> {
    return observeMachine(this.#cloud, this.#site, spec, signal)
  }

  async start(step: OpenstackMachineStep, spec: MachineSpec, context: AdapterContext): Promise<Outcome> {
    return startMachineStep({ cloud: this.#cloud, site: this.#site }, step, spec, context)
  }

  async poll(token: string, { signal }: AdapterContext): Promise<Outcome> {
    throwIfAborted(signal)
    if (isBalancerToken(token)) return pollBalancer(this.#cloud, this.#dependencies.clock, token, signal)
    const parsed = parseToken(token)
    if (parsed === undefined) return { kind: 'unknown', message: `${token} is nothing that goes on in OpenStack` }
    const { clock } = this.#dependencies
    const tools = { cloud: this.#cloud, feed: this.#feed, turns: this.#turns, now: () => clock.now() }
    return pollMachine(tools, parsed, signal)
  }

  watch(gateway: string, { signal }: AdapterContext): AsyncIterable<Change> {
    return watchMachines(this.#feed, gateway, signal)
  }

  owned(gateway: string, { signal }: AdapterContext): AsyncIterable<ExternalObject> {
    return ownedObjects(this.#cloud, gateway, signal)
  }

  async close(): Promise<void> {
    await this.#feed.close()
    await this.#cloud.close()
  }
}

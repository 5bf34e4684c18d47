/** vSphere: machines are VMs that are cloned from a template. See adapters/adapter.ts for what is promised. */
import type { VsphereAccountSpec } from '../../resources/cloud-account.ts'
import type { Finding, InventoryItem } from '../../resources/query.ts'
import type {
  Adapter,
  AdapterContext,
  AdapterDependencies,
  Change,
  ExternalObject,
  MachineSpec,
  Outcome,
} from '../adapter.ts'
import { throwIfAborted } from './abortable.ts'
import { CustomAttributes } from './custom-attributes.ts'
import { Feed } from './feed.ts'
import { listInventory } from './inventory.ts'
import { readTree } from './inventory-tree.ts'
import { observeMachine } from './machines.ts'
import type { VsphereObserved } from './observed.ts'
import { ownedObjects } from './owned.ts'
import { Placements } from './placements.ts'
import { planMachine, type VsphereStep } from './plan.ts'
import { preflightMachines } from './preflight.ts'
import { RecentTasks } from './recent-tasks.ts'
import { openSession, type Session, type VsphereCredentials } from './session.ts'
import { type StepDependencies, startStep } from './steps.ts'
import { pollTask } from './tasks.ts'
import type { Endpoint } from './trusted-agent.ts'
import { verifyAccount } from './verify.ts'
import { watchMachines } from './watch.ts'

/** vCenter runs about 8 provisioning operations a host and 128 a datastore at once, and queues the rest. */
const CONCURRENCY = 32
const HTTPS_PORT = 443

/** An adapter for one vCenter with one user; nothing is sent before it is first used. */
export function createVsphereAdapter(
  spec: VsphereAccountSpec,
  credentials: VsphereCredentials,
  dependencies: AdapterDependencies,
): Adapter<VsphereStep, VsphereObserved> {
  return new VsphereAdapter(spec, credentials, dependencies)
}

class VsphereAdapter implements Adapter<VsphereStep, VsphereObserved> {
  readonly cloud = 'vsphere'
  readonly concurrency = CONCURRENCY
  readonly foundations = null
  readonly #server: string
  readonly #session: Session
  readonly #feed: Feed
  readonly #steps: StepDependencies
  readonly #dependencies: AdapterDependencies

  constructor(spec: VsphereAccountSpec, credentials: VsphereCredentials, dependencies: AdapterDependencies) {
    const { clock, log } = dependencies
    const session = openSession(endpointOf(spec.server), spec, credentials, { clock, log })
    this.#server = spec.server
    this.#session = session
    this.#feed = new Feed({ session, clock, log })
    this.#steps = {
      session,
      placements: new Placements(session, clock),
      tasks: new RecentTasks(session),
      attributes: new CustomAttributes(session),
    }
    this.#dependencies = dependencies
  }

  async verify({ signal }: AdapterContext): Promise<Finding[]> {
    return verifyAccount(this.#session, this.#server, signal)
  }

  async inventory({ signal }: AdapterContext): Promise<InventoryItem[]> {
    return listInventory(await readTree(this.#session, signal))
  }

  async preflight(machines: readonly MachineSpec[], { signal }: AdapterContext): Promise<Finding[]> {
    return preflightMachines(this.#session, machines, signal)
  }

  plan(spec: MachineSpec, observed: VsphereObserved | null): VsphereStep[] {
    return planMachine(spec, observed)
  }

  async observe(spec: MachineSpec, { signal }: AdapterContext): Promise<VsphereObserved | null> {
    return observeMachine(this.#session, this.#steps.tasks, spec, signal)
  }

  async start(step: VsphereStep, spec: MachineSpec, context: AdapterContext): Promise<Outcome> {
    return startStep(this.#steps, step, spec, context)
  }

  async poll(token: string, { signal }: AdapterContext): Promise<Outcome> {
    throwIfAborted(signal)
    return pollTask(this.#session, this.#feed, token, signal)
  }

  watch(gateway: string, { signal }: AdapterContext): AsyncIterable<Change> {
    const { clock, log } = this.#dependencies
    return watchMachines({ session: this.#session, feed: this.#feed, clock, log }, gateway, signal)
  }

  owned(gateway: string, { signal }: AdapterContext): AsyncIterable<ExternalObject> {
    return ownedObjects(this.#session, gateway, signal)
  }

  async close(): Promise<void> {
    await this.#feed.close()
    await this.#session.close()
  }
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. */
export function endpointOf(server: string): Endpoint {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(server)
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: Number(bracketed[2] ?? HTTPS_PORT) }
  const [host = '', port, ...more] = server.split(':')
  if (more.length > 0) return { host: server, port: HTTPS_PORT }
  return { host, port: Number(port ?? HTTPS_PORT) }
}

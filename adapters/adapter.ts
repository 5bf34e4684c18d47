/**
 * What the gateway asks of a cloud. Every adapter keeps these promises, and `test/contract/` holds each of them to it,
 * against the sandbox and against the real peer:
 *
 * 1. Whatever is made carries the owner mark from its first moment, so that a crash between the call and the journal
 *    leaves nothing that can't be found.
 * 2. An error is thrown, and never comes back as null, an empty list or "not found".
 * 3. `start` may be called again after a crash, with the same step: it adopts what stands, and makes nothing twice.
 * 4. Whatever waits ends promptly, by rejecting, when its signal aborts.
 * 5. "Already so" (powered on, deleted) is success.
 */

import type { Cloud } from '../resources/cloud-account.ts'
import type { ClusterEndpoint, Placement } from '../resources/cluster.ts'
import type { MachineRole } from '../resources/machine.ts'
import type { Finding, InventoryItem } from '../resources/query.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'

/** A version-4 UUID in lower case: the identity of a machine, or of a foundation, on every side. */
export type MachineUid = string

/** What every object outside carries. */
export interface OwnerMark {
  /** `tenant/gateway`. */
  readonly gateway: string
  readonly cluster: string
  readonly machine: MachineUid
}

export type MachineAddress =
  | { readonly type: 'dhcp' }
  | {
      readonly type: 'static'
      readonly address: string
      readonly prefix: number
      readonly gateway: string
      readonly nameservers: readonly string[]
      readonly searchDomains: readonly string[]
    }

/** A machine as it should be. It never changes once the machine is made: another shape is another machine. */
export interface MachineSpec {
  readonly owner: OwnerMark
  /** Its name in the cloud and its host name. */
  readonly name: string
  readonly placement: Placement
  readonly role: MachineRole
  /** The pool that it belongs to: `control-plane` or a worker pool's name. */
  readonly pool: string
  readonly size: MachineSize
  /** Of the first disk; the template's own if absent. */
  readonly diskGiB?: number
  readonly disks: readonly { readonly sizeGiB: number }[]
  readonly address: MachineAddress
  /** Whose objects it stands on; absent where the cloud needs no foundation. */
  readonly foundation?: MachineUid
  /** What of the cluster's API endpoint it takes part in; absent if nothing. */
  readonly serves?: ServedEndpoint
  /** cloud-init's `#cloud-config`. Secret: it holds join tokens. */
  readonly userData: string
  readonly want: 'present' | 'absent'
}

/** What a machine is given: as many CPUs and as much memory as asked for, or what the cloud's flavor of that name or id has. */
export type MachineSize =
  | { readonly type: 'custom'; readonly cpus: number; readonly memoryMiB: number }
  | { readonly type: 'flavor'; readonly flavor: string }

export type ServedEndpoint =
  /** The guest may take this address besides its own, as kube-vip does. */
  | { readonly type: 'virtual-ip'; readonly address: string }
  /** The foundation's load balancer sends to this port of the machine. */
  | { readonly type: 'load-balancer'; readonly port: number }

/** What the machines of a cluster share in the cloud: its network, its security groups, the address of its API. */
export interface FoundationSpec {
  /** `machine` is the foundation's own uid. */
  readonly owner: OwnerMark
  /** The cluster's name. */
  readonly name: string
  readonly placement: Placement
  readonly endpoint: ClusterEndpoint
  readonly pools: readonly { readonly name: string; readonly role: MachineRole }[]
  readonly want: 'present' | 'absent'
}

/** An object in the cloud that carries a mark of ours. */
export interface ExternalObject {
  /** The cloud's own word: `VirtualMachine`, `Port`. */
  readonly kind: string
  /** What the cloud calls it: `vm-42`. */
  readonly id: string
  readonly name: string
  readonly owner: OwnerMark
}

/** A machine as the cloud shows it. An adapter adds what its own `plan` needs. */
export interface Observed {
  readonly power: 'on' | 'off' | 'suspended'
  readonly addresses: readonly string[]
  /** The main one first. */
  readonly objects: readonly ExternalObject[]
  /** False where only what belongs to the machine is there, and not itself: a port, a volume. It is there if absent. */
  readonly made?: boolean
}

/** A foundation as the cloud shows it. */
export interface FoundationObserved {
  /** The main one first. */
  readonly objects: readonly ExternalObject[]
  /** Where the cluster's API answers, once that is known; null before, and where the cluster brings its own. */
  readonly endpoint: FoundEndpoint | null
}

export interface FoundEndpoint {
  /** What the cluster's users, and its machines, connect to. */
  readonly address: string
  /** What a control-plane machine holds for that; null where a load balancer does it. */
  readonly virtualIp: string | null
}

/** One thing to do, small enough to be seen, retried and undone alone. It is journalled as JSON, and holds no secrets. */
export interface Step {
  /** `clone`, `power-on`, … */
  readonly kind: string
  /** For people: `clone debian-12 to prod-workers-x7k2p`. */
  readonly summary: string
  /** What may exist outside once it has started: in the ledger before that. */
  readonly creates: readonly { readonly kind: string; readonly name: string }[]
}

/** Why it may be tried again, which says how soon, and what else must wait. */
export type FaultClass = 'busy' | 'connection' | 'throttled' | 'capacity'

export type Outcome =
  | { readonly kind: 'done' }
  /** It goes on in the cloud; `poll` follows it by the token, after a crash too. Progress from 0 to 1. */
  | { readonly kind: 'running'; readonly token: string; readonly progress?: number }
  | { readonly kind: 'retryable'; readonly fault: FaultClass; readonly message: string; readonly afterMs?: number }
  /** Trying again can't help until somebody changes something. */
  | { readonly kind: 'fatal'; readonly reason: string; readonly message: string; readonly remedy: string }
  /** The cloud refused our user or password: the whole account stops until it is changed. */
  | { readonly kind: 'credentials'; readonly message: string }
  /** Sent, but the reply was lost: observe before trying again. */
  | { readonly kind: 'unknown'; readonly message: string }

/** Something happened to a machine of ours. What is observed is given where the cloud said it anyway. */
export interface Change {
  readonly machine: MachineUid
  readonly observed?: Observed | null
}

export interface AdapterContext {
  readonly signal: AbortSignal
  readonly log: Log
}

export interface Adapter<S extends Step = Step, O extends Observed = Observed> {
  readonly cloud: Cloud
  /** How many steps may run in this account at once. */
  readonly concurrency: number
  /** Checks reachability and privileges. Reads only. Refused credentials are thrown (code `credentials`), and tried once. */
  verify(context: AdapterContext): Promise<Finding[]>
  /** What a placement may choose from. Reads only. */
  inventory(context: AdapterContext): Promise<InventoryItem[]>
  /**
   * Whether these machines can be made, and what of their foundation is missing yet: placement, space, quota.
   * Before anything is spent. Reads only.
   */
  preflight(machines: readonly MachineSpec[], context: AdapterContext, foundation?: FoundationSpec): Promise<Finding[]>
  /** What leads from `observed` to `spec`, in order; empty when nothing is left to do. Pure. */
  plan(spec: MachineSpec, observed: O | null): S[]
  /** The machine by its mark; null only if the cloud says that there is none, and nothing that would make it is under way. */
  observe(spec: MachineSpec, context: AdapterContext): Promise<O | null>
  /** Begins the step. Idempotent by the mark (promise 3). Doesn't throw for what the cloud says: that is an Outcome. */
  start(step: S, spec: MachineSpec, context: AdapterContext): Promise<Outcome>
  /** What clusters need besides machines; null where they need nothing. */
  readonly foundations: Foundations | null
  /** What became of a running step. May wait up to 30 s for news. A token that the cloud forgot is `unknown`. */
  poll(token: string, context: AdapterContext): Promise<Outcome>
  /** Changes to this gateway's machines as they happen. Ends only by the signal; survives lost connections by itself. */
  watch(gateway: string, context: AdapterContext): AsyncIterable<Change>
  /** Everything with this gateway's mark. Complete, or it throws. */
  owned(gateway: string, context: AdapterContext): AsyncIterable<ExternalObject>
  /** Logs out and lets go. Nothing else is called afterwards. */
  close(): Promise<void>
}

/** The same promises as for machines, for what they share. */
export interface Foundations<S extends Step = Step, O extends FoundationObserved = FoundationObserved> {
  /** What leads from `observed` to `spec`, in order; empty when nothing is left to do. Pure. */
  plan(spec: FoundationSpec, observed: O | null): S[]
  /** By its mark; null only if the cloud has nothing of it. */
  observe(spec: FoundationSpec, context: AdapterContext): Promise<O | null>
  /** As the adapter's; its tokens are for the adapter's `poll`. */
  start(step: S, spec: FoundationSpec, context: AdapterContext): Promise<Outcome>
}

/** For a cloud without flavors. Throws `invalid` for a flavor. */
export function customSizeOf({ name, size }: Pick<MachineSpec, 'name' | 'size'>): {
  readonly cpus: number
  readonly memoryMiB: number
} {
  if (size.type === 'custom') return size
  throw new PcgError('invalid', `${name} asks for flavor ${size.flavor}, and this cloud has no flavors`, {
    subject: 'flavor',
    remedy: 'Give the pool cpus and memoryMiB.',
  })
}

export interface AdapterDependencies {
  readonly clock: Clock
  readonly log: Log
}

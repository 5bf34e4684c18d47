/** A machine as OpenStack shows it, with what the plan looks at. Pure. */
import type { ExternalObject, MachineSpec, Observed, OwnerMark } from '../../adapter.ts'
import { failuresIn } from './attempts.ts'
import type { SeenMember, SeenPort, SeenServer, SeenVolume, Slot } from './seen.ts'
import { powerOf } from './server-status.ts'

/** What a port lets through. */
export interface Protection {
  /** The ground's, and the placement's own; none: neutron chooses. */
  readonly securityGroupIds: readonly string[]
  /** The addresses that the guest may use besides its own. */
  readonly pairs: readonly string[]
}

/** What the placement's names stand for at present. */
export interface Wanted extends Protection {
  /** The flavor's name, whichever way the pool names it. */
  readonly flavor: string
}

/**
 * All that carries the machine's mark, of each kind the one that counts first. Others came of lost replies, or of two who made
 * the machine at once: the plan removes them.
 */
export interface Parts {
  readonly servers: readonly SeenServer[]
  readonly ports: readonly SeenPort[]
  readonly volumes: readonly SeenVolume[]
  readonly members: readonly SeenMember[]
}

export interface OpenstackObserved extends Observed, Parts {
  /** How often its build failed. */
  readonly failures: number
  /** Undefined where it isn't needed, or where a name of the placement stands for nothing any more. */
  readonly wanted: Wanted | undefined
}

export type Part =
  | { readonly kind: 'Server'; readonly id: string; readonly name: string }
  | { readonly kind: 'Port'; readonly id: string; readonly name: string }
  | { readonly kind: 'Volume'; readonly id: string; readonly name: string }
  | { readonly kind: 'Member'; readonly id: string; readonly name: string; readonly poolId: string }

/** Null where there is nothing of the machine. */
export function composeObserved(
  spec: Pick<MachineSpec, 'owner'>,
  found: Parts,
  wanted: Wanted | undefined,
): OpenstackObserved | null {
  const parts = inOrder(found)
  const all = partsOf(parts)
  if (all.length === 0) return null
  const server = parts.servers[0]
  const port = parts.ports[0]
  return {
    ...parts,
    made: server !== undefined,
    power: server === undefined ? 'off' : powerOf(server.status),
    addresses: [...(port?.addresses ?? []), ...(server?.floatingAddresses ?? [])],
    objects: all.map((part) => objectOf(part, spec.owner)),
    failures: failuresIn(parts.ports.flatMap(({ tags }) => tags)),
    wanted,
  }
}

/** The server first; then in the order in which they can be deleted. */
export function partsOf({ servers, members, volumes, ports }: Parts): Part[] {
  return [
    ...servers.map(({ id, name }) => ({ kind: 'Server', id, name }) as const),
    ...members.map(({ id, name, poolId }) => ({ kind: 'Member', id, name, poolId }) as const),
    ...volumes.map(({ id, name }) => ({ kind: 'Volume', id, name }) as const),
    ...ports.map(({ id, name }) => ({ kind: 'Port', id, name }) as const),
  ]
}

export function objectOf({ kind, id, name }: Part, owner: OwnerMark): ExternalObject {
  return { kind, id, name, owner }
}

/** The one of the machine's volumes that counts. */
export function volumeIn({ volumes }: Pick<Parts, 'volumes'>, slot: Slot): SeenVolume | undefined {
  return volumes.find((volume) => volume.slot === slot)
}

/** Whoever looks must choose the same: what is used goes before what isn't, what failed comes last, then the oldest, then the id. */
export function inOrder({ servers, ports, volumes, members }: Parts): Parts {
  const connected = new Set(ports.map(({ deviceId }) => deviceId))
  const sortedServers = sorted(servers, ({ id, status }) => [connected.has(id), status !== 'ERROR'])
  const main = sortedServers[0]
  return {
    servers: sortedServers,
    ports: sorted(ports, ({ deviceId }) => [deviceId !== '' && deviceId === main?.id, deviceId !== '']),
    volumes: sorted(volumes, ({ id, serverIds, status }) => [
      main !== undefined && (main.volumeIds.includes(id) || serverIds.includes(main.id)),
      !status.startsWith('error'),
    ]),
    members: sorted(members, ({ status }) => [status !== 'ERROR']),
  }
}

/** @param virtues the more important first */
function sorted<T extends { readonly id: string; readonly created: string }>(
  items: readonly T[],
  virtues: (item: T) => readonly boolean[],
): T[] {
  return items.toSorted((one, other) => {
    const [ones, others] = [virtues(one), virtues(other)]
    const at = ones.findIndex((virtue, index) => virtue !== others[index])
    if (at >= 0) return ones[at] === true ? -1 : 1
    if (one.created !== other.created) return one.created < other.created ? -1 : 1
    return one.id < other.id ? -1 : 1
  })
}

/** Finding the objects of a machine by its mark. Nothing that the cloud doesn't say is taken for absent: every error is thrown. */
import type { MachineSpec, OwnerMark } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { recordAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { machineTag, markText } from '../owner-mark.ts'
import { slotsOf } from './machine-step.ts'
import {
  readMember,
  readPort,
  readServer,
  readVolume,
  type SeenMember,
  type SeenPort,
  type SeenServer,
  type SeenVolume,
} from './seen.ts'

/** @param ports the machine's: a server that lost its tags is found by the port that it uses */
export async function findServers(
  cloud: OpenstackCloud,
  owner: OwnerMark,
  ports: readonly SeenPort[],
  signal: AbortSignal,
): Promise<SeenServer[]> {
  const listed = await listAll(cloud, 'compute', '/servers/detail', 'servers', { tags: machineTag(owner) }, signal)
  const servers = listed.map(readServer).filter((server) => isOwn(server, owner))
  const known = new Set(servers.map(({ id }) => id))
  const hidden = new Set(ports.map(({ deviceId }) => deviceId).filter((id) => id !== '' && !known.has(id)))
  for (const id of hidden) {
    const server = await findServer(cloud, id, signal)
    if (server?.owner?.machine === owner.machine && isOwn(server, owner)) servers.push(server)
  }
  return servers
}

export async function findServer(
  cloud: OpenstackCloud,
  id: string,
  signal: AbortSignal,
): Promise<SeenServer | undefined> {
  const found = await cloud.service('compute').find(`/servers/${id}`, { signal })
  return found === undefined ? undefined : readServer(recordAt(found, 'server'))
}

/** One that lost its metadata, but not its tag, is ours; one whose metadata says otherwise isn't. */
export function isOwn(server: SeenServer, owner: OwnerMark): boolean {
  if (server.owner === undefined) return server.tags.includes(machineTag(owner))
  return server.owner.machine === owner.machine && server.owner.gateway === owner.gateway
}

export async function findPorts(cloud: OpenstackCloud, owner: OwnerMark, signal: AbortSignal): Promise<SeenPort[]> {
  const query = { description: markText(owner) }
  return (await listAll(cloud, 'network', '/ports', 'ports', query, signal)).map(readPort)
}

export async function findPort(cloud: OpenstackCloud, id: string, signal: AbortSignal): Promise<SeenPort | undefined> {
  const found = await cloud.service('network').find(`/ports/${id}`, { signal })
  return found === undefined ? undefined : readPort(recordAt(found, 'port'))
}

/** Asks cinder only for a machine that has volumes of its own. */
export async function findVolumes(
  cloud: OpenstackCloud,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<SeenVolume[]> {
  if (slotsOf(spec).length === 0) return []
  const query = { metadata: JSON.stringify({ 'pcg-machine': spec.owner.machine }) }
  const volumes = await listAll(cloud, 'block-storage', '/volumes/detail', 'volumes', query, signal)
  return volumes.map(readVolume).filter(({ owner }) => sameOwner(owner, spec.owner))
}

export async function findVolume(
  cloud: OpenstackCloud,
  id: string,
  signal: AbortSignal,
): Promise<SeenVolume | undefined> {
  const found = await cloud.service('block-storage').find(`/volumes/${id}`, { signal })
  return found === undefined ? undefined : readVolume(recordAt(found, 'volume'))
}

export async function findMembers(
  cloud: OpenstackCloud,
  owner: OwnerMark,
  poolIds: readonly string[],
  signal: AbortSignal,
): Promise<SeenMember[]> {
  const found: SeenMember[] = []
  for (const poolId of poolIds) {
    const members = await listAll(
      cloud,
      'load-balancer',
      `/lbaas/pools/${poolId}/members`,
      'members',
      { tags: markText(owner) },
      signal,
    )
    found.push(
      ...members.map((member) => readMember(member, poolId)).filter((member) => sameOwner(member.owner, owner)),
    )
  }
  return found
}

export async function findMember(
  cloud: OpenstackCloud,
  poolId: string,
  id: string,
  signal: AbortSignal,
): Promise<SeenMember | undefined> {
  const found = await cloud.service('load-balancer').find(`/lbaas/pools/${poolId}/members/${id}`, { signal })
  return found === undefined ? undefined : readMember(recordAt(found, 'member'), poolId)
}

export function sameOwner(one: OwnerMark | undefined, other: OwnerMark): boolean {
  return one?.machine === other.machine && one.gateway === other.gateway
}

/** Everything in a project that bears a gateway's mark: complete, or it throws. */
import type { ExternalObject, OwnerMark } from '../adapter.ts'
import { unlessKept } from './balancing-role.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { foundationObjects } from './foundation/owned.ts'
import { textAt } from './json-value.ts'
import { listAll } from './listing.ts'
import { readMember, readPort, readServer, readVolume, type SeenServer } from './machine/seen.ts'
import { gatewayTag, machineOfTags, readPart } from './owner-mark.ts'

/**
 * The machines' objects, and what their clusters share. What others hang at comes last, so that what is made or goes meanwhile is
 * rather seen twice than not at all.
 */
export async function* ownedObjects(
  cloud: OpenstackCloud,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  yield* members(cloud, gateway, signal)
  // All of the project's: one that lost its tags, and not its metadata, is ours still.
  for (const value of await listAll(cloud, 'compute', '/servers/detail', 'servers', {}, signal)) {
    const server = readServer(value)
    const owner = ownerOf(server, gateway)
    if (owner?.gateway === gateway) yield { kind: 'Server', id: server.id, name: server.name, owner }
  }
  if (await cloud.has('block-storage', signal)) {
    for (const value of await listAll(cloud, 'block-storage', '/volumes/detail', 'volumes', {}, signal)) {
      const { id, name, owner } = readVolume(value)
      if (owner?.gateway === gateway) yield { kind: 'Volume', id, name, owner }
    }
  }
  const { projectId } = await cloud.identity(signal)
  const query = { project_id: projectId, fields: ['id', 'name', 'description'] }
  for (const value of await listAll(cloud, 'network', '/ports', 'ports', query, signal)) {
    const { id, name, owner } = readPort(value)
    const shared = readPart(textAt(value, 'description')) !== undefined
    if (owner?.gateway === gateway && !shared) yield { kind: 'Port', id, name, owner }
  }
  yield* foundationObjects(cloud, gateway, signal)
}

async function* members(cloud: OpenstackCloud, gateway: string, signal: AbortSignal): AsyncGenerator<ExternalObject> {
  if (!(await cloud.has('load-balancer', signal))) return
  const { projectId } = await cloud.identity(signal)
  const list = (path: string, key: string, query = {}) => listAll(cloud, 'load-balancer', path, key, query, signal)
  for (const pool of await unlessKept(() => list('/lbaas/pools', 'pools', { project_id: projectId }))) {
    const poolId = textAt(pool, 'id')
    for (const value of await list(`/lbaas/pools/${poolId}/members`, 'members')) {
      const { id, name, owner } = readMember(value, poolId)
      if (owner?.gateway === gateway) yield { kind: 'Member', id, name, owner }
    }
  }
}

/** By its tags where somebody took its metadata away: they don't say of which cluster it is. */
function ownerOf({ owner, tags }: SeenServer, gateway: string): OwnerMark | undefined {
  const machine = machineOfTags(tags)
  if (owner !== undefined || machine === undefined || !tags.includes(gatewayTag(gateway))) return owner
  return { gateway, cluster: '', machine }
}

/** Deleting what carries the machine's mark, and nothing else. */
import type { MachineSpec, Outcome } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { failuresIn, failureTag } from './attempts.ts'
import { failureOfVolume } from './failure.ts'
import { findMember, findPort, findPorts, findServer, findVolume, isOwn, sameOwner } from './finding.ts'
import type { Part } from './observed.ts'
import type { SeenServer, SeenVolume } from './seen.ts'
import { DONE, refusedByLock, running, type StepTools } from './step-tools.ts'

const SOON_MS = 1_000

export async function deletePart(
  { cloud }: StepTools,
  part: Part,
  { owner }: MachineSpec,
  signal: AbortSignal,
): Promise<Outcome> {
  switch (part.kind) {
    case 'Server': {
      const server = await findServer(cloud, part.id, signal)
      if (server === undefined) return DONE
      if (!isOwn(server, owner)) return foreign(part)
      return deleteServer(cloud, server, { goal: 'gone' }, signal)
    }
    case 'Volume': {
      const volume = await findVolume(cloud, part.id, signal)
      if (volume === undefined) return DONE
      if (!sameOwner(volume.owner, owner)) return foreign(part)
      return deleteVolume(cloud, volume, { goal: 'gone' }, signal)
    }
    case 'Port': {
      const port = await findPort(cloud, part.id, signal)
      if (port === undefined) return DONE
      if (!sameOwner(port.owner, owner)) return foreign(part)
      await cloud.service('network').delete(`/ports/${part.id}`, { signal })
      return DONE
    }
    case 'Member': {
      const member = await findMember(cloud, part.poolId, part.id, signal)
      if (member === undefined) return DONE
      if (!sameOwner(member.owner, owner)) return foreign(part)
      const path = `/lbaas/pools/${part.poolId}/members/${part.id}`
      if (member.status !== 'PENDING_DELETE') await cloud.service('load-balancer').delete(path, { signal })
      return running({ kind: 'member', poolId: part.poolId, id: part.id, until: { goal: 'gone' } })
    }
    default:
      return part satisfies never
  }
}

/** As `deletePart`, of what failed to be made: that it failed is written down before it is deleted. */
export async function discardPart(
  tools: StepTools,
  part: Part,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<Outcome> {
  const { cloud } = tools
  const server = part.kind === 'Server' ? await findServer(cloud, part.id, signal) : undefined
  const volume = part.kind === 'Volume' ? await findVolume(cloud, part.id, signal) : undefined
  if (server !== undefined) {
    if (!isOwn(server, spec.owner)) return foreign(part)
    const failures = await countFailure(cloud, spec, part.id, signal)
    return deleteServer(cloud, server, { goal: 'discarded', failures, fault: server.fault ?? '' }, signal)
  }
  if (volume !== undefined) {
    if (!sameOwner(volume.owner, spec.owner)) return foreign(part)
    const failures = await countFailure(cloud, spec, part.id, signal)
    const fault = await failureOfVolume(cloud, part.id, signal)
    return deleteVolume(cloud, volume, { goal: 'discarded', failures, fault }, signal)
  }
  return DONE
}

type Until =
  | { readonly goal: 'gone' }
  | { readonly goal: 'discarded'; readonly failures: number; readonly fault: string }

async function deleteServer(
  cloud: OpenstackCloud,
  server: SeenServer,
  until: Until,
  signal: AbortSignal,
): Promise<Outcome> {
  const following = running({ kind: 'server', id: server.id, until })
  if (server.task === 'deleting' || server.status === 'DELETED') return following
  const locked = refusedByLock(server)
  if (locked !== undefined) return locked
  const compute = cloud.service('compute')
  // Where nova keeps deleted servers for a while, the project's quota and our volumes wait for this.
  if (server.status === 'SOFT_DELETED')
    await compute.post(`/servers/${server.id}/action`, { forceDelete: null }, { signal })
  else await compute.delete(`/servers/${server.id}`, { signal })
  return following
}

async function deleteVolume(
  cloud: OpenstackCloud,
  volume: SeenVolume,
  until: Until,
  signal: AbortSignal,
): Promise<Outcome> {
  const following = running({ kind: 'volume', id: volume.id, until })
  switch (volume.status) {
    case 'deleting':
      return following
    case 'in-use':
    case 'attaching':
    case 'detaching':
    case 'reserved': {
      const where = volume.serverIds.length === 0 ? '' : ` by server ${volume.serverIds.join(', ')}`
      const message = `volume ${volume.name} (${volume.id}) is ${volume.status}${where}`
      return { kind: 'retryable', fault: 'busy', message, afterMs: SOON_MS }
    }
    default:
      await cloud.service('block-storage').delete(`/volumes/${volume.id}`, { signal })
      return following
  }
}

/** How often the machine failed to be built, with this one. */
async function countFailure(
  cloud: OpenstackCloud,
  { owner }: MachineSpec,
  failed: string,
  signal: AbortSignal,
): Promise<number> {
  const ports = await findPorts(cloud, owner, signal)
  const tags = new Set(ports.flatMap((port) => port.tags))
  const tag = failureTag(failed)
  const [port] = ports
  if (port !== undefined && !tags.has(tag))
    await cloud.service('network').put(`/ports/${port.id}/tags/${tag}`, {}, { signal })
  return failuresIn([...tags.add(tag)])
}

/** Somebody took our mark from it, and so took it over: it is left alone. */
function foreign({ kind, name, id }: Part): Outcome {
  return { kind: 'unknown', message: `${kind} ${name} (${id}) no longer carries the mark of its machine` }
}

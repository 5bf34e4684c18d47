import type { MachineSpec, Outcome } from '../../adapter.ts'
import { faultOf } from '../client/openstack-fault.ts'
import { recordAt, textAt } from '../json-value.ts'
import { failuresIn } from './attempts.ts'
import { findVolumes } from './finding.ts'
import { checkRoom, usableImage } from './image.ts'
import { slotsOf, volumeName } from './machine-step.ts'
import { inOrder, volumeIn } from './observed.ts'
import { type ServerIngredients, serverRequest } from './requests.ts'
import type { SeenPort, SeenServer } from './seen.ts'
import { needOf } from './server-status.ts'
import { placementOf } from './site.ts'
import { DONE, findServerWithPort, missing, refusedByLock, running, type StepTools } from './step-tools.ts'
import type { ServerGoal } from './token.ts'

export async function createServer(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { server, port, ports } = await findServerWithPort(tools, spec, signal)
  const until = { goal: 'built', failures: failuresIn(ports.flatMap(({ tags }) => tags)) } as const
  if (server !== undefined) return running({ kind: 'server', id: server.id, until })
  if (port === undefined) return missing(`the port of ${spec.name}`)
  const placement = placementOf(spec)
  const ingredients = await gather(tools, spec, port, signal)
  if ('kind' in ingredients) return ingredients
  const body = serverRequest(spec, placement, ingredients)
  try {
    const made = await tools.cloud.service('compute').post('/servers', body, { signal })
    return running({ kind: 'server', id: textAt(recordAt(made, 'server'), 'id'), until })
  } catch (error) {
    // Nova names by id what went meanwhile; asked for again by its name, it is said in the placement's words.
    if (faultOf(error)?.status === 400) {
      tools.site.forget()
      await gather(tools, spec, port, signal)
    }
    throw error
  }
}

/** What the server is made of; an outcome if a part is missing. */
async function gather(
  { cloud, site }: StepTools,
  spec: MachineSpec,
  port: SeenPort,
  signal: AbortSignal,
): Promise<ServerIngredients | Outcome> {
  const placement = placementOf(spec)
  const boots = placement.bootVolume !== undefined
  const [ground, flavor, image, found] = await Promise.all([
    site.ground(spec, signal),
    site.flavor(spec, signal),
    usableImage(site, placement, signal),
    findVolumes(cloud, spec, signal),
    placement.keypair === undefined ? undefined : site.names.keypair(placement.keypair, signal),
    placement.availabilityZone === undefined
      ? undefined
      : site.names.availabilityZone(placement.availabilityZone, signal),
  ])
  checkRoom(flavor, image, boots)
  const volumes = inOrder({ servers: [], ports: [], volumes: found, members: [] })
  const ids: string[] = []
  for (const { slot } of slotsOf(spec)) {
    const volume = volumeIn(volumes, slot)
    if (volume === undefined) return missing(`volume ${volumeName(spec, slot)}`)
    ids.push(volume.id)
  }
  const [bootVolumeId] = boots ? ids : []
  return {
    imageId: image.id,
    flavorId: flavor.id,
    portId: port.id,
    bootVolumeId,
    volumeIds: boots ? ids.slice(1) : ids,
    serverGroupId: ground.serverGroupId,
  }
}

export async function awaitServer(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { server, ports } = await findServerWithPort(tools, spec, signal)
  if (server === undefined) return missing(`server ${spec.name}`)
  const until: ServerGoal = server.launched
    ? { goal: 'settled' }
    : { goal: 'built', failures: failuresIn(ports.flatMap(({ tags }) => tags)) }
  return running({ kind: 'server', id: server.id, until })
}

export async function powerOn(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  return onServer(tools, spec, signal, { goal: 'running' }, (server) => {
    const need = needOf(server)
    return need.need === 'start' ? { [need.action]: null } : undefined
  })
}

/** A hard restart is what nova offers for a server that it failed with; its disks stay as they are. */
export async function recoverServer(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  return onServer(tools, spec, signal, { goal: 'running' }, (server) =>
    needOf(server).need === 'recover' ? { reboot: { type: 'HARD' } } : undefined,
  )
}

export async function resizeServer(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const flavor = await tools.site.flavor(spec, signal)
  return onServer(tools, spec, signal, { goal: 'resized' }, (server) =>
    server.flavor === flavor.name ? undefined : { resize: { flavorRef: flavor.id } },
  )
}

export async function decideResize(
  tools: StepTools,
  spec: MachineSpec,
  action: 'confirmResize' | 'revertResize',
  signal: AbortSignal,
): Promise<Outcome> {
  return onServer(tools, spec, signal, { goal: 'resize-decided' }, (server) =>
    server.status === 'VERIFY_RESIZE' ? { [action]: null } : undefined,
  )
}

/** Does to the machine's server what `actionOn` says; no action: nothing was left to do. What nova is about already is followed. */
async function onServer(
  tools: StepTools,
  spec: MachineSpec,
  signal: AbortSignal,
  until: ServerGoal,
  actionOn: (server: SeenServer) => object | undefined,
): Promise<Outcome> {
  const { server } = await findServerWithPort(tools, spec, signal)
  if (server === undefined) return missing(`server ${spec.name}`)
  const following = running({ kind: 'server', id: server.id, until })
  if (server.task !== undefined) return following
  const action = actionOn(server)
  if (action === undefined) return DONE
  const locked = refusedByLock(server)
  if (locked !== undefined) return locked
  await tools.cloud.service('compute').post(`/servers/${server.id}/action`, action, { signal })
  return following
}

import type { MachineSpec, Outcome } from '../../adapter.ts'
import { recordAt, textAt } from '../json-value.ts'
import { failuresIn } from './attempts.ts'
import { findPorts, findVolumes } from './finding.ts'
import { usableImage } from './image.ts'
import { slotsOf, volumeName } from './machine-step.ts'
import { inOrder, volumeIn } from './observed.ts'
import { volumeRequest } from './requests.ts'
import type { SeenServer, SeenVolume, Slot } from './seen.ts'
import { placementOf } from './site.ts'
import { DONE, findServerWithPort, missing, refusedByLock, running, type StepTools } from './step-tools.ts'

export async function createVolume(
  tools: StepTools,
  spec: MachineSpec,
  slot: Slot,
  signal: AbortSignal,
): Promise<Outcome> {
  const { cloud, site } = tools
  const placement = placementOf(spec)
  const failures = failuresIn((await findPorts(cloud, spec.owner, signal)).flatMap(({ tags }) => tags))
  const until = { goal: 'available', failures } as const
  const known = await findSlot(tools, spec, slot, undefined, signal)
  if (known !== undefined) return running({ kind: 'volume', id: known.id, until })
  const type = slot === 'boot' ? placement.bootVolume?.type : placement.volumeType
  const [image, volumeType] = await Promise.all([
    slot === 'boot' ? usableImage(site, placement, signal) : undefined,
    type === undefined ? undefined : site.names.volumeType(type, signal),
  ])
  const sizeGiB = slotsOf(spec).find((one) => one.slot === slot)?.sizeGiB ?? 0
  const body = volumeRequest(spec, slot, { sizeGiB, imageId: image?.id, volumeType: volumeType?.id })
  const made = await cloud.service('block-storage').post('/volumes', body, { signal })
  return running({ kind: 'volume', id: textAt(recordAt(made, 'volume'), 'id'), until })
}

export async function awaitVolume(
  tools: StepTools,
  spec: MachineSpec,
  slot: Slot,
  signal: AbortSignal,
): Promise<Outcome> {
  const volume = await findSlot(tools, spec, slot, undefined, signal)
  if (volume === undefined) return missing(`volume ${volumeName(spec, slot)}`)
  return running({ kind: 'volume', id: volume.id, until: { goal: 'available', failures: 0 } })
}

export async function attachVolume(
  tools: StepTools,
  spec: MachineSpec,
  slot: Slot,
  signal: AbortSignal,
): Promise<Outcome> {
  const { server } = await findServerWithPort(tools, spec, signal)
  if (server === undefined) return missing(`server ${spec.name}`)
  const volume = await findSlot(tools, spec, slot, server, signal)
  if (volume === undefined) return missing(`volume ${volumeName(spec, slot)}`)
  if (server.volumeIds.includes(volume.id)) return DONE
  const locked = refusedByLock(server)
  if (locked !== undefined) return locked
  const body = { volumeAttachment: { volumeId: volume.id } }
  await tools.cloud.service('compute').post(`/servers/${server.id}/os-volume_attachments`, body, { signal })
  return running({ kind: 'volume', id: volume.id, until: { goal: 'attached' } })
}

async function findSlot(
  { cloud }: StepTools,
  spec: MachineSpec,
  slot: Slot,
  server: SeenServer | undefined,
  signal: AbortSignal,
): Promise<SeenVolume | undefined> {
  const volumes = await findVolumes(cloud, spec, signal)
  return volumeIn(inOrder({ servers: server === undefined ? [] : [server], ports: [], volumes, members: [] }), slot)
}

/** What of the machines that are asked for is there already, by its mark: quotas count that as used. Reads only. */
import type { MachineSpec, MachineUid } from '../adapter.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { isRecord, recordsAt, textAt, textsAt } from './json-value.ts'
import { listAll } from './listing.ts'
import { gatewayTag, machineTag, markMetadata, readMarkMetadata, readMarkText } from './owner-mark.ts'

/** Of machines whose tags fit into one URL; of more, all that the gateway has are read. */
const TAGS_IN_A_URL = 50

export interface SeenPort {
  readonly id: string
  readonly name: string
  readonly networkId: string
  readonly deviceOwner: string
  readonly deviceId: string
  readonly addresses: readonly { readonly subnetId: string; readonly address: string }[]
  /** Whose it is by its mark; undefined for a port of somebody else. */
  readonly machine: MachineUid | undefined
}

export interface Standing {
  readonly servers: ReadonlySet<MachineUid>
  /** Of each machine, how many. */
  readonly volumes: ReadonlyMap<MachineUid, number>
  /** All that the project sees on the networks in question. */
  readonly ports: readonly SeenPort[]
  /** Which machines a server group has, by the group's name. */
  readonly groups: ReadonlyMap<string, number>
}

export interface StandingQuestion {
  readonly machines: readonly MachineSpec[]
  /** The networks that machines are to be on, and that exist already. */
  readonly networkIds: readonly string[]
  readonly projectId: string
}

export async function readStanding(
  cloud: OpenstackCloud,
  { machines, networkIds, projectId }: StandingQuestion,
  signal: AbortSignal,
): Promise<Standing> {
  const withVolumes = machines.some((machine) => volumesOf(machine).length > 0)
  const [servers, volumes, portLists, groups] = await Promise.all([
    serversOf(cloud, machines, signal),
    withVolumes ? volumesIn(cloud, machines, signal) : [],
    Promise.all([
      ...networkIds.map((id) => portsOn(cloud, { network_id: id }, signal)),
      // On a network that is made for the cluster every port is the project's own.
      portsOn(cloud, { project_id: projectId }, signal),
    ]),
    machines.some(({ foundation }) => foundation !== undefined)
      ? listAll(cloud, 'compute', '/os-server-groups', 'server_groups', {}, signal)
      : [],
  ])
  const counts = new Map<MachineUid, number>()
  for (const machine of volumes) counts.set(machine, (counts.get(machine) ?? 0) + 1)
  return {
    servers: new Set(servers),
    volumes: counts,
    ports: [...new Map(portLists.flat().map((port) => [port.id, port])).values()],
    groups: new Map(groups.map((group) => [textAt(group, 'name'), textsAt(group, 'members').length])),
  }
}

/** GiB of each volume that a machine is to have. Pure. */
export function volumesOf({ placement, diskGiB, disks }: MachineSpec): { sizeGiB: number; type: string | undefined }[] {
  if (placement.cloud !== 'openstack') return []
  const { bootVolume, volumeType } = placement
  const boot = bootVolume === undefined ? [] : [{ sizeGiB: diskGiB ?? 0, type: bootVolume.type }]
  return [...boot, ...disks.map(({ sizeGiB }) => ({ sizeGiB, type: volumeType }))]
}

async function serversOf(
  cloud: OpenstackCloud,
  machines: readonly MachineSpec[],
  signal: AbortSignal,
): Promise<MachineUid[]> {
  if (machines.length === 0) return []
  const gateways = new Set(machines.map(({ owner }) => gatewayTag(owner.gateway)))
  const query =
    machines.length <= TAGS_IN_A_URL
      ? { 'tags-any': machines.map(({ owner }) => machineTag(owner)).join(',') }
      : { 'tags-any': [...gateways].join(',') }
  return marked(await listAll(cloud, 'compute', '/servers/detail', 'servers', query, signal), machines)
}

/** Cluster by cluster: cinder compares every pair of the filter. */
async function volumesIn(
  cloud: OpenstackCloud,
  machines: readonly MachineSpec[],
  signal: AbortSignal,
): Promise<MachineUid[]> {
  const filters = new Set(
    machines.map(({ owner }) => {
      const { 'pcg-machine': _, ...cluster } = markMetadata(owner)
      // Cinder reads the filter as Python writes a dict, of which this JSON is one.
      return JSON.stringify(cluster)
    }),
  )
  const lists = await Promise.all(
    [...filters].map((metadata) => listAll(cloud, 'block-storage', '/volumes/detail', 'volumes', { metadata }, signal)),
  )
  return marked(lists.flat(), machines)
}

/** Of objects with our mark: whose they are. */
function marked(objects: readonly unknown[], machines: readonly MachineSpec[]): MachineUid[] {
  const gateways = new Set(machines.map(({ owner }) => owner.gateway))
  return objects.flatMap((object) => {
    const metadata = isRecord(object) && isRecord(object.metadata) ? object.metadata : undefined
    const owner = readMarkMetadata(metadata)
    return owner !== undefined && gateways.has(owner.gateway) ? [owner.machine] : []
  })
}

async function portsOn(
  cloud: OpenstackCloud,
  filter: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<SeenPort[]> {
  const query = {
    ...filter,
    fields: ['id', 'name', 'network_id', 'device_owner', 'device_id', 'fixed_ips', 'description'],
  }
  return (await listAll(cloud, 'network', '/ports', 'ports', query, signal)).map((port) => ({
    id: textAt(port, 'id'),
    name: textAt(port, 'name'),
    networkId: textAt(port, 'network_id'),
    deviceOwner: textAt(port, 'device_owner'),
    deviceId: textAt(port, 'device_id'),
    addresses: recordsAt(port, 'fixed_ips').map((ip) => ({
      subnetId: textAt(ip, 'subnet_id'),
      address: textAt(ip, 'ip_address'),
    })),
    machine: readMarkText(textAt(port, 'description'))?.machine,
  }))
}

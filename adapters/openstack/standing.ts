/** What of the machines that are asked for is there already, by its mark: quotas count that as used. Reads only. */
import type { MachineSpec, MachineUid } from '../adapter.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { isRecord, recordsAt, textAt, textsAt } from './json-value.ts'
import { listAll } from './listing.ts'
import { gatewayTag, readMarkMetadata, readMarkText } from './owner-mark.ts'

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
  const gateways = [...new Set(machines.map(({ owner }) => owner.gateway))]
  const withVolumes = machines.some((machine) => volumesOf(machine).length > 0)
  const [servers, volumes, portLists, groups] = await Promise.all([
    Promise.all(gateways.map((gateway) => serversOf(cloud, gateway, signal))),
    withVolumes ? Promise.all(gateways.map((gateway) => volumesIn(cloud, gateway, signal))) : [],
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
  for (const machine of volumes.flat()) counts.set(machine, (counts.get(machine) ?? 0) + 1)
  return {
    servers: new Set(servers.flat()),
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

async function serversOf(cloud: OpenstackCloud, gateway: string, signal: AbortSignal): Promise<MachineUid[]> {
  const query = { tags: gatewayTag(gateway) }
  return marked(await listAll(cloud, 'compute', '/servers/detail', 'servers', query, signal), gateway)
}

async function volumesIn(cloud: OpenstackCloud, gateway: string, signal: AbortSignal): Promise<MachineUid[]> {
  // Cinder reads the filter as Python writes a dict, of which this JSON is one.
  const query = { metadata: JSON.stringify({ 'pcg-gateway': gateway }) }
  return marked(await listAll(cloud, 'block-storage', '/volumes/detail', 'volumes', query, signal), gateway)
}

function marked(objects: readonly unknown[], gateway: string): MachineUid[] {
  return objects.flatMap((object) => {
    const metadata = isRecord(object) && isRecord(object.metadata) ? object.metadata : undefined
    const owner = readMarkMetadata(metadata)
    return owner?.gateway === gateway ? [owner.machine] : []
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

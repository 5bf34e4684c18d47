/** What a placement may name: one list for each kind, all read at once. Reads only. */
import type { InventoryItem } from '../../resources/query.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import type { QueryValue } from './client/service.ts'
import type { ServiceType } from './client/service-type.ts'
import { freeAddresses } from './free-addresses.ts'
import { isRecord, type JsonRecord, textAt, textsAt } from './json-value.ts'
import { listAll } from './listing.ts'
import {
  flavorFrom,
  imageFrom,
  type Named,
  namedFrom,
  networkFrom,
  subnetFrom,
  volumeTypeFrom,
  zoneFrom,
} from './named.ts'

const MIB = 1024 ** 2

type Detail = InventoryItem['detail']

interface Entry extends Named {
  readonly kind: string
  /** What it lies in, for people: a subnet's network. */
  readonly within?: string
  readonly detail: Detail
}

/** @throws what the services answer; a cloud without volumes has no volume types */
export async function listInventory(cloud: OpenstackCloud, signal: AbortSignal): Promise<InventoryItem[]> {
  const list = (service: ServiceType, path: string, key: string, query: Readonly<Record<string, QueryValue>> = {}) =>
    listAll(cloud, service, path, key, query, signal)
  const { projectId } = await cloud.identity(signal)
  const volumes = await cloud.has('block-storage', signal)
  const [flavors, images, networks, subnets, free, zones, types, groups, keypairs, securityGroups] = await Promise.all([
    list('compute', '/flavors/detail', 'flavors'),
    list('image', '/images', 'images'),
    list('network', '/networks', 'networks'),
    list('network', '/subnets', 'subnets'),
    freeAddresses(cloud, signal),
    list('compute', '/os-availability-zone', 'availabilityZoneInfo'),
    volumes ? list('block-storage', '/types', 'volume_types') : [],
    list('compute', '/os-server-groups', 'server_groups'),
    list('compute', '/os-keypairs', 'keypairs'),
    list('network', '/security-groups', 'security_groups', { project_id: projectId }),
  ])
  const networkNames = new Map(networks.map(networkFrom).map(({ id, name }) => [id, name === '' ? id : name]))
  return itemsOf([
    ...flavors.map(flavorEntry),
    ...images.map(imageEntry),
    ...networks.map(networkEntry),
    ...subnets.map((subnet) => subnetEntry(subnet, networkNames, free)),
    ...zones.map(zoneEntry),
    ...types.map(volumeTypeEntry),
    ...groups.map(serverGroupEntry),
    ...keypairs.map(keypairEntry),
    ...securityGroups.map((group): Entry => ({ kind: 'security-group', ...namedFrom(group), detail: {} })),
  ])
}

function flavorEntry(value: unknown): Entry {
  const { id, name, vcpus, ram, disk } = flavorFrom(value)
  return { kind: 'flavor', id, name, detail: { vcpus, ramMiB: ram, diskGiB: disk } }
}

function imageEntry(value: unknown): Entry {
  const { id, name, status, minDisk, minRam, size, diskFormat } = imageFrom(value)
  const detail: Record<string, string | number | boolean> = { status, usable: status === 'active' }
  if (minDisk > 0) detail.minDiskGiB = minDisk
  if (minRam > 0) detail.minRamMiB = minRam
  if (size !== null) detail.sizeMiB = Math.ceil(size / MIB)
  if (diskFormat !== '') detail.format = diskFormat
  return { kind: 'image', id, name, detail }
}

/** An external one is for routers and floating IPs; machines can be on the others. */
function networkEntry(value: unknown): Entry {
  const { id, name, external, shared, up } = networkFrom(value)
  return {
    kind: external ? 'external-network' : 'network',
    id,
    name,
    detail: { ...(external ? {} : { external }), shared, ...(up ? {} : { up }) },
  }
}

function subnetEntry(value: unknown, networks: ReadonlyMap<string, string>, free: ReadonlyMap<string, number>): Entry {
  const { id, name, networkId, cidr, dhcp } = subnetFrom(value)
  const network = networks.get(networkId) ?? networkId
  const freeAddresses = free.get(id)
  return {
    kind: 'subnet',
    id,
    name,
    within: network,
    detail: { cidr, network, dhcp, ...(freeAddresses === undefined ? {} : { freeAddresses }) },
  }
}

function zoneEntry(value: unknown): Entry {
  const { id, name, available } = zoneFrom(value)
  return { kind: 'availability-zone', id, name, detail: { available } }
}

function volumeTypeEntry(value: unknown): Entry {
  const { id, name, public: shared } = volumeTypeFrom(value)
  return { kind: 'volume-type', id, name, detail: { public: shared } }
}

function serverGroupEntry(value: unknown): Entry {
  // One policy as a text since microversion 2.64, a list before.
  const policy = textAt(value, 'policy') || textsAt(value, 'policies').join(' ')
  return { kind: 'server-group', ...namedFrom(value), detail: { policy, members: textsAt(value, 'members').length } }
}

function keypairEntry(value: unknown): Entry {
  const keypair: JsonRecord = isRecord(value) && isRecord(value.keypair) ? value.keypair : {}
  const name = textAt(keypair, 'name')
  return { kind: 'keypair', id: name, name, detail: { type: textAt(keypair, 'type') || 'ssh' } }
}

/** The id takes the place of a name that others of its kind (a subnet: on its network) have as well, or that is empty. */
function itemsOf(entries: readonly Entry[]): InventoryItem[] {
  const key = ({ kind, within = '', name }: Entry) => JSON.stringify([kind, within, name])
  const counts = new Map<string, number>()
  for (const entry of entries) counts.set(key(entry), (counts.get(key(entry)) ?? 0) + 1)
  return entries.map((entry) => {
    const { kind, id, name, within, detail } = entry
    const shown = name === '' ? id : name
    return {
      kind,
      name: name === '' || counts.get(key(entry)) !== 1 ? id : name,
      path: within === undefined ? shown : `${within}/${shown}`,
      detail: { id, ...detail },
    }
  })
}

/** What the services say of the things that a placement names, as far as machines and their checks need it. Pure. */
import { isRecord, numberAt, recordsAt, textAt, textsAt } from './json-value.ts'

export interface Named {
  readonly id: string
  readonly name: string
}

export interface NamedImage extends Named {
  /** Glance's: only an `active` one can be booted from. */
  readonly status: string
  /** GiB. */
  readonly minDisk: number
  /** MiB. */
  readonly minRam: number
  /** Bytes, as uploaded; null while the image is queued. */
  readonly size: number | null
  /** Bytes, as a guest sees it; null where glance doesn't know. */
  readonly virtualSize: number | null
  /** `qcow2`, `raw`, …; empty while the image is queued. */
  readonly diskFormat: string
}

export interface NamedFlavor extends Named {
  readonly vcpus: number
  /** MiB. */
  readonly ram: number
  /** GiB; 0 where the flavor leaves the size to the image. */
  readonly disk: number
  /** GiB. */
  readonly ephemeral: number
  /** MiB. */
  readonly swap: number
  readonly extraSpecs: Readonly<Record<string, string>>
}

export interface NamedNetwork extends Named {
  /** Leads out of the cloud; floating IPs come from it. */
  readonly external: boolean
  readonly shared: boolean
  readonly projectId: string
  readonly up: boolean
  /** False where ports have neither security groups nor address pairs unless they say so. */
  readonly portSecurity: boolean
  readonly subnetIds: readonly string[]
}

export interface NamedSubnet extends Named {
  readonly networkId: string
  readonly ipVersion: 4 | 6
  readonly cidr: string
  readonly gatewayIp: string | null
  readonly dhcp: boolean
  readonly pools: readonly { readonly start: string; readonly end: string }[]
  readonly nameservers: readonly string[]
}

export interface NamedVolumeType extends Named {
  readonly public: boolean
}

export interface NamedZone extends Named {
  /** As an administrator set it; nothing can be put into one that isn't. */
  readonly available: boolean
}

export function imageFrom(value: unknown): NamedImage {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    status: textAt(value, 'status'),
    minDisk: numberAt(value, 'min_disk') ?? 0,
    minRam: numberAt(value, 'min_ram') ?? 0,
    size: numberAt(value, 'size') ?? null,
    virtualSize: numberAt(value, 'virtual_size') ?? null,
    diskFormat: textAt(value, 'disk_format'),
  }
}

export function flavorFrom(value: unknown): NamedFlavor {
  const specs = isRecord(value) && isRecord(value.extra_specs) ? value.extra_specs : {}
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    vcpus: numberAt(value, 'vcpus') ?? 0,
    ram: numberAt(value, 'ram') ?? 0,
    disk: numberAt(value, 'disk') ?? 0,
    ephemeral: numberAt(value, 'OS-FLV-EXT-DATA:ephemeral') ?? 0,
    // Nova writes no swap as an empty text below microversion 2.75.
    swap: numberAt(value, 'swap') ?? 0,
    extraSpecs: Object.fromEntries(Object.entries(specs).map(([key, each]) => [key, String(each)])),
  }
}

export function networkFrom(value: unknown): NamedNetwork {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    external: isRecord(value) && value['router:external'] === true,
    shared: isRecord(value) && value.shared === true,
    projectId: textAt(value, 'project_id'),
    up: isRecord(value) && value.admin_state_up !== false,
    portSecurity: isRecord(value) && value.port_security_enabled !== false,
    subnetIds: textsAt(value, 'subnets'),
  }
}

export function subnetFrom(value: unknown): NamedSubnet {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    networkId: textAt(value, 'network_id'),
    ipVersion: numberAt(value, 'ip_version') === 6 ? 6 : 4,
    cidr: textAt(value, 'cidr'),
    gatewayIp: textAt(value, 'gateway_ip') || null,
    dhcp: isRecord(value) && value.enable_dhcp !== false,
    pools: recordsAt(value, 'allocation_pools').map((pool) => ({
      start: textAt(pool, 'start'),
      end: textAt(pool, 'end'),
    })),
    nameservers: textsAt(value, 'dns_nameservers'),
  }
}

export function volumeTypeFrom(value: unknown): NamedVolumeType {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    public: isRecord(value) && value.is_public !== false,
  }
}

export function namedFrom(value: unknown): Named {
  return { id: textAt(value, 'id'), name: textAt(value, 'name') }
}

/** Nova gives keypairs no other id than their name. */
export function keypairFrom(value: unknown): Named {
  const name = textAt(isRecord(value) ? value.keypair : undefined, 'name')
  return { id: name, name }
}

export function zoneFrom(value: unknown): NamedZone {
  const name = textAt(value, 'zoneName')
  const state = isRecord(value) ? value.zoneState : undefined
  return { id: name, name, available: isRecord(state) && state.available === true }
}

/** The objects that a machine is made of, as the services tell of them. Pure. */
import type { OwnerMark } from '../../adapter.ts'
import { isRecord, numberAt, recordAt, recordsAt, textAt, textsAt } from '../json-value.ts'
import { readMarkMetadata, readMarkText } from '../owner-mark.ts'

/** Its place among the machine's volumes: the one that it boots from, or the number (from 1) of a further one. */
export type Slot = 'boot' | number

export interface SeenServer {
  readonly id: string
  readonly name: string
  /** Nova's `status`: `ACTIVE`, `VERIFY_RESIZE`, … */
  readonly status: string
  /** What nova does with it at present; undefined where nothing. */
  readonly task: string | undefined
  /** Nova's words, of one in ERROR. */
  readonly fault: string | undefined
  /** The name of its flavor when it got it. */
  readonly flavor: string
  readonly locked: boolean
  /** It has run at some time. */
  readonly launched: boolean
  /** RFC 3339, in whole seconds. */
  readonly created: string
  readonly updated: string
  readonly volumeIds: readonly string[]
  readonly floatingAddresses: readonly string[]
  readonly tags: readonly string[]
  readonly owner: OwnerMark | undefined
}

export interface SeenPort {
  readonly id: string
  readonly name: string
  readonly created: string
  /** The server that uses it; empty if none. */
  readonly deviceId: string
  readonly addresses: readonly string[]
  readonly securityGroupIds: readonly string[]
  /** The addresses that its guest may use besides its own. */
  readonly pairs: readonly string[]
  readonly tags: readonly string[]
  readonly owner: OwnerMark | undefined
}

export interface SeenVolume {
  readonly id: string
  readonly name: string
  /** Cinder's: `available`, `in-use`, … */
  readonly status: string
  readonly created: string
  /** Undefined of one that isn't a machine's. */
  readonly slot: Slot | undefined
  /** The servers that have it. */
  readonly serverIds: readonly string[]
  readonly owner: OwnerMark | undefined
}

export interface SeenMember {
  readonly id: string
  readonly name: string
  readonly poolId: string
  readonly address: string
  readonly port: number
  /** Octavia's provisioning status: `ACTIVE`, `PENDING_CREATE`, `ERROR`, … */
  readonly status: string
  readonly created: string
  readonly owner: OwnerMark | undefined
}

/** In a volume's metadata: which of its machine's volumes it is. */
export const SLOT_KEY = 'pcg-slot'

export function slotText(slot: Slot): string {
  return slot === 'boot' ? 'boot' : `disk-${slot}`
}

function readSlot(text: string): Slot | undefined {
  if (text === 'boot') return 'boot'
  const number = /^disk-(\d+)$/.exec(text)?.[1]
  return number === undefined ? undefined : Number(number)
}

export function readServer(value: unknown): SeenServer {
  const addresses = Object.values(recordAt(value, 'addresses')).flatMap((list) => (Array.isArray(list) ? list : []))
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    status: textAt(value, 'status'),
    task: textAt(value, 'OS-EXT-STS:task_state') || undefined,
    fault: textAt(recordAt(value, 'fault'), 'message') || undefined,
    flavor: textAt(recordAt(value, 'flavor'), 'original_name'),
    locked: isRecord(value) && value.locked === true,
    launched: textAt(value, 'OS-SRV-USG:launched_at') !== '',
    created: textAt(value, 'created'),
    updated: textAt(value, 'updated'),
    volumeIds: recordsAt(value, 'os-extended-volumes:volumes_attached').map((volume) => textAt(volume, 'id')),
    floatingAddresses: addresses
      .filter((address) => textAt(address, 'OS-EXT-IPS:type') === 'floating')
      .map((address) => textAt(address, 'addr')),
    tags: textsAt(value, 'tags'),
    owner: readMarkMetadata(recordAt(value, 'metadata')),
  }
}

export function readPort(value: unknown): SeenPort {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    created: textAt(value, 'created_at'),
    deviceId: textAt(value, 'device_id'),
    addresses: recordsAt(value, 'fixed_ips').map((fixed) => textAt(fixed, 'ip_address')),
    securityGroupIds: textsAt(value, 'security_groups'),
    pairs: recordsAt(value, 'allowed_address_pairs').map((pair) => textAt(pair, 'ip_address')),
    tags: textsAt(value, 'tags'),
    owner: readMarkText(textAt(value, 'description')),
  }
}

export function readVolume(value: unknown): SeenVolume {
  const metadata = recordAt(value, 'metadata')
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    status: textAt(value, 'status'),
    created: textAt(value, 'created_at'),
    slot: readSlot(textAt(metadata, SLOT_KEY)),
    serverIds: recordsAt(value, 'attachments').map((attachment) => textAt(attachment, 'server_id')),
    owner: readMarkMetadata(metadata),
  }
}

export function readMember(value: unknown, poolId: string): SeenMember {
  return {
    id: textAt(value, 'id'),
    name: textAt(value, 'name'),
    poolId,
    address: textAt(value, 'address'),
    port: numberAt(value, 'protocol_port') ?? 0,
    status: textAt(value, 'provisioning_status'),
    created: textAt(value, 'created_at'),
    owner: textsAt(value, 'tags').flatMap((tag) => readMarkText(tag) ?? [])[0],
  }
}

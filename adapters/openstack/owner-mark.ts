/**
 * How an object says whose it is. Each service has another place for it that can be set in the call that makes the object:
 * Neutron and Octavia a description, Nova and Cinder metadata (and Nova tags, because everybody may filter by those), and a
 * server group nothing but its name.
 */
import { createHash } from 'node:crypto'
import type { MachineUid, OwnerMark } from '../adapter.ts'

const PATTERN = /^pcg:v1 gateway=(\S+) cluster=(\S+) machine=([0-9a-f-]{36})(?: (?:pool|part)=(\S+))?$/

/** For a description; the services filter by it exactly. At most 255 characters. */
export function markText({ gateway, cluster, machine }: OwnerMark): string {
  return `pcg:v1 gateway=${gateway} cluster=${cluster} machine=${machine}`
}

/** As `markText`, for one of several objects of a kind that a cluster shares: which of them it is. */
export function partText(owner: OwnerMark, part: string): string {
  return `${markText(owner)} part=${part}`
}

/** Which part of a cluster's foundation a description names, or which pool a server group's name; undefined if none. */
export function readPart(text: unknown): string | undefined {
  return typeof text === 'string' ? PATTERN.exec(text)?.[4] : undefined
}

/** The name of a server group, which keeps the machines of a pool apart. */
export function serverGroupName(owner: OwnerMark, pool: string): string {
  return `${markText(owner)} pool=${pool}`
}

/** Whose a description or a server group's name is; undefined if not ours. */
export function readMarkText(text: unknown): OwnerMark | undefined {
  const found = typeof text === 'string' ? PATTERN.exec(text) : null
  if (found === null) return undefined
  const [, gateway = '', cluster = '', machine = ''] = found
  return { gateway, cluster, machine }
}

/** For servers and volumes. */
export function markMetadata({ gateway, cluster, machine }: OwnerMark): Record<string, string> {
  return { 'pcg-gateway': gateway, 'pcg-cluster': cluster, 'pcg-machine': machine }
}

export function readMarkMetadata(metadata: Readonly<Record<string, unknown>> | undefined): OwnerMark | undefined {
  const { 'pcg-gateway': gateway, 'pcg-cluster': cluster, 'pcg-machine': machine } = metadata ?? {}
  if (typeof gateway !== 'string' || typeof cluster !== 'string' || typeof machine !== 'string') return undefined
  return { gateway, cluster, machine }
}

/** Of a server: to find it by its machine, and all of a gateway's. A tag has at most 60 characters, and no slash. */
export function machineTag({ machine }: Pick<OwnerMark, 'machine'>): string {
  return `pcg-machine.${machine}`
}

export function machineOfTags(tags: readonly string[]): MachineUid | undefined {
  return tags.flatMap((tag) => /^pcg-machine\.(.+)$/.exec(tag)?.[1] ?? [])[0]
}

export function gatewayTag(gateway: string): string {
  return `pcg-gateway.${createHash('sha256').update(gateway).digest('hex').slice(0, 32)}`
}

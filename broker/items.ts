/** What a tenant is shown of what is stored. */
import type { GatewayStatus } from '../resources/gateway.ts'
import type { MachineStatus, TimelineEntry } from '../resources/machine.ts'
import type { Kind, Resource } from '../resources/resource.ts'
import type { GatewayIdentity } from '../tunnel/identity.ts'
import { notFound } from './desired-state.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sessions } from './sessions.ts'
import type { BrokerStore } from './store/broker-store.ts'
import type { NewEvent, StoredEvent } from './store/event-store.ts'
import type { StoredEntry, StoredMachine } from './store/machine-store.ts'
import type { StoredResource } from './store/resource-store.ts'

export interface ResourceItem {
  readonly resource: Resource
  readonly generation: number
  readonly deleting: boolean
  /** ISO 8601 */
  readonly createdAt: string
  /** ISO 8601 */
  readonly updatedAt: string
  readonly status: Readonly<Record<string, unknown>> | null
}

export interface MachineItem {
  readonly kind: 'Machine'
  readonly name: string
  readonly cluster: string
  readonly status: MachineStatus
  /** ISO 8601 */
  readonly updatedAt: string
}

export interface EventItem extends NewEvent {
  readonly id: number
}

export interface ItemsOptions {
  readonly store: BrokerStore
  readonly sessions: Pick<Sessions, 'lastSeen' | 'pending'>
}

export class Items {
  readonly #options: ItemsOptions

  constructor(options: ItemsOptions) {
    this.#options = options
  }

  /** Throws `not-found`. */
  async get(tenant: string, kind: Kind, name: string): Promise<ResourceItem> {
    const found = this.#options.store.resources.get(tenant, kind, name)
    if (found === undefined) throw notFound({ kind, name })
    return this.of(tenant, found)
  }

  /** By name, in parts. */
  async page(tenant: string, kind: Kind, request: PageRequest<string>): Promise<Page<ResourceItem, string>> {
    const { entries, ...next } = this.#options.store.resources.page(tenant, kind, request)
    const items: ResourceItem[] = []
    for (const found of entries) items.push(await this.of(tenant, found))
    return { entries: items, ...next }
  }

  async of(tenant: string, found: StoredResource): Promise<ResourceItem> {
    const { resource, generation, deleting, createdAt, updatedAt } = found
    const status =
      resource.kind === 'Gateway'
        ? { ...(await this.#gatewayStatus({ tenant, gateway: resource.metadata.name })) }
        : (found.status as ResourceItem['status'])
    return { resource, generation, deleting: deleting !== null, createdAt, updatedAt, status }
  }

  /** Throws `not-found`. */
  machine(tenant: string, name: string): MachineItem {
    const found = this.#options.store.machines.get(tenant, name)
    if (found === undefined) throw notFound({ kind: 'Machine', name })
    return machineItem(found)
  }

  /** By name, in parts; of one cluster, if given. */
  machines(
    tenant: string,
    request: PageRequest<string> & { readonly cluster?: string | undefined },
  ): Page<MachineItem, string> {
    const { entries, ...next } = this.#options.store.machines.page(tenant, request)
    return { entries: entries.map(machineItem), ...next }
  }

  /** Oldest first. Throws `not-found` for a machine that never was, or is gone. */
  timeline(tenant: string, name: string): TimelineEntry[] {
    const entries = this.#timeline(tenant, name).filter(({ cluster }) => cluster !== name)
    if (entries.length === 0) this.machine(tenant, name)
    return entries.map(({ entry }) => entry)
  }

  /** What was done to the cluster itself: to what its machines stand on. Oldest first. Throws `not-found`. */
  clusterTimeline(tenant: string, name: string): TimelineEntry[] {
    if (this.#options.store.resources.get(tenant, 'Cluster', name) === undefined)
      throw notFound({ kind: 'Cluster', name })
    return this.#timeline(tenant, name).flatMap(({ cluster, entry }) => (cluster === name ? [entry] : []))
  }

  #timeline(tenant: string, name: string): StoredEntry[] {
    return this.#options.store.machines.timeline(tenant, name)
  }

  async #gatewayStatus(identity: GatewayIdentity): Promise<GatewayStatus | null> {
    const { store, sessions } = this.#options
    const record = store.gateways.get(identity)
    if (record === undefined) return null
    const { version, sealingKey, certificateEnds } = record
    const lastSeen = sessions.lastSeen(identity) ?? record.lastSeen
    return {
      phase: phaseOf(record),
      ...(version !== null && { version }),
      ...(sealingKey !== null && { sealingKey }),
      ...(lastSeen !== null && { lastSeen }),
      ...(certificateEnds !== null && { certificateEnds }),
      epoch: record.epoch,
      pendingCommands: await sessions.pending(identity),
    }
  }
}

function phaseOf(record: { revoked: boolean; connected: boolean; journalId: string | null }): GatewayStatus['phase'] {
  if (record.revoked) return 'Revoked'
  if (record.connected) return 'Connected'
  return record.journalId === null ? 'Pending' : 'Disconnected'
}

export function machineItem({ name, cluster, status, updatedAt }: StoredMachine): MachineItem {
  return { kind: 'Machine', name, cluster, status, updatedAt }
}

export function eventItem({ revision, ...event }: StoredEvent): EventItem {
  return { id: revision, ...event }
}

/** What the tenant API answers with; openapi.json has the whole of it. */
import type { MachineStatus, TimelineEntry } from '../resources/machine.ts'
import type { Kind, ReportedKind, Resource } from '../resources/resource.ts'

/** A resource with what is known of it. */
export interface ResourceItem {
  readonly resource: Resource
  readonly generation: number
  readonly deleting: boolean
  /** ISO 8601. */
  readonly createdAt: string
  readonly updatedAt: string
  /** As its gateway reported it last: a `ClusterStatus`, `GatewayStatus`, … */
  readonly status: unknown
}

export interface MachineItem {
  readonly kind: 'Machine'
  readonly name: string
  readonly cluster: string
  readonly status: MachineStatus
  readonly updatedAt: string
}

export type Item = ResourceItem | MachineItem

export interface ApplyResult {
  readonly kind: Kind
  readonly name: string
  readonly result: 'created' | 'configured' | 'unchanged'
  readonly generation: number
}

export interface EventRecord {
  readonly id: number
  /** ISO 8601. */
  readonly time: string
  readonly kind: ReportedKind
  readonly name: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly reason: string
  readonly message: string
  readonly gateway: string
}

export interface JoinToken {
  readonly token: string
  /** ISO 8601. */
  readonly expiresAt: string
}

export type Role = 'viewer' | 'operator' | 'admin'

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly createdAt?: string
}

/** A line of the watch. */
export type WatchLine =
  /** A connection begins: what is not told again before `synced` is gone. */
  | { readonly type: 'begin' }
  | { readonly type: 'item'; readonly item: Item }
  | { readonly type: 'gone'; readonly kind: ReportedKind; readonly name: string; readonly left: readonly string[] }
  | { readonly type: 'event'; readonly event: EventRecord }
  | {
      readonly type: 'timeline'
      readonly machine: string
      readonly cluster: string
      readonly entry: TimelineEntry
    }
  /** All that is there has been told; from here on come changes. */
  | { readonly type: 'synced' }

export function kindOf(item: Item): ReportedKind {
  return 'resource' in item ? item.resource.kind : item.kind
}

export function nameOf(item: Item): string {
  return 'resource' in item ? item.resource.metadata.name : item.name
}

import type { TimelineEntry } from './machine.ts'
import type { ReportedKind } from './resource.ts'

/** What a gateway tells the broker. Travels as `Event.payload`. */
export type Report =
  /** The whole status, in the place of the one before: a `ClusterStatus`, `MachineStatus` or `AccountStatus`. */
  | { readonly type: 'status'; readonly kind: ReportedKind; readonly name: string; readonly status: unknown }
  /** It is deleted, and its ledger is empty; or it was forgotten, and this is `left` behind. */
  | { readonly type: 'gone'; readonly kind: ReportedKind; readonly name: string; readonly left: readonly string[] }
  | {
      readonly type: 'event'
      readonly kind: ReportedKind
      readonly name: string
      readonly severity: 'info' | 'warning' | 'error'
      readonly reason: string
      readonly message: string
      readonly traceId?: string
    }
  /** Of a machine; or, with the cluster's own name for `machine`, of what its machines stand on. */
  | { readonly type: 'timeline'; readonly machine: string; readonly cluster: string; readonly entry: TimelineEntry }

import type { Resource } from './resource.ts'

/** What a tenant may ask a gateway and wait for. Travels as `Query.payload`; the answers are below. */
export type Query =
  | { readonly type: 'plan'; readonly resources: readonly Resource[] }
  | { readonly type: 'inventory'; readonly account: string }
  | { readonly type: 'verify'; readonly account: string }
  | { readonly type: 'ledger'; readonly cluster?: string }

/** Something that a check found. */
export interface Finding {
  readonly severity: 'ok' | 'warning' | 'error'
  /** The object or field: `datastore LocalDS_0`. */
  readonly subject: string
  readonly message: string
  readonly remedy?: string
}

/** One thing that a placement may choose. */
export interface InventoryItem {
  /** `datacenter`, `datastore`, `template`, … */
  readonly kind: string
  /** What to write into a placement. */
  readonly name: string
  readonly path: string
  readonly detail: Readonly<Record<string, string | number | boolean>>
}

/** An object outside, as the gateway's ledger has it. */
export interface LedgerEntry {
  readonly cluster: string
  readonly machine: string
  readonly machineUid: string
  readonly account: string
  /** `VirtualMachine`, `Port`, … */
  readonly kind: string
  readonly name: string
  /** What the cloud calls it, once known. */
  readonly externalId?: string
  readonly state: 'intended' | 'present' | 'deleting'
  /** ISO 8601. */
  readonly since: string
}

/** What would be done, in order. */
export interface PlanEntry {
  readonly action: 'create' | 'replace' | 'delete' | 'change'
  readonly kind: string
  readonly name: string
  readonly reason: string
  readonly steps: readonly string[]
}

export interface PlanAnswer {
  readonly entries: readonly PlanEntry[]
  readonly findings: readonly Finding[]
}

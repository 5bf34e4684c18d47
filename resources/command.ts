import type { Kind, Resource } from './resource.ts'

/** What the broker tells a gateway: desired state, and nothing else. Travels as `Delivery.payload`. */
export type Command =
  | { readonly type: 'put'; readonly generation: number; readonly resource: Resource }
  | { readonly type: 'delete'; readonly generation: number; readonly kind: Kind; readonly name: string }
  /** Gives up on a resource: the gateway stops caring and reports what it leaves in the cloud. */
  | { readonly type: 'forget'; readonly generation: number; readonly kind: Kind; readonly name: string }

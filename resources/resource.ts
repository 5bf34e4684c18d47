import { z } from 'zod'
import { cloudAccountSchema } from './cloud-account.ts'
import { clusterSchema } from './cluster.ts'
import { clusterProfileSchema } from './cluster-profile.ts'
import { gatewaySchema } from './gateway.ts'
import { ipPoolSchema } from './ip-pool.ts'

/** Everything that a user applies. Order matters: a kind stands behind those that it refers to. */
export const resourceSchema = z.discriminatedUnion('kind', [
  gatewaySchema,
  cloudAccountSchema,
  clusterProfileSchema,
  ipPoolSchema,
  clusterSchema,
])

export type Resource = z.infer<typeof resourceSchema>
export type Kind = Resource['kind']
/** Machines have a status and a timeline as resources do, but are made by the gateway. */
export type ReportedKind = Kind | 'Machine'
export type ResourceOf<K extends Kind> = Extract<Resource, { kind: K }>

export interface ResourceKey {
  readonly kind: ReportedKind
  readonly name: string
}

export const KINDS: readonly Kind[] = ['Gateway', 'CloudAccount', 'ClusterProfile', 'IPPool', 'Cluster']

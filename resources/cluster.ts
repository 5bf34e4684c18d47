import { z } from 'zod'
import type { Condition } from './condition.ts'
import { API_VERSION, metadataSchema, nameSchema } from './metadata.ts'

const inventoryName = z.string().min(1, 'is empty').max(500)

const vspherePlacement = z.strictObject({
  cloud: z.literal('vsphere'),
  datacenter: inventoryName,
  /** Inventory path below the datacenter's VM folder; that folder itself if absent. */
  folder: inventoryName.optional(),
  /** Name or path of a resource pool, or of a compute cluster, whose root pool is meant then. */
  resourcePool: inventoryName,
  datastore: inventoryName,
  network: inventoryName,
  template: inventoryName,
  clone: z.enum(['full', 'linked']).default('full'),
})

const sandboxPlacement = z.strictObject({
  cloud: z.literal('sandbox'),
  zone: z.string().min(1).max(40).default('zone-a'),
})

const shape = {
  cpus: z.number().int().min(1).max(256),
  memoryMiB: z.number().int().min(128).max(12_582_912),
  /** Of the first disk; the template's own size if absent. */
  diskGiB: z.number().int().min(1).max(65_536).optional(),
  /** Further, empty disks. */
  disks: z
    .array(z.strictObject({ sizeGiB: z.number().int().min(1).max(65_536) }))
    .max(14)
    .default([]),
}

const controlPlaneSchema = z.strictObject({
  count: z.union([z.literal(1), z.literal(3), z.literal(5), z.literal(7)], {
    error: 'must be 1, 3, 5 or 7, so that etcd keeps a majority',
  }),
  ...shape,
})

const workerPoolSchema = z.strictObject({
  name: nameSchema
    .max(15, 'is longer than 15 characters')
    .refine((name) => name !== 'control-plane', 'is the name of the control plane'),
  count: z.number().int().min(0).max(1_000),
  ...shape,
})

const ipv4 = z.ipv4()

const networkSchema = z.strictObject({
  podCidr: z.cidrv4().default('10.244.0.0/16'),
  serviceCidr: z.cidrv4().default('10.96.0.0/12'),
  /** Where the API server answers: a virtual IP that the control plane holds (kube-vip), or an address that somebody else balances. */
  endpoint: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('virtual-ip'),
      address: ipv4,
      port: z.number().int().min(1).max(65_535).default(6443),
    }),
    z.strictObject({
      type: z.literal('external'),
      address: z.string().min(1).max(253),
      port: z.number().int().min(1).max(65_535).default(6443),
    }),
  ]),
  addressing: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('dhcp') }),
      z.strictObject({ type: z.literal('static'), pool: nameSchema }),
    ])
    .default({ type: 'dhcp' }),
})

export const clusterSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Cluster'),
  metadata: metadataSchema,
  spec: z.strictObject({
    account: nameSchema,
    profile: nameSchema,
    placement: z.discriminatedUnion('cloud', [vspherePlacement, sandboxPlacement]),
    controlPlane: controlPlaneSchema,
    workers: z
      .array(workerPoolSchema)
      .max(20)
      .default([])
      .superRefine((pools, context) => {
        pools.forEach((pool, index) => {
          if (pools.findIndex((other) => other.name === pool.name) < index)
            context.addIssue({
              code: 'custom',
              path: [index, 'name'],
              message: `is taken: another pool is called ${pool.name}`,
            })
        })
      }),
    network: networkSchema,
    /** What happens when a machine is off, gone or changed by somebody else: an event, or a repair as well. */
    driftPolicy: z.enum(['alert', 'heal']).default('heal'),
  }),
})

export type Cluster = z.infer<typeof clusterSchema>
export type ClusterSpec = Cluster['spec']
export type Placement = ClusterSpec['placement']
export type VspherePlacement = Extract<Placement, { cloud: 'vsphere' }>
export type SandboxPlacement = Extract<Placement, { cloud: 'sandbox' }>

export interface ClusterStatus {
  readonly observedGeneration: number
  /** Of the profile that the machines are made from; null until it has arrived. */
  readonly profileGeneration: number | null
  readonly phase: 'Provisioning' | 'Ready' | 'Updating' | 'Degraded' | 'Failed' | 'Deleting'
  readonly machines: {
    readonly desired: number
    readonly total: number
    readonly ready: number
    readonly current: number
  }
  /** `Ready`, `Preflight`, `Drifted`, … */
  readonly conditions: readonly Condition[]
}

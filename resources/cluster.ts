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

const openstackPlacement = z.strictObject({
  cloud: z.literal('openstack'),
  /** Name or id, as for everything in this placement that is named. */
  image: inventoryName,
  network: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('existing'),
      network: inventoryName,
      /** The network's only one if absent. */
      subnet: inventoryName.optional(),
    }),
    z.strictObject({
      type: z.literal('create'),
      cidr: z.cidrv4(),
      nameservers: z.array(z.ipv4()).max(5).default([]),
      /** The external network that the cluster's router leads to; no router if absent. */
      router: inventoryName.optional(),
    }),
  ]),
  /** Further groups for each machine, besides the cluster's own. */
  securityGroups: z.array(inventoryName).max(10).default([]),
  /** Who is let in from outside the cluster, by port; the machines of a cluster reach each other anyway. */
  access: z
    .strictObject({
      api: z.array(z.cidrv4()).max(50).default(['0.0.0.0/0']),
      ssh: z.array(z.cidrv4()).max(50).default([]),
      nodePorts: z.array(z.cidrv4()).max(50).default([]),
    })
    .prefault({}),
  availabilityZone: inventoryName.optional(),
  /** Whether the machines of a pool are kept on different hosts: as far as possible (soft), or else not made (hard). */
  antiAffinity: z.enum(['none', 'soft', 'hard']).default('soft'),
  /** Boots from a volume of the pool's `diskGiB`; from the flavor's own disk if absent. */
  bootVolume: z.strictObject({ type: inventoryName.optional() }).optional(),
  /** Of the pools' further disks; the cloud's default type if absent. */
  volumeType: inventoryName.optional(),
  keypair: inventoryName.optional(),
  /** How the guest gets its user-data: from a config drive, or from the metadata service. */
  userData: z.enum(['config-drive', 'metadata-service']).default('config-drive'),
})

const sandboxPlacement = z.strictObject({
  cloud: z.literal('sandbox'),
  zone: z.string().min(1).max(40).default('zone-a'),
})

const shape = {
  /** With memoryMiB, for a cloud without flavors. */
  cpus: z.number().int().min(1).max(256).optional(),
  memoryMiB: z.number().int().min(128).max(12_582_912).optional(),
  /** Name or id; for a cloud with flavors, in place of cpus and memoryMiB. */
  flavor: inventoryName.optional(),
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
const apiPort = z.number().int().min(1).max(65_535).default(6443)

const networkSchema = z.strictObject({
  podCidr: z.cidrv4().default('10.244.0.0/16'),
  serviceCidr: z.cidrv4().default('10.96.0.0/12'),
  /**
   * Where the API server answers: a virtual IP that the control plane holds (kube-vip), an address that somebody else balances,
   * or what OpenStack gives for it: a floating IP (before a virtual IP), a load balancer (with a floating IP if `network` is given).
   */
  endpoint: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('virtual-ip'),
      address: ipv4,
      port: apiPort,
    }),
    z.strictObject({
      type: z.literal('external'),
      address: z.string().min(1).max(253),
      port: apiPort,
    }),
    z.strictObject({
      type: z.literal('floating-ip'),
      /** The external network that it is taken from; the only one if absent. */
      network: inventoryName.optional(),
      /** One that the project has and nothing uses; a new one if absent. */
      address: ipv4.optional(),
      port: apiPort,
    }),
    z.strictObject({
      type: z.literal('load-balancer'),
      network: inventoryName.optional(),
      port: apiPort,
    }),
  ]),
  addressing: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('dhcp') }),
      z.strictObject({ type: z.literal('static'), pool: nameSchema }),
    ])
    .default({ type: 'dhcp' }),
})

const specShape = z.strictObject({
  account: nameSchema,
  profile: nameSchema,
  placement: z.discriminatedUnion('cloud', [vspherePlacement, openstackPlacement, sandboxPlacement]),
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
})

export const clusterSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Cluster'),
  metadata: metadataSchema,
  spec: specShape.superRefine(checkForCloud),
})

/** What a cluster may ask for depends on its cloud. */
function checkForCloud(spec: z.infer<typeof specShape>, context: z.RefinementCtx): void {
  const { cloud } = spec.placement
  const problem = (path: readonly PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path: [...path], message })
  const pools = [
    { path: ['controlPlane'], pool: spec.controlPlane },
    ...spec.workers.map((pool, index) => ({ path: ['workers', index], pool })),
  ]
  for (const { path, pool } of pools) {
    if (cloud === 'openstack') {
      if (pool.flavor === undefined)
        problem([...path, 'flavor'], 'is required on OpenStack: name a flavor, or give its id')
      for (const field of ['cpus', 'memoryMiB'] as const)
        if (pool[field] !== undefined)
          problem([...path, field], 'is not for OpenStack, where the flavor says it: remove it')
      if (spec.placement.bootVolume !== undefined && pool.diskGiB === undefined)
        problem([...path, 'diskGiB'], 'is required: it is the size of the boot volume')
      if (spec.placement.bootVolume === undefined && pool.diskGiB !== undefined)
        problem(
          [...path, 'diskGiB'],
          "is only for a boot volume: the flavor's own disk has the flavor's size; remove it, or set placement.bootVolume",
        )
    } else {
      if (pool.flavor !== undefined)
        problem([...path, 'flavor'], `is for OpenStack only: give cpus and memoryMiB on ${cloud}`)
      for (const field of ['cpus', 'memoryMiB'] as const)
        if (pool[field] === undefined) problem([...path, field], 'is required')
    }
  }
  const { endpoint } = spec.network
  if (cloud !== 'openstack' && (endpoint.type === 'floating-ip' || endpoint.type === 'load-balancer'))
    problem(['network', 'endpoint', 'type'], `${endpoint.type} is for OpenStack only: use virtual-ip or external`)
}

export type Cluster = z.infer<typeof clusterSchema>
export type ClusterSpec = Cluster['spec']
export type Placement = ClusterSpec['placement']
export type VspherePlacement = Extract<Placement, { cloud: 'vsphere' }>
export type OpenstackPlacement = Extract<Placement, { cloud: 'openstack' }>
export type ClusterEndpoint = ClusterSpec['network']['endpoint']
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

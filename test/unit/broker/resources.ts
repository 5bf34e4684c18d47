/** Resources to apply, small ones. */
import type { CloudAccount } from '../../../resources/cloud-account.ts'
import { cloudAccountSchema } from '../../../resources/cloud-account.ts'
import { type Cluster, clusterSchema } from '../../../resources/cluster.ts'
import { type ClusterProfile, clusterProfileSchema } from '../../../resources/cluster-profile.ts'
import { type Gateway, gatewaySchema } from '../../../resources/gateway.ts'
import { type IPPool, ipPoolSchema } from '../../../resources/ip-pool.ts'
import type { MachineStatus } from '../../../resources/machine.ts'
import type { Report } from '../../../resources/report.ts'

const apiVersion = 'pcg/v1'

export function gateway(name: string, description?: string): Gateway {
  return gatewaySchema.parse({ apiVersion, kind: 'Gateway', metadata: { name }, spec: { description } })
}

export function account(name: string, gatewayName: string, capacity = 100): CloudAccount {
  const spec = { cloud: 'sandbox', gateway: gatewayName, capacity }
  return cloudAccountSchema.parse({ apiVersion, kind: 'CloudAccount', metadata: { name }, spec })
}

export const SEALED = 'pcg-hpke-v1.aaaa.bbbb.cccc'

export function vsphereAccount(name: string, gatewayName: string): CloudAccount {
  const spec = { cloud: 'vsphere', gateway: gatewayName, server: 'vc.example.com', sealed: SEALED }
  return cloudAccountSchema.parse({ apiVersion, kind: 'CloudAccount', metadata: { name }, spec })
}

export function profile(name: string, version = '1.31.4'): ClusterProfile {
  const layers = { os: { distribution: 'debian', version: '12' }, kubernetes: { version } }
  return clusterProfileSchema.parse({ apiVersion, kind: 'ClusterProfile', metadata: { name }, spec: { layers } })
}

export function pool(name: string, last = '192.0.2.20'): IPPool {
  const spec = { ranges: [{ first: '192.0.2.10', last }], prefix: 24, gateway: '192.0.2.1' }
  return ipPoolSchema.parse({ apiVersion, kind: 'IPPool', metadata: { name }, spec })
}

export interface ClusterNames {
  readonly account: string
  readonly profile: string
  readonly pool?: string
  readonly workers?: number
  readonly virtualIp?: string
}

export function cluster(name: string, { account, profile, pool, workers = 0, virtualIp }: ClusterNames): Cluster {
  return clusterSchema.parse({
    apiVersion,
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account,
      profile,
      placement: { cloud: 'sandbox' },
      controlPlane: { count: 1, cpus: 2, memoryMiB: 2048 },
      workers: workers === 0 ? [] : [{ name: 'main', count: workers, cpus: 2, memoryMiB: 2048 }],
      network: {
        endpoint:
          virtualIp === undefined
            ? { type: 'external', address: 'api.example.com' }
            : { type: 'virtual-ip', address: virtualIp },
        addressing: pool === undefined ? { type: 'dhcp' } : { type: 'static', pool },
      },
    },
  })
}

export function openstackAccount(name: string, gatewayName: string): CloudAccount {
  const spec = {
    cloud: 'openstack',
    gateway: gatewayName,
    authUrl: 'https://keystone.example.com:5000',
    scope: { projectId: 'p1' },
    sealed: SEALED,
  }
  return cloudAccountSchema.parse({ apiVersion, kind: 'CloudAccount', metadata: { name }, spec })
}

export interface OpenstackNames {
  readonly account: string
  readonly endpoint?: object
  /** Where it is; by default in a network of its own. */
  readonly network?: object
  /** More of the placement. */
  readonly place?: object
}

export function openstackCluster(name: string, { account, endpoint, network, place }: OpenstackNames): Cluster {
  return clusterSchema.parse({
    apiVersion,
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account,
      profile: 'base',
      placement: {
        cloud: 'openstack',
        image: 'debian-12',
        network: network ?? { type: 'create', cidr: '10.1.0.0/24' },
        ...place,
      },
      controlPlane: { count: 1, flavor: 'm1.large' },
      network: { endpoint: endpoint ?? { type: 'floating-ip' } },
    },
  })
}

export function machineStatus(clusterName: string, phase: MachineStatus['phase'] = 'Booting'): MachineStatus {
  return {
    uid: '6f1c0a52-0000-4000-8000-000000000001',
    cluster: clusterName,
    pool: 'main',
    role: 'worker',
    phase,
    stage: 'waiting for its phone-home',
    addresses: [],
    revision: 'r1',
    conditions: [],
  }
}

export function machineReport(name: string, clusterName: string, phase?: MachineStatus['phase']): Report {
  return { type: 'status', kind: 'Machine', name, status: machineStatus(clusterName, phase) }
}

export function timelineReport(machine: string, clusterName: string, stage: string): Report {
  const entry = {
    time: '2026-11-22T17:00:00.000Z',
    stage,
    actor: 'gateway',
    cause: 'scaled up',
    outcome: 'done',
  } as const
  return { type: 'timeline', machine, cluster: clusterName, entry }
}

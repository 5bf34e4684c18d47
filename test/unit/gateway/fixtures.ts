import type { MachineSpec } from '../../../adapters/adapter.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import type { Cluster } from '../../../resources/cluster.ts'
import type { ClusterProfile } from '../../../resources/cluster-profile.ts'
import { type Resource, resourceSchema } from '../../../resources/resource.ts'

export function machineRecord(over: Partial<MachineRecord> = {}): MachineRecord {
  return {
    uid: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
    name: 'prod-workers-x7k2p',
    cluster: 'prod',
    account: 'lab',
    pool: 'workers',
    role: 'worker',
    revision: '12345678',
    initialises: false,
    address: { type: 'dhcp' },
    want: 'present',
    cause: 'the pool has 0 of 1',
    phase: 'Pending',
    stage: '',
    progress: null,
    running: null,
    failures: 0,
    phoneHomeTokenHash: '',
    phoneHome: { state: 'waiting' },
    bootingSince: null,
    departure: { state: 'unneeded' },
    addresses: [],
    externalId: 'vm-1',
    conditions: [],
    createdAt: '2026-11-22T00:00:00.000Z',
    ...over,
  }
}

export function machineSpec(record: MachineRecord): MachineSpec {
  return {
    owner: { gateway: 'acme/site-1', cluster: record.cluster, machine: record.uid },
    name: record.name,
    placement: { cloud: 'sandbox', zone: 'zone-a' },
    role: 'worker',
    pool: 'workers',
    size: { type: 'custom', cpus: 2, memoryMiB: 2_048 },
    disks: [],
    address: record.address,
    userData: '#cloud-config\n',
    want: record.want,
  }
}

export function profile(over: { version?: string; distribution?: 'kubeadm' | 'none' } = {}): ClusterProfile {
  return parsed({
    apiVersion: 'pcg/v1',
    kind: 'ClusterProfile',
    metadata: { name: 'base' },
    spec: {
      layers: {
        os: { distribution: 'debian', version: '12' },
        kubernetes: { distribution: over.distribution ?? 'none', version: over.version ?? '1.31.4' },
      },
    },
  })
}

export function cluster(
  over: { controlPlane?: number; workers?: number; driftPolicy?: 'alert' | 'heal'; cpus?: number; name?: string } = {},
): Cluster {
  return parsed({
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name: over.name ?? 'prod' },
    spec: {
      account: 'lab',
      profile: 'base',
      placement: { cloud: 'sandbox' },
      controlPlane: { count: over.controlPlane ?? 1, cpus: over.cpus ?? 2, memoryMiB: 2_048 },
      workers: [{ name: 'workers', count: over.workers ?? 2, cpus: over.cpus ?? 2, memoryMiB: 2_048 }],
      network: { endpoint: { type: 'virtual-ip', address: '10.0.0.10' } },
      driftPolicy: over.driftPolicy ?? 'heal',
    },
  })
}

export interface OpenstackOver {
  readonly workers?: number
  readonly pools?: readonly string[]
  readonly driftPolicy?: 'alert' | 'heal'
  readonly endpoint?: object
  readonly access?: object
  readonly nameservers?: readonly string[]
}

export function openstackCluster(over: OpenstackOver = {}): Cluster {
  const { workers = 1, pools = ['workers'], endpoint = { type: 'floating-ip', network: 'public' }, access } = over
  return parsed({
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name: 'prod' },
    spec: {
      account: 'lab',
      profile: 'base',
      placement: {
        cloud: 'openstack',
        image: 'debian-12',
        network: { type: 'create', cidr: '10.1.0.0/24', router: 'public', nameservers: over.nameservers ?? [] },
        ...(access === undefined ? {} : { access }),
      },
      controlPlane: { count: 1, flavor: 'm1.large' },
      workers: pools.map((name) => ({ name, count: workers, flavor: 'm1.small' })),
      network: { endpoint },
      driftPolicy: over.driftPolicy ?? 'heal',
    },
  })
}

function parsed<R extends Resource>(resource: unknown): R {
  return resourceSchema.parse(resource) as R
}

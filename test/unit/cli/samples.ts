import type { EventRecord, MachineItem, ResourceItem } from '../../../cli/api-types.ts'
import type { MachinePhase } from '../../../resources/machine.ts'
import { parseResources } from '../../../resources/parse-yaml.ts'

const TIME = '2026-01-02T03:04:05.000Z'

export const CLUSTER_YAML = `apiVersion: pcg/v1
kind: Cluster
metadata:
  name: demo
spec:
  account: lab
  profile: debian
  placement: { cloud: sandbox }
  controlPlane: { count: 1, cpus: 2, memoryMiB: 4096 }
  network:
    endpoint: { type: virtual-ip, address: 192.0.2.10 }
`

export interface ClusterState {
  readonly name?: string
  readonly phase?: string
  readonly ready?: number
  readonly generation?: number
  readonly observed?: number
  readonly message?: string
}

export function clusterItem(state: ClusterState = {}): ResourceItem {
  const { name = 'demo', phase = 'Ready', ready = 1, generation = 1, observed = generation, message = '' } = state
  const text = CLUSTER_YAML.replace('name: demo', `name: ${name}`)
  const [resource] = parseResources([{ name: 'sample', text }])
  if (resource === undefined) throw new Error('no sample')
  const status = phase === 'Ready' ? 'True' : 'False'
  return {
    resource,
    generation,
    deleting: phase === 'Deleting',
    createdAt: TIME,
    updatedAt: TIME,
    status: {
      observedGeneration: observed,
      phase,
      machines: { desired: 1, total: 1, ready, current: 1 },
      conditions: [{ type: 'Ready', status, reason: 'Sample', message, since: TIME }],
    },
  }
}

/** Of the account that the cluster is in. */
export function accountItem(): ResourceItem {
  return known({ kind: 'CloudAccount', metadata: { name: 'lab' }, spec: { cloud: 'sandbox', gateway: 'site-a' } }, {})
}

export function gatewayItem(phase: 'Connected' | 'Disconnected'): ResourceItem {
  return known({ kind: 'Gateway', metadata: { name: 'site-a' }, spec: {} }, { phase })
}

function known(value: object, status: object): ResourceItem {
  const [resource] = parseResources([{ name: 'sample', text: JSON.stringify({ apiVersion: 'pcg/v1', ...value }) }])
  if (resource === undefined) throw new Error('no sample')
  return { resource, generation: 1, deleting: false, createdAt: TIME, updatedAt: TIME, status }
}

export function machineItem(name: string, phase: MachinePhase, stage = 'clone', progress?: number): MachineItem {
  return {
    kind: 'Machine',
    name,
    cluster: 'demo',
    updatedAt: TIME,
    status: {
      uid: '5b0d3c1e-0000-4000-8000-000000000001',
      cluster: 'demo',
      pool: 'control-plane',
      role: 'control-plane',
      phase,
      stage,
      addresses: phase === 'Ready' ? ['10.0.0.7'] : [],
      externalId: 'vm-7',
      revision: 'r1',
      conditions: [],
      ...(progress === undefined ? {} : { progress }),
    },
  }
}

export function event(severity: EventRecord['severity'], message: string, id = 7): EventRecord {
  return { id, time: TIME, kind: 'Cluster', name: 'demo', severity, reason: 'Sample', message, gateway: 'site-a' }
}

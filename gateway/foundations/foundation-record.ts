import { randomUUID } from 'node:crypto'
import type { FoundationSpec, FoundEndpoint, MachineUid } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { Condition } from '../../resources/condition.ts'
import type { MachinePhase } from '../../resources/machine.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { UnitRecord } from '../units/unit-record.ts'

/** What the journal knows of a cluster's foundation. Its name is the cluster's. */
export interface FoundationRecord extends UnitRecord {
  readonly phase: Exclude<MachinePhase, 'Booting'>
  readonly spec: Omit<FoundationSpec, 'want'>
  /** Where the cluster's API answers, as the cloud last said. */
  readonly endpoint: FoundEndpoint | null
  /** Whether it was whole once. */
  readonly stood: boolean
}

/** A cluster's foundation before anything of it is stored or made. @param owner `tenant/gateway` */
export function createFoundation(cluster: Cluster, owner: string): FoundationRecord {
  const uid = randomUUID()
  const { name } = cluster.metadata
  return {
    uid,
    name,
    cluster: name,
    account: cluster.spec.account,
    want: 'present',
    cause: `cluster ${name} stands on it`,
    phase: 'Pending',
    stage: 'waiting for its turn',
    progress: null,
    running: null,
    failures: 0,
    conditions: [],
    spec: foundationFor(cluster, { owner, uid, machines: [] }),
    endpoint: null,
    stood: false,
  }
}

/** What a cluster asks of its foundation; pools that are no longer wanted are in it as long as they have machines. Pure. */
export function foundationFor(
  { metadata, spec }: Cluster,
  { owner, uid, machines }: { owner: string; uid: MachineUid; machines: readonly MachineRecord[] },
): FoundationRecord['spec'] {
  const pools = new Map<string, FoundationSpec['pools'][number]>([
    ['control-plane', { name: 'control-plane', role: 'control-plane' }],
  ])
  for (const { name } of spec.workers) pools.set(name, { name, role: 'worker' })
  for (const { pool, role } of machines) if (!pools.has(pool)) pools.set(pool, { name: pool, role })
  return {
    owner: { gateway: owner, cluster: metadata.name, machine: uid },
    name: metadata.name,
    placement: spec.placement,
    endpoint: spec.network.endpoint,
    pools: [...pools.values()],
  }
}

export function specOf({ spec, want }: FoundationRecord): FoundationSpec {
  return { ...spec, want }
}

/** What holds it up; undefined while it gets on. */
export function troubleOf({ conditions }: FoundationRecord): Condition | undefined {
  return conditions.find((condition) => condition.type === 'Progressing' && condition.status === 'False')
}

/**
 * Whether machines may be made on it. Where it stood and something is in the way of what it is changed into, they are:
 * one that needs the change waits for it, and says so.
 */
export function carries(record: FoundationRecord): boolean {
  if (record.want === 'absent' || !record.stood) return false
  return record.phase !== 'Provisioning' || troubleOf(record) !== undefined
}

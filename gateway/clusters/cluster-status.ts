import type { ClusterStatus } from '../../resources/cluster.ts'
import { type Condition, withCondition } from '../../resources/condition.ts'
import type { Finding } from '../../resources/query.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { PoolGoal } from './plan-cluster.ts'

export interface ClusterSituation {
  readonly generation: number
  readonly deleting: boolean
  readonly pools: readonly PoolGoal[]
  readonly machines: readonly MachineRecord[]
  /** What stands in the way of creating what is missing; empty if nothing does. */
  readonly obstacles: readonly Finding[]
  readonly before: ClusterStatus | null
  /** ISO 8601. */
  readonly now: string
}

/** The status of a cluster, from its machines. Pure. */
export function clusterStatus(situation: ClusterSituation): ClusterStatus {
  const { generation, deleting, pools, machines, obstacles, before, now } = situation
  const revisions = new Map(pools.map((pool) => [pool.name, pool.revision]))
  const wanted = machines.filter((machine) => machine.want === 'present')
  const counts = {
    desired: deleting ? 0 : pools.reduce((sum, pool) => sum + pool.count, 0),
    total: machines.length,
    ready: wanted.filter((machine) => machine.phase === 'Ready').length,
    current: wanted.filter((machine) => revisions.get(machine.pool) === machine.revision).length,
  }
  const whole = counts.ready === counts.desired && counts.total === counts.desired && counts.current === counts.desired
  const phase = phaseOf(situation, whole, counts)
  const conditions = [readyCondition(situation, whole, counts), preflightCondition(obstacles), driftCondition(wanted)]
  return {
    observedGeneration: generation,
    phase,
    machines: counts,
    conditions: conditions.reduce<Condition[]>(
      (all, condition) => withCondition(all, { ...condition, since: now }),
      [...(before?.conditions ?? [])],
    ),
  }
}

function phaseOf(
  { deleting, before, machines, obstacles }: ClusterSituation,
  whole: boolean,
  counts: ClusterStatus['machines'],
): ClusterStatus['phase'] {
  if (deleting) return 'Deleting'
  if (whole) return 'Ready'
  if (obstacles.length > 0 && machines.length === 0) return 'Failed'
  const wasWhole =
    before !== null && (before.phase === 'Ready' || before.phase === 'Updating' || before.phase === 'Degraded')
  if (!wasWhole) return 'Provisioning'
  return counts.current < counts.desired || counts.total > counts.desired ? 'Updating' : 'Degraded'
}

type Draft = Omit<Condition, 'since'>

function readyCondition(
  { deleting, machines, obstacles }: ClusterSituation,
  whole: boolean,
  counts: ClusterStatus['machines'],
): Draft {
  if (deleting)
    return { type: 'Ready', status: 'False', reason: 'Deleting', message: `${machines.length} machines are left` }
  if (whole)
    return {
      type: 'Ready',
      status: 'True',
      reason: 'AllReady',
      message: `${counts.ready} of ${counts.desired} machines are ready`,
    }
  const tally = `${counts.ready} of ${counts.desired} machines are ready`
  const troubled =
    machines.find((machine) => machine.phase === 'Failed') ?? machines.find((machine) => trouble(machine) !== undefined)
  const why = troubled === undefined ? undefined : trouble(troubled)
  if (troubled !== undefined && why !== undefined)
    return { type: 'Ready', status: 'False', reason: why.reason, message: `${tally}; ${troubled.name}: ${why.message}` }
  const [obstacle] = obstacles
  if (obstacle !== undefined)
    return {
      type: 'Ready',
      status: 'False',
      reason: 'PreflightFailed',
      message: `${tally}; ${obstacle.subject}: ${obstacle.message}`,
    }
  return { type: 'Ready', status: 'False', reason: 'InProgress', message: tally }
}

/** The condition that holds a machine up; the boot of one isn't trouble. */
function trouble(machine: MachineRecord): Condition | undefined {
  return machine.conditions.find((condition) => condition.status === 'False' && condition.reason !== 'Booting')
}

function preflightCondition(obstacles: readonly Finding[]): Draft {
  if (obstacles.length === 0) return { type: 'Preflight', status: 'True', reason: 'Passed', message: '' }
  return {
    type: 'Preflight',
    status: 'False',
    reason: 'Failed',
    message: obstacles
      .map((finding) => [`${finding.subject}: ${finding.message}`, finding.remedy].filter(Boolean).join(': '))
      .join('; '),
  }
}

function driftCondition(wanted: readonly MachineRecord[]): Draft {
  const drifted = wanted.filter((machine) => machine.phase === 'Drifted')
  if (drifted.length === 0) return { type: 'Drifted', status: 'False', reason: 'AsDesired', message: '' }
  return {
    type: 'Drifted',
    status: 'True',
    reason: 'ChangedOutside',
    message: drifted.map((machine) => machine.name).join(', '),
  }
}

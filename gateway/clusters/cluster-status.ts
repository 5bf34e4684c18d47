import type { ClusterStatus } from '../../resources/cluster.ts'
import { type Condition, withCondition } from '../../resources/condition.ts'
import type { Finding } from '../../resources/query.ts'
import { type FoundationRecord, troubleOf } from '../foundations/foundation-record.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { PoolGoal } from './plan-cluster.ts'

export interface ClusterSituation {
  readonly generation: number
  readonly profileGeneration: number | null
  readonly deleting: boolean
  readonly pools: readonly PoolGoal[]
  readonly machines: readonly MachineRecord[]
  /** Null where there is none (yet). */
  readonly foundation: FoundationRecord | null
  /** What keeps what is missing from being created. */
  readonly hindrance: Hindrance
  readonly before: ClusterStatus | null
  /** ISO 8601. */
  readonly now: string
}

/** `waiting` passes by itself, soon; `blocked` needs somebody. */
export type Hindrance =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly message: string }
  | { readonly kind: 'blocked'; readonly findings: readonly Finding[] }

/** The status of a cluster, from its machines. Pure. */
export function clusterStatus(situation: ClusterSituation): ClusterStatus {
  const { generation, profileGeneration, deleting, pools, machines, foundation, hindrance, before, now } = situation
  const revisions = new Map(pools.map((pool) => [pool.name, pool.revision]))
  const wanted = machines.filter((machine) => machine.want === 'present')
  const counts = {
    desired: deleting ? 0 : pools.reduce((sum, pool) => sum + pool.count, 0),
    total: machines.length,
    ready: wanted.filter((machine) => machine.phase === 'Ready').length,
    current: wanted.filter((machine) => revisions.get(machine.pool) === machine.revision).length,
  }
  const whole =
    counts.ready === counts.desired &&
    counts.total === counts.desired &&
    counts.current === counts.desired &&
    (foundation === null || foundation.phase === 'Ready')
  const phase = phaseOf(situation, whole)
  const conditions = [
    readyCondition(situation, whole, counts),
    preflightCondition(hindrance),
    driftCondition(wanted, foundation),
    ...(foundation === null ? [] : [foundationCondition(foundation)]),
  ]
  return {
    observedGeneration: generation,
    profileGeneration,
    phase,
    machines: counts,
    conditions: conditions.reduce<Condition[]>(
      (all, condition) => withCondition(all, { ...condition, since: now }),
      [...(before?.conditions ?? [])],
    ),
  }
}

function phaseOf(situation: ClusterSituation, whole: boolean): ClusterStatus['phase'] {
  const { deleting, before, machines, foundation, hindrance } = situation
  if (deleting) return 'Deleting'
  if (whole) return 'Ready'
  if (hindrance.kind === 'blocked' && machines.length === 0) return 'Failed'
  if (foundation?.phase === 'Failed' && !foundation.stood && machines.length === 0) return 'Failed'
  const phase = before?.phase ?? 'Provisioning'
  switch (phase) {
    case 'Provisioning':
    case 'Failed':
    case 'Deleting':
      return 'Provisioning'
    case 'Updating':
      return 'Updating'
    case 'Ready':
    case 'Degraded':
      return changed(situation) ? 'Updating' : 'Degraded'
    default:
      return phase satisfies never
  }
}

/** Whether something else is asked for than the last status told of. */
function changed({ generation, profileGeneration, before }: ClusterSituation): boolean {
  return before?.observedGeneration !== generation || before.profileGeneration !== profileGeneration
}

type Draft = Omit<Condition, 'since'>

function readyCondition(
  { deleting, machines, foundation, hindrance }: ClusterSituation,
  whole: boolean,
  counts: ClusterStatus['machines'],
): Draft {
  if (deleting)
    return { type: 'Ready', status: 'False', reason: 'Deleting', message: leftText(machines.length, foundation) }
  if (whole)
    return {
      type: 'Ready',
      status: 'True',
      reason: 'AllReady',
      message: `${counts.ready} of ${counts.desired} machines are ready`,
    }
  const tally = `${counts.ready} of ${counts.desired} machines are ready`
  const held = foundation === null ? undefined : troubleOf(foundation)
  if (held !== undefined)
    return { type: 'Ready', status: 'False', reason: held.reason, message: `${tally}; foundation: ${held.message}` }
  if (foundation !== null && !foundation.stood)
    return {
      type: 'Ready',
      status: 'False',
      reason: 'InProgress',
      message: `${tally}; foundation: ${foundation.stage}`,
    }
  const troubled =
    machines.find((machine) => machine.phase === 'Failed') ?? machines.find((machine) => trouble(machine) !== undefined)
  const why = troubled === undefined ? undefined : trouble(troubled)
  if (troubled !== undefined && why !== undefined)
    return { type: 'Ready', status: 'False', reason: why.reason, message: `${tally}; ${troubled.name}: ${why.message}` }
  if (hindrance.kind === 'blocked') {
    const [obstacle] = hindrance.findings
    return {
      type: 'Ready',
      status: 'False',
      reason: 'PreflightFailed',
      message: `${tally}; ${obstacle?.subject}: ${obstacle?.message}`,
    }
  }
  if (hindrance.kind === 'waiting')
    return { type: 'Ready', status: 'False', reason: 'Waiting', message: `${tally}; ${hindrance.message}` }
  return { type: 'Ready', status: 'False', reason: 'InProgress', message: tally }
}

function leftText(machines: number, foundation: FoundationRecord | null): string {
  const left = `${machines} machines are left`
  if (foundation === null) return left
  if (machines > 0) return `${left}, and what they stand on`
  return `its foundation is left: ${troubleOf(foundation)?.message ?? foundation.stage}`
}

/** What the foundation is at, or what holds it up. */
function foundationCondition(foundation: FoundationRecord): Draft {
  const { phase, stage, endpoint, conditions } = foundation
  const type = 'Foundation'
  const held = troubleOf(foundation)
  if (held !== undefined) return { type, status: 'False', reason: held.reason, message: held.message }
  switch (phase) {
    case 'Ready':
      return {
        type,
        status: 'True',
        reason: 'Stands',
        message: endpoint === null ? '' : `the API is at ${endpoint.address}`,
      }
    case 'Drifted': {
      const drift = conditions.find((condition) => condition.type === 'Drifted')
      return { type, status: 'False', reason: 'ChangedOutside', message: drift?.message ?? stage }
    }
    case 'Pending':
    case 'Provisioning':
    case 'Failed':
    case 'Deleting':
      return { type, status: 'False', reason: phase === 'Deleting' ? 'Deleting' : 'InProgress', message: stage }
    default:
      return phase satisfies never
  }
}

/** The condition that holds a machine up; the boot of one isn't trouble. */
function trouble(machine: MachineRecord): Condition | undefined {
  return machine.conditions.find((condition) => condition.status === 'False' && condition.reason !== 'Booting')
}

function preflightCondition(hindrance: Hindrance): Draft {
  switch (hindrance.kind) {
    case 'none':
      return { type: 'Preflight', status: 'True', reason: 'Passed', message: '' }
    case 'waiting':
      return { type: 'Preflight', status: 'Unknown', reason: 'Waiting', message: hindrance.message }
    case 'blocked':
      return {
        type: 'Preflight',
        status: 'False',
        reason: 'Failed',
        message: hindrance.findings.map(sentences).join(' '),
      }
    default:
      return hindrance satisfies never
  }
}

function sentences({ subject, message, remedy }: Finding): string {
  return [`${subject}: ${message}`, remedy]
    .filter((part) => part !== undefined)
    .map((part) => (/[.!?]$/.test(part) ? part : `${part}.`))
    .join(' ')
}

function driftCondition(wanted: readonly MachineRecord[], foundation: FoundationRecord | null): Draft {
  const drifted = wanted.filter((machine) => machine.phase === 'Drifted').map((machine) => machine.name)
  if (foundation?.phase === 'Drifted') drifted.unshift('foundation')
  if (drifted.length === 0) return { type: 'Drifted', status: 'False', reason: 'AsDesired', message: '' }
  return { type: 'Drifted', status: 'True', reason: 'ChangedOutside', message: drifted.join(', ') }
}

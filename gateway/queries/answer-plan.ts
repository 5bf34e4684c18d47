import type { CloudAccount } from '../../resources/cloud-account.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ClusterProfile, ProfileLayers } from '../../resources/cluster-profile.ts'
import { findingOf } from '../../resources/finding.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import type { Finding, PlanAnswer, PlanEntry } from '../../resources/query.ts'
import type { Kind, Resource, ResourceOf } from '../../resources/resource.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { memberOf } from '../clusters/member.ts'
import { type ClusterMove, type PoolGoal, planCluster } from '../clusters/plan-cluster.ts'
import { poolGoals } from '../clusters/revision.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { Orchestrator } from '../orchestrator.ts'

/**
 * What applying the resources would do to this gateway's clusters, step by step, and what would stand in the way.
 * Nothing is changed, and nothing in a cloud but read.
 */
export async function answerPlan(
  resources: readonly Resource[],
  journal: Journal,
  orchestrator: Orchestrator,
  signal: AbortSignal,
): Promise<PlanAnswer> {
  const entries: PlanEntry[] = []
  const findings: Finding[] = []
  const desired = hypothesis(resources, journal)
  for (const { cluster, layers } of affected(resources, desired)) {
    const pools = poolGoals(cluster.spec, layers)
    const machines = journal.machines.ofCluster(cluster.metadata.name)
    entries.push(...replacements(pools, machines))
    const moves = planCluster(pools, machines.map(memberOf)).filter((move) => !rolls(move, pools, machines))
    entries.push(...removals(moves, machines, journal))
    const created = await creations(cluster, layers, moves, desired, orchestrator, signal)
    entries.push(...created.entries)
    findings.push(...created.findings)
  }
  return { entries, findings }
}

/** The desired state as it would be with the resources applied. */
interface Hypothesis {
  readonly clusters: readonly Cluster[]
  readonly profile: (name: string) => ClusterProfile | undefined
  readonly pool: (name: string) => IPPool | undefined
  /** Throws `not-found`. */
  readonly account: (name: string) => CloudAccount
}

function hypothesis(resources: readonly Resource[], journal: Journal): Hypothesis {
  const given = <K extends Kind>(kind: K, name: string): ResourceOf<K> | undefined =>
    resources.find(
      (resource): resource is ResourceOf<K> => resource.kind === kind && resource.metadata.name === name,
    ) ?? journal.desired.get(kind, name)?.resource
  const names = new Set(
    [...resources, ...journal.desired.all('Cluster').map(({ resource }) => resource)].flatMap((resource) =>
      resource.kind === 'Cluster' ? [resource.metadata.name] : [],
    ),
  )
  return {
    clusters: [...names].flatMap((name) => given('Cluster', name) ?? []),
    profile: (name) => given('ClusterProfile', name),
    pool: (name) => given('IPPool', name),
    account: (name) => {
      const account = given('CloudAccount', name)
      if (account !== undefined) return account
      throw new PcgError('not-found', `there is no account ${name}`, {
        subject: 'spec.account',
        remedy: 'put the CloudAccount into the same file, or apply it first',
      })
    },
  }
}

/** The clusters that the resources concern. */
function affected(resources: readonly Resource[], desired: Hypothesis): { cluster: Cluster; layers: ProfileLayers }[] {
  const concerns = (cluster: Cluster): boolean =>
    resources.some(
      ({ kind, metadata }) =>
        (kind === 'Cluster' && metadata.name === cluster.metadata.name) ||
        (kind === 'ClusterProfile' && metadata.name === cluster.spec.profile),
    )
  return desired.clusters.filter(concerns).map((cluster) => {
    const profile = desired.profile(cluster.spec.profile)
    if (profile === undefined)
      throw new PcgError(
        'not-found',
        `cluster ${cluster.metadata.name} names profile ${cluster.spec.profile}, which isn't there`,
        {
          subject: 'spec.profile',
          remedy: 'put the ClusterProfile into the same file, or apply it first',
        },
      )
    return { cluster, layers: profile.spec.layers }
  })
}

function replacements(pools: readonly PoolGoal[], machines: readonly MachineRecord[]): PlanEntry[] {
  return pools.flatMap((pool) =>
    machines
      .filter(
        (machine) => machine.pool === pool.name && machine.want === 'present' && machine.revision !== pool.revision,
      )
      .slice(0, pool.count)
      .map((machine) => ({
        action: 'replace' as const,
        kind: 'Machine',
        name: machine.name,
        reason: `its revision ${machine.revision} becomes ${pool.revision}; one at a time, a new one first`,
        steps: [],
      })),
  )
}

/** Whether the move is a step of a rolling replacement, which is told as such. */
function rolls(move: ClusterMove, pools: readonly PoolGoal[], machines: readonly MachineRecord[]): boolean {
  const pool = move.move === 'create' ? move.pool.name : machines.find((machine) => machine.uid === move.uid)?.pool
  const goal = pools.find((candidate) => candidate.name === pool)
  return (
    goal !== undefined &&
    machines.some(
      (machine) => machine.pool === pool && machine.want === 'present' && machine.revision !== goal.revision,
    )
  )
}

function removals(moves: readonly ClusterMove[], machines: readonly MachineRecord[], journal: Journal): PlanEntry[] {
  return moves.flatMap((move): PlanEntry[] => {
    if (move.move !== 'remove') return []
    const machine = machines.find((candidate) => candidate.uid === move.uid)
    if (machine === undefined) return []
    const steps = journal.ledger.of(machine.uid).map((row) => `delete ${row.kind} ${row.name}`)
    return [{ action: 'delete', kind: 'Machine', name: machine.name, reason: move.cause, steps }]
  })
}

async function creations(
  cluster: Cluster,
  layers: ProfileLayers,
  moves: readonly ClusterMove[],
  desired: Hypothesis,
  orchestrator: Orchestrator,
  signal: AbortSignal,
): Promise<{ entries: PlanEntry[]; findings: Finding[] }> {
  if (!moves.some((move) => move.move === 'create')) return { entries: [], findings: [] }
  try {
    const account = desired.account(cluster.spec.account)
    const { machines } = await orchestrator.clusters.draft({
      cluster,
      layers,
      moves,
      pool: desired.pool,
      reserved: new Set(),
    })
    return await orchestrator.accounts.withAdapter(account, signal, async (adapter, context) => ({
      entries: machines.map(({ record, spec }): PlanEntry => {
        const steps = adapter.plan(spec, null).map((step) => step.summary)
        return { action: 'create', kind: 'Machine', name: record.name, reason: record.cause, steps }
      }),
      findings: await adapter.preflight(
        machines.map((machine) => machine.spec),
        context,
      ),
    }))
  } catch (cause) {
    signal.throwIfAborted()
    return { entries: [], findings: [findingOf(PcgError.from(cause), `cluster ${cluster.metadata.name}`)] }
  }
}

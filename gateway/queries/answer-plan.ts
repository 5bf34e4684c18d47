import type { CloudAccount } from '../../resources/cloud-account.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ClusterProfile, ProfileLayers } from '../../resources/cluster-profile.ts'
import { findingOf } from '../../resources/finding.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import type { Finding, PlanAnswer, PlanEntry } from '../../resources/query.ts'
import type { Kind, Resource, ResourceOf } from '../../resources/resource.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { poolGoals } from '../clusters/revision.ts'
import { specOf } from '../foundations/foundation-record.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { Orchestrator } from '../orchestrator.ts'
import { type Foreseen, foresee } from './foresee.ts'
import { foreseeFoundation } from './foresee-foundation.ts'

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
    const machines = journal.machines.ofCluster(cluster.metadata.name)
    const work = foresee(poolGoals(cluster.spec, layers), machines)
    const removal = new Removal(journal, orchestrator, layers, signal)
    const created = await creations({ cluster, layers, work, desired, orchestrator, signal, removal })
    entries.push(...created.entries)
    for (const { machine, cause } of work.removed)
      entries.push({
        action: 'delete',
        kind: 'Machine',
        name: machine.name,
        reason: cause,
        steps: await removal.steps(machine),
      })
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

/** What it takes to be rid of a machine. */
class Removal {
  readonly #journal: Journal
  readonly #orchestrator: Orchestrator
  readonly #kubernetes: boolean
  readonly #signal: AbortSignal

  constructor(journal: Journal, orchestrator: Orchestrator, layers: ProfileLayers, signal: AbortSignal) {
    this.#journal = journal
    this.#orchestrator = orchestrator
    this.#kubernetes = layers.kubernetes.distribution === 'kubeadm'
    this.#signal = signal
  }

  /** In words. Observes the machine. */
  async steps(machine: MachineRecord): Promise<string[]> {
    const session = this.#orchestrator.accounts.require(machine.account)
    const spec = { ...this.#journal.machines.spec(machine.uid), want: 'absent' as const }
    const observed = await session.adapter.observe(spec, session.context(this.#signal))
    const leave =
      this.#kubernetes && machine.departure.state === 'none' ? [`take ${machine.name} out of its cluster`] : []
    return [...leave, ...session.adapter.plan(spec, observed).map((step) => step.summary)]
  }
}

interface Creation {
  readonly cluster: Cluster
  readonly layers: ProfileLayers
  readonly work: Foreseen
  readonly desired: Hypothesis
  readonly orchestrator: Orchestrator
  readonly signal: AbortSignal
  readonly removal: Removal
}

/** The foundation, and the machines that are made, in the place of others or more of them; and what stands in their way. */
async function creations({
  cluster,
  layers,
  work,
  desired,
  orchestrator,
  signal,
  removal,
}: Creation): Promise<{ entries: PlanEntry[]; findings: Finding[] }> {
  const replacing = work.replaced.map(({ pool }) => ({ move: 'create' as const, pool, count: 1, cause: '' }))
  const moves = [...replacing, ...work.created]
  if (moves.length === 0 && orchestrator.foundations.changed(cluster, []) === undefined)
    return { entries: [], findings: [] }
  try {
    const account = desired.account(cluster.spec.account)
    return await orchestrator.accounts.withAdapter(account, signal, async (adapter, context) => {
      const { foundation, entries } = await foreseeFoundation(cluster, orchestrator, { adapter, context })
      const request = { cluster, layers, moves, pool: desired.pool, foundation }
      return orchestrator.drafts.with(request, async ({ machines }) => {
        const making: PlanEntry[] = []
        for (const [index, { record, spec }] of machines.entries()) {
          const steps = adapter.plan(spec, null).map((step) => step.summary)
          making.push(await entryOf(record, steps, work.replaced[index], removal))
        }
        const specs = machines.map((machine) => machine.spec)
        const findings = await adapter.preflight(specs, context, foundation === null ? undefined : specOf(foundation))
        return { entries: [...entries, ...making], findings }
      })
    })
  } catch (cause) {
    signal.throwIfAborted()
    return { entries: [], findings: [findingOf(PcgError.from(cause), `cluster ${cluster.metadata.name}`)] }
  }
}

/** A machine that is made, in the place of an old one if there is one. */
async function entryOf(
  { name, cause }: MachineRecord,
  making: readonly string[],
  old: Foreseen['replaced'][number] | undefined,
  removal: Removal,
): Promise<PlanEntry> {
  if (old === undefined) return { action: 'create', kind: 'Machine', name, reason: cause, steps: making }
  const reason = `its revision ${old.machine.revision} becomes ${old.pool.revision}`
  const steps = [...making, ...(await removal.steps(old.machine))]
  return { action: 'replace', kind: 'Machine', name: old.machine.name, reason, steps }
}

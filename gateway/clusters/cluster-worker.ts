/**
 * Brings the set of a cluster's machines, and what they stand on, in line with what is desired; each of these then has a
 * worker of its own.
 *
 * Invariants
 * 1. Nothing is created before the preflight found nothing in its way.
 * 2. A foundation is made before the machines that stand on it, and deleted after them.
 * 3. A cluster is gone when its last machine and its foundation are, whose ledgers were empty by then.
 */
import type { MachineUid } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import { findingOf } from '../../resources/finding.ts'
import type { Finding } from '../../resources/query.ts'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { AccountSession } from '../accounts/account-session.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { ClusterFoundations } from '../foundations/cluster-foundations.ts'
import { carries, createFoundation, specOf } from '../foundations/foundation-record.ts'
import type { Desired } from '../journal/desired-table.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineChanges } from '../machines/machine-changes.ts'
import type { ClusterReporter } from './cluster-reporter.ts'
import type { Hindrance } from './cluster-status.ts'
import { forgetCluster } from './forget-cluster.ts'
import type { Draft, MachineDrafts } from './machine-drafts.ts'
import { memberOf } from './member.ts'
import { type ClusterMove, planCluster } from './plan-cluster.ts'
import { poolGoals } from './revision.ts'

/** A preflight only reads; soon at first, for what was in the way may have been a moment's. */
const BLOCKED: BackoffPolicy = { firstMs: 2_000, maxMs: 60_000, factor: 2 }
const UNHINDERED: Hindrance = { kind: 'none' }

export interface ClusterWorkerOptions {
  readonly journal: Journal
  readonly accounts: Accounts
  readonly changes: MachineChanges
  readonly foundations: ClusterFoundations
  readonly drafts: MachineDrafts
  readonly reporter: ClusterReporter
  /** `tenant/gateway`. */
  readonly owner: string
  /** Has the machine looked at. */
  readonly enqueueMachine: (uid: MachineUid) => void
}

export class ClusterWorker {
  readonly #options: ClusterWorkerOptions
  /** What stood in the way the last time, by cluster. */
  readonly #hindrances = new Map<string, Hindrance>()
  /** How many times in a row, by cluster. */
  readonly #blocked = new Map<string, number>()

  constructor(options: ClusterWorkerOptions) {
    this.#options = options
  }

  /** Returns in how many ms to look again, or null to wait for a change. */
  async work(name: string, signal: AbortSignal): Promise<number | null> {
    const desired = this.#options.journal.desired.get('Cluster', name)
    if (desired === undefined) {
      this.#hindrances.delete(name)
      this.#blocked.delete(name)
      return null
    }
    if (desired.want === 'forgotten') {
      const { journal, changes, foundations } = this.#options
      await forgetCluster(name, { journal, machines: changes, foundations })
      return null
    }
    if (desired.want === 'absent') return this.#delete(name, desired)
    const profile = this.#options.journal.desired.get('ClusterProfile', desired.resource.spec.profile)
    if (profile === undefined) {
      // The broker sends it first; it can only be on its way.
      await this.#options.reporter.report(desired, {
        pools: [],
        profileGeneration: null,
        hindrance: { kind: 'waiting', message: `profile ${desired.resource.spec.profile} has not arrived yet` },
      })
      return null
    }
    const pools = poolGoals(desired.resource.spec, profile.resource.spec.layers)
    const moves = planCluster(pools, this.#options.journal.machines.ofCluster(name).map(memberOf))
    await this.#remove(moves)
    await this.#options.foundations.follow(desired.resource)
    const goal = { pools, profileGeneration: profile.generation }
    // Before the preflight, which may take its time: what is known already must not wait for it.
    const known = this.#options.journal.clusters.get(name).status
    if (known !== null)
      await this.#options.reporter.report(desired, { ...goal, hindrance: this.#hindrances.get(name) ?? UNHINDERED })
    const hindrance = await this.#create(name, desired.resource, profile.resource.spec.layers, moves, signal)
    this.#hindrances.set(name, hindrance)
    await this.#options.reporter.report(desired, { ...goal, hindrance })
    if (hindrance.kind !== 'blocked') {
      this.#blocked.delete(name)
      return null
    }
    const times = (this.#blocked.get(name) ?? 0) + 1
    this.#blocked.set(name, times)
    return backoffMs(BLOCKED, times)
  }

  async #create(
    name: string,
    cluster: Cluster,
    layers: ProfileLayers,
    moves: readonly ClusterMove[],
    signal: AbortSignal,
  ): Promise<Hindrance> {
    if (!moves.some((move) => move.move === 'create')) return UNHINDERED
    const { journal, accounts, foundations, drafts, owner } = this.#options
    const session = accounts.use(cluster.spec.account)
    if (!(session instanceof AccountSession)) {
      if (session.passes) return { kind: 'waiting', message: session.unusable }
      return blockedBy([{ severity: 'error', subject: `account ${cluster.spec.account}`, message: session.unusable }])
    }
    const known = foundations.of(name)
    // Its own condition says what it is at.
    if (known !== undefined && !carries(known)) return UNHINDERED
    const needed = session.adapter.foundations !== null
    const foundation = known ?? (needed ? createFoundation(cluster, owner) : null)
    const pool = (named: string) => journal.desired.get('IPPool', named)?.resource
    try {
      return await drafts.with({ cluster, layers, moves, pool, foundation }, async (draft) => {
        const specs = draft.machines.map((machine) => machine.spec)
        const findings = await session.adapter.preflight(
          specs,
          session.context(signal),
          foundation === null ? undefined : specOf(foundation),
        )
        const errors = findings.filter((finding) => finding.severity === 'error')
        if (errors.length > 0) return blockedBy(errors)
        if (foundation === known || foundation === null) await this.#store(name, draft)
        else await foundations.begin(foundation)
        return UNHINDERED
      })
    } catch (cause) {
      signal.throwIfAborted()
      const error = PcgError.from(cause)
      if (error.code === 'credentials') session.suspend(error.message)
      return blockedBy([findingOf(error, `cluster ${name}`)])
    }
  }

  async #store(name: string, { machines, secrets }: Draft): Promise<void> {
    const { journal, changes, enqueueMachine } = this.#options
    const initialiser = machines.find((machine) => machine.record.initialises)
    const write = journal.clusters.update(name, (record) => ({
      ...record,
      secrets,
      initialiser: initialiser === undefined ? record.initialiser : { machine: initialiser.record.uid, done: false },
    }))
    await changes.insert(machines, write)
    for (const machine of machines) enqueueMachine(machine.record.uid)
  }

  async #remove(moves: readonly ClusterMove[]): Promise<void> {
    const { changes, enqueueMachine } = this.#options
    await Promise.all(
      moves.map(async (move) => {
        if (move.move !== 'remove') return
        await changes.apply(move.uid, (record) => ({
          ...record,
          want: 'absent',
          cause: move.cause,
          phase: 'Deleting',
          stage: 'waiting for its turn',
        }))
        enqueueMachine(move.uid)
      }),
    )
  }

  async #delete(name: string, desired: Desired<Cluster>): Promise<null> {
    const { journal, foundations, reporter } = this.#options
    const machines = journal.machines.ofCluster(name)
    const foundation = foundations.of(name)
    if (machines.length === 0 && foundation === undefined) {
      const write = journal.clusters.remove(name)
      await journal.write(() => {
        write()
        journal.desired.remove('Cluster', name)
      }, [{ type: 'gone', kind: 'Cluster', name, left: [] }])
      return null
    }
    const cause = `cluster ${name} is deleted`
    await this.#remove(
      machines
        .filter((machine) => machine.want === 'present')
        .map((machine) => ({ move: 'remove', uid: machine.uid, cause })),
    )
    if (machines.length === 0 && foundation !== undefined) await foundations.remove(foundation, cause)
    await reporter.report(desired, { pools: [], profileGeneration: null, hindrance: UNHINDERED })
    return null
  }
}

function blockedBy(findings: readonly Finding[]): Hindrance {
  return { kind: 'blocked', findings }
}

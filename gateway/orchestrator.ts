/**
 * The local orchestrator: what has changed finds its worker.
 *
 * Invariants
 * 1. It needs no tunnel: whatever is in the journal is reconciled, attached or not.
 * 2. One worker for each cluster, account and unit (invariant 6 of the design).
 */
import type { Adapter, Change, ExternalObject, MachineUid } from '../adapters/adapter.ts'
import type { CloudAccount } from '../resources/cloud-account.ts'
import type { ClusterSpec } from '../resources/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { AccountSession } from './accounts/account-session.ts'
import { type AccountListener, Accounts } from './accounts/accounts.ts'
import { ClusterReporter } from './clusters/cluster-reporter.ts'
import { ClusterWorker } from './clusters/cluster-worker.ts'
import { MachineDrafts } from './clusters/machine-drafts.ts'
import { ClusterFoundations } from './foundations/cluster-foundations.ts'
import { FoundationChanges } from './foundations/foundation-changes.ts'
import { type FoundationRecord, specOf } from './foundations/foundation-record.ts'
import { FoundationWorker } from './foundations/foundation-worker.ts'
import type { Accepted } from './journal/desired-table.ts'
import type { Journal } from './journal/journal.ts'
import { DepartureDesk } from './machines/departure-desk.ts'
import { MachineChanges } from './machines/machine-changes.ts'
import type { MachineRecord } from './machines/machine-record.ts'
import { MachineWorker } from './machines/machine-worker.ts'
import { type Boundary, StepRunner } from './units/step-runner.ts'
import type { UnitRecord } from './units/unit-record.ts'
import { WorkQueue } from './work-queue.ts'

/** How many machines and foundations may be worked on at once; an account's own limit is its adapter's. */
const UNIT_CONCURRENCY = 1_000
const CLUSTER_CONCURRENCY = 64

export interface OrchestratorOptions {
  readonly journal: Journal
  /** `tenant/gateway`. */
  readonly owner: string
  readonly createAdapter: (account: CloudAccount) => Promise<Adapter>
  /** Whether two forms of an account have the same credentials at the same place. */
  readonly shareSession: (a: CloudAccount, b: CloudAccount) => Promise<boolean>
  readonly phoneHome: { readonly url: string; readonly authority: string }
  readonly boundary: Boundary
  readonly clock: Clock
  readonly log: Log
}

export class Orchestrator implements AccountListener {
  /** `tenant/gateway`. */
  readonly owner: string
  readonly accounts: Accounts
  readonly clusters: ClusterWorker
  readonly foundations: ClusterFoundations
  readonly drafts: MachineDrafts
  readonly departures: DepartureDesk
  readonly #journal: Journal
  readonly #log: Log
  readonly #changes: MachineChanges
  readonly #stop = new AbortController()
  readonly #unitQueue: WorkQueue<MachineUid>
  readonly #clusterQueue: WorkQueue<string>
  readonly #accountQueue: WorkQueue<string>
  readonly #orphans = new Set<string>()

  constructor(options: OrchestratorOptions) {
    const { journal, owner, createAdapter, shareSession, phoneHome, boundary, clock, log } = options
    this.owner = owner
    this.#journal = journal
    this.#log = log
    const signal = this.#stop.signal
    const clusterChanged = (cluster: string): void => this.#clusterQueue.add(cluster)
    this.#changes = new MachineChanges(journal, clock, clusterChanged)
    const foundationChanges = new FoundationChanges(journal, clock, clusterChanged)
    this.accounts = new Accounts({ journal, owner, createAdapter, shareSession, listener: this, clock, log, signal })
    this.departures = new DepartureDesk(clock)
    const foundations = new FoundationWorker({
      journal,
      accounts: this.accounts,
      changes: foundationChanges,
      runner: new StepRunner<FoundationRecord>({
        journal,
        changes: foundationChanges,
        begin: async (record, step, { adapter }, context) => {
          if (adapter.foundations === null) throw new Error(`${adapter.cloud} has no foundations`)
          return adapter.foundations.start(step, specOf(record), context)
        },
        boundary,
        log,
      }),
      clock,
    })
    const machines = new MachineWorker({
      journal,
      accounts: this.accounts,
      changes: this.#changes,
      runner: new StepRunner<MachineRecord>({
        journal,
        changes: this.#changes,
        begin: ({ uid }, step, { adapter }, context) => adapter.start(step, journal.machines.spec(uid), context),
        boundary,
        log,
      }),
      // What it stands on may be what it misses.
      heldUp: ({ cluster }) => {
        const foundation = this.foundations.of(cluster)
        if (foundation !== undefined && foundations.isSuspect(foundation)) this.#unitQueue.add(foundation.uid)
      },
      departures: this.departures,
      clock,
      phoneHomeUrl: phoneHome.url,
    })
    const enqueue = (uid: MachineUid): void => this.#unitQueue.add(uid)
    this.foundations = new ClusterFoundations({ journal, changes: foundationChanges, enqueue })
    this.drafts = new MachineDrafts({ journal, owner, phoneHome, clock })
    this.clusters = new ClusterWorker({
      journal,
      accounts: this.accounts,
      changes: this.#changes,
      foundations: this.foundations,
      drafts: this.drafts,
      reporter: new ClusterReporter(journal, clock),
      owner,
      enqueueMachine: enqueue,
    })
    this.#unitQueue = new WorkQueue({
      concurrency: UNIT_CONCURRENCY,
      work: (uid, stop) =>
        journal.foundations.get(uid) === undefined ? machines.work(uid, stop) : foundations.work(uid, stop),
      log,
      signal,
    })
    this.#clusterQueue = new WorkQueue({
      concurrency: CLUSTER_CONCURRENCY,
      work: (name, stop) => this.clusters.work(name, stop),
      log,
      signal,
    })
    this.#accountQueue = new WorkQueue({
      concurrency: 16,
      work: (name, stop) => this.accounts.reconcile(name, stop),
      log,
      signal,
    })
  }

  get changes(): MachineChanges {
    return this.#changes
  }

  /** Takes up what the journal holds, and whatever comes. */
  start(): void {
    this.#journal.onAccepted((accepted) => this.#accepted(accepted))
    for (const { resource } of this.#journal.desired.all('CloudAccount')) this.#accountQueue.add(resource.metadata.name)
    for (const { resource } of this.#journal.desired.all('Cluster')) this.#clusterQueue.add(resource.metadata.name)
    this.#addUnready(() => true)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.accounts.close()
    await Promise.all([this.#unitQueue.idle(), this.#clusterQueue.idle(), this.#accountQueue.idle()])
  }

  /** A machine told something of itself. */
  machineChanged(uid: MachineUid): void {
    this.#unitQueue.addUrgent(uid)
  }

  changed(change: Change): void {
    if (this.#journal.foundations.get(change.machine) !== undefined) this.#unitQueue.addUrgent(change.machine)
    const record = this.#journal.machines.get(change.machine)
    if (record === undefined) return
    // Most of what a cloud tells of a machine that is in order changes nothing: that is settled here, without a call.
    if (record.phase === 'Ready' && change.observed && record.want === 'present') {
      const session = this.accounts.use(record.account)
      if (
        session instanceof AccountSession &&
        session.adapter.plan(this.#journal.machines.spec(record.uid), change.observed).length === 0
      )
        return
    }
    this.#unitQueue.addUrgent(change.machine)
  }

  listed(account: string, objects: readonly ExternalObject[]): void {
    const there = new Set(objects.map((object) => object.owner.machine))
    for (const record of this.#journal.machines.all())
      if (record.account === account && record.externalId !== null && !there.has(record.uid))
        this.#unitQueue.add(record.uid)
    // Not all that a foundation is shows in the list: its rules don't.
    for (const record of this.#journal.foundations.all())
      if (record.account === account) this.#unitQueue.add(record.uid)
    for (const object of objects) this.#tellOrphan(object)
  }

  accountChanged(account: string): void {
    this.#addUnready((unit) => unit.account === account)
    this.#addClusters((spec) => spec.account === account)
  }

  #accepted(accepted: Accepted): void {
    if (accepted.result !== 'changed') return
    const { kind, name } = accepted
    switch (kind) {
      case 'CloudAccount':
        this.#accountQueue.add(name)
        break
      case 'Cluster':
        for (const record of this.#journal.machines.ofCluster(name))
          if (record.phase !== 'Ready') this.#unitQueue.add(record.uid)
        for (const record of this.#journal.foundations.ofCluster(name)) this.#unitQueue.add(record.uid)
        this.#clusterQueue.add(name)
        break
      case 'ClusterProfile':
        this.#addClusters((spec) => spec.profile === name)
        this.#dropDeleted(kind, name)
        break
      case 'IPPool':
        this.#addClusters(({ network }) => network.addressing.type === 'static' && network.addressing.pool === name)
        this.#dropDeleted(kind, name)
        break
      case 'Gateway':
        break
      default:
        kind satisfies never
    }
  }

  #addUnready(concerned: (unit: UnitRecord) => boolean): void {
    for (const units of [this.#journal.foundations.all(), this.#journal.machines.all()])
      for (const unit of units) if (unit.phase !== 'Ready' && concerned(unit)) this.#unitQueue.add(unit.uid)
  }

  #addClusters(concerned: (spec: ClusterSpec) => boolean): void {
    for (const { resource } of this.#journal.desired.all('Cluster'))
      if (concerned(resource.spec)) this.#clusterQueue.add(resource.metadata.name)
  }

  /** Nothing outside hangs on a profile or a pool: deleting it is done once it is forgotten. */
  #dropDeleted(kind: 'ClusterProfile' | 'IPPool', name: string): void {
    if (this.#journal.desired.get(kind, name)?.want === 'present') return
    this.#journal
      .write(() => this.#journal.desired.remove(kind, name), [{ type: 'gone', kind, name, left: [] }])
      .catch((cause) => this.#log.error({ kind, name, err: cause }, 'journal failed'))
  }

  /** An object with our mark that the journal doesn't know: told once, and left alone, for it may be a restored journal that is wrong. */
  #tellOrphan(object: ExternalObject): void {
    const { machine } = object.owner
    if (this.#journal.machines.get(machine) ?? this.#journal.foundations.get(machine)) return
    if (this.#orphans.has(object.id)) return
    this.#orphans.add(object.id)
    void this.#journal.write(
      () => undefined,
      [
        {
          type: 'event',
          kind: 'Cluster',
          name: object.owner.cluster,
          severity: 'warning',
          reason: 'Orphan',
          message: `${object.kind} ${object.name} (${object.id}) carries this gateway's mark, and the journal doesn't know it: delete it in the cloud if nothing needs it`,
        },
      ],
    )
  }
}

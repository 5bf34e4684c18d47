/**
 * The local orchestrator: what has changed finds its worker.
 *
 * Invariants
 * 1. It needs no tunnel: whatever is in the journal is reconciled, attached or not.
 * 2. One worker for each cluster, account and machine (invariant 6 of the design).
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
import type { Accepted } from './journal/desired-table.ts'
import type { Journal } from './journal/journal.ts'
import { DepartureDesk } from './machines/departure-desk.ts'
import { MachineChanges } from './machines/machine-changes.ts'
import { MachineWorker } from './machines/machine-worker.ts'
import { type Boundary, StepRunner } from './machines/step-runner.ts'
import { WorkQueue } from './work-queue.ts'

/** How many machines may be worked on at once; an account's own limit is its adapter's. */
const MACHINE_CONCURRENCY = 1_000
const CLUSTER_CONCURRENCY = 64

export interface OrchestratorOptions {
  readonly journal: Journal
  /** `tenant/gateway`. */
  readonly owner: string
  readonly createAdapter: (account: CloudAccount) => Promise<Adapter>
  readonly phoneHome: { readonly url: string; readonly authority: string }
  readonly boundary: Boundary
  readonly clock: Clock
  readonly log: Log
}

export class Orchestrator implements AccountListener {
  readonly accounts: Accounts
  readonly clusters: ClusterWorker
  readonly departures: DepartureDesk
  readonly #journal: Journal
  readonly #log: Log
  readonly #changes: MachineChanges
  readonly #stop = new AbortController()
  readonly #machineQueue: WorkQueue<MachineUid>
  readonly #clusterQueue: WorkQueue<string>
  readonly #accountQueue: WorkQueue<string>
  readonly #orphans = new Set<string>()

  constructor(options: OrchestratorOptions) {
    const { journal, owner, createAdapter, phoneHome, boundary, clock, log } = options
    this.#journal = journal
    this.#log = log
    const signal = this.#stop.signal
    this.#changes = new MachineChanges(journal, clock, (cluster) => this.#clusterQueue.add(cluster))
    this.accounts = new Accounts({ journal, owner, createAdapter, listener: this, clock, log, signal })
    this.departures = new DepartureDesk(clock)
    const runner = new StepRunner({ journal, changes: this.#changes, boundary, log })
    const machines = new MachineWorker({
      journal,
      accounts: this.accounts,
      changes: this.#changes,
      runner,
      departures: this.departures,
      clock,
      phoneHomeUrl: phoneHome.url,
    })
    const enqueueMachine = (uid: MachineUid): void => this.#machineQueue.add(uid)
    this.clusters = new ClusterWorker({
      journal,
      accounts: this.accounts,
      changes: this.#changes,
      reporter: new ClusterReporter(journal, clock),
      owner,
      phoneHome,
      clock,
      enqueueMachine,
    })
    this.#machineQueue = new WorkQueue({
      concurrency: MACHINE_CONCURRENCY,
      work: (uid, stop) => machines.work(uid, stop),
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
      work: async (name, stop) => {
        await this.accounts.reconcile(name, stop)
        return null
      },
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
    for (const record of this.#journal.machines.all()) if (record.phase !== 'Ready') this.#machineQueue.add(record.uid)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.accounts.close()
    await Promise.all([this.#machineQueue.idle(), this.#clusterQueue.idle(), this.#accountQueue.idle()])
  }

  /** A machine told something of itself. */
  machineChanged(uid: MachineUid): void {
    this.#machineQueue.addUrgent(uid)
  }

  changed(change: Change): void {
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
    this.#machineQueue.addUrgent(change.machine)
  }

  listed(account: string, objects: readonly ExternalObject[]): void {
    const there = new Set(objects.map((object) => object.owner.machine))
    for (const record of this.#journal.machines.all())
      if (record.account === account && record.externalId !== null && !there.has(record.uid))
        this.#machineQueue.add(record.uid)
    for (const object of objects) this.#tellOrphan(object)
  }

  accountChanged(account: string): void {
    for (const record of this.#journal.machines.all())
      if (record.account === account && record.phase !== 'Ready') this.#machineQueue.add(record.uid)
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
          if (record.phase !== 'Ready') this.#machineQueue.add(record.uid)
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
    if (this.#journal.machines.get(object.owner.machine) !== undefined || this.#orphans.has(object.id)) return
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

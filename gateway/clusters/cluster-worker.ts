/**
 * Brings the set of a cluster's machines in line with what is desired; each machine then has a worker of its own.
 *
 * Invariants
 * 1. Nothing is created before the preflight found nothing in its way.
 * 2. At most one machine at a time is the one that makes the cluster (kubeadm init).
 * 3. An address belongs to one machine: it is reserved from the draft until the machine is stored.
 * 4. A cluster is gone when its last machine is, whose ledger was empty by then.
 */

import type { MachineAddress, MachineSpec, MachineUid } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import { findingOf } from '../../resources/finding.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import type { Finding } from '../../resources/query.ts'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import { type Clock, timestamp } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { AccountSession } from '../accounts/account-session.ts'
import type { Accounts } from '../accounts/accounts.ts'
import { allocateAddress } from '../bootstrap/addresses.ts'
import { apiEndpoint } from '../bootstrap/api-endpoint.ts'
import { type ClusterSecrets, freshSecrets } from '../bootstrap/cluster-secrets.ts'
import type { Desired } from '../journal/desired-table.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineChanges } from '../machines/machine-changes.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { ClusterReporter } from './cluster-reporter.ts'
import type { Hindrance } from './cluster-status.ts'
import { forgetCluster } from './forget-cluster.ts'
import { createMachine } from './machine-factory.ts'
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
  readonly reporter: ClusterReporter
  /** `tenant/gateway`. */
  readonly owner: string
  readonly phoneHome: { readonly url: string; readonly authority: string }
  readonly clock: Clock
  /** Has the machine looked at. */
  readonly enqueueMachine: (uid: MachineUid) => void
}

export interface DraftRequest {
  readonly cluster: Cluster
  readonly layers: ProfileLayers
  readonly moves: readonly ClusterMove[]
  readonly pool: (name: string) => IPPool | undefined
  /** Filled with the addresses that the draft takes. */
  readonly reserved: Set<string>
}

interface Draft {
  readonly machines: readonly { readonly record: MachineRecord; readonly spec: MachineSpec }[]
  readonly secrets: ClusterSecrets
}

export class ClusterWorker {
  readonly #options: ClusterWorkerOptions
  /** What stood in the way the last time, by cluster. */
  readonly #hindrances = new Map<string, Hindrance>()
  /** How many times in a row, by cluster. */
  readonly #blocked = new Map<string, number>()
  /** Invariant 3: for each draft that is not stored yet, its addresses. */
  readonly #reservations = new Set<ReadonlySet<string>>()

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
      await forgetCluster(this.#options.journal, this.#options.changes, name)
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

  /**
   * Machines as they would be made for these moves; stores nothing.
   * Throws `capacity` when a pool has no address left, `not-found` when something that the cluster names hasn't arrived.
   */
  async draft({ cluster, layers, moves, pool, reserved }: DraftRequest): Promise<Draft> {
    const { journal, owner, phoneHome, clock } = this.#options
    const name = cluster.metadata.name
    const known = journal.clusters.get(name)
    const secrets = await freshSecrets(known.secrets, name, clock)
    const used = this.#usedAddresses(cluster)
    let open = !this.#hasInitialiser(name)
    const machines: { record: MachineRecord; spec: MachineSpec }[] = []
    for (const move of moves) {
      if (move.move !== 'create') continue
      for (let made = 0; made < move.count; made++) {
        const initialises = open && move.pool.role === 'control-plane'
        if (initialises) open = false
        const address = addressFor(cluster, pool, used)
        if (address.type === 'static') {
          used.add(address.address)
          reserved.add(address.address)
        }
        const now = timestamp(clock)
        machines.push(
          createMachine({
            cluster,
            endpoint: apiEndpoint(cluster.spec.network.endpoint, null),
            foundation: null,
            layers,
            pool: move.pool,
            secrets,
            initialises,
            address,
            cause: move.cause,
            owner,
            phoneHome,
            now,
          }),
        )
      }
    }
    return { machines, secrets }
  }

  async #create(
    name: string,
    cluster: Cluster,
    layers: ProfileLayers,
    moves: readonly ClusterMove[],
    signal: AbortSignal,
  ): Promise<Hindrance> {
    if (!moves.some((move) => move.move === 'create')) return UNHINDERED
    const { journal, accounts } = this.#options
    const session = accounts.use(cluster.spec.account)
    if (!(session instanceof AccountSession)) {
      if (session.passes) return { kind: 'waiting', message: session.unusable }
      return blockedBy([{ severity: 'error', subject: `account ${cluster.spec.account}`, message: session.unusable }])
    }
    const reserved = new Set<string>()
    this.#reservations.add(reserved)
    try {
      const drafted = await this.draft({
        cluster,
        layers,
        moves,
        pool: (pool) => journal.desired.get('IPPool', pool)?.resource,
        reserved,
      })
      const specs = drafted.machines.map((machine) => machine.spec)
      const findings = await session.adapter.preflight(specs, session.context(signal))
      const errors = findings.filter((finding) => finding.severity === 'error')
      if (errors.length > 0) return blockedBy(errors)
      await this.#store(name, drafted)
      return UNHINDERED
    } catch (cause) {
      signal.throwIfAborted()
      const error = PcgError.from(cause)
      if (error.code === 'credentials') session.suspend(error.message)
      return blockedBy([findingOf(error, `cluster ${name}`)])
    } finally {
      this.#reservations.delete(reserved)
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
    const { journal } = this.#options
    const machines = journal.machines.ofCluster(name)
    if (machines.length === 0) {
      const write = journal.clusters.remove(name)
      await journal.write(() => {
        write()
        journal.desired.remove('Cluster', name)
      }, [{ type: 'gone', kind: 'Cluster', name, left: [] }])
      return null
    }
    await this.#remove(
      machines
        .filter((machine) => machine.want === 'present')
        .map((machine) => ({ move: 'remove', uid: machine.uid, cause: `cluster ${name} is deleted` })),
    )
    await this.#options.reporter.report(desired, { pools: [], profileGeneration: null, hindrance: UNHINDERED })
    return null
  }

  /** Invariant 2. */
  #hasInitialiser(name: string): boolean {
    const { journal } = this.#options
    const { initialiser } = journal.clusters.get(name)
    if (initialiser === null) return false
    return initialiser.done || journal.machines.get(initialiser.machine)?.want === 'present'
  }

  #usedAddresses(cluster: Cluster): Set<string> {
    const used = new Set<string>()
    for (const reserved of this.#reservations) for (const address of reserved) used.add(address)
    if (cluster.spec.network.addressing.type === 'dhcp') return used
    const { journal } = this.#options
    for (const { address } of journal.machines.all()) if (address.type === 'static') used.add(address.address)
    for (const { resource } of journal.desired.all('Cluster')) {
      const { endpoint } = resource.spec.network
      if (endpoint.type === 'virtual-ip' || endpoint.type === 'external') used.add(endpoint.address)
    }
    return used
  }
}

function blockedBy(findings: readonly Finding[]): Hindrance {
  return { kind: 'blocked', findings }
}

function addressFor(cluster: Cluster, poolNamed: DraftRequest['pool'], used: ReadonlySet<string>): MachineAddress {
  const { addressing } = cluster.spec.network
  if (addressing.type === 'dhcp') return { type: 'dhcp' }
  const pool = poolNamed(addressing.pool)
  if (pool === undefined)
    throw new PcgError('not-found', 'has not arrived yet', { subject: `IPPool ${addressing.pool}` })
  return allocateAddress(pool, used)
}

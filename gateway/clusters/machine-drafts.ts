/**
 * Machines as they would be made, before anything of them is stored.
 *
 * Invariants
 * 1. At most one machine of a cluster at a time is the one that makes it (kubeadm init).
 * 2. An address belongs to one machine: it is reserved from the draft until the machine is stored.
 */
import type { FoundEndpoint, MachineAddress, MachineSpec } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import { type Clock, timestamp } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { allocateAddress } from '../bootstrap/addresses.ts'
import { apiEndpoint, UNKNOWN_ENDPOINT } from '../bootstrap/api-endpoint.ts'
import { type ClusterSecrets, freshSecrets } from '../bootstrap/cluster-secrets.ts'
import type { FoundationRecord } from '../foundations/foundation-record.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import { createMachine } from './machine-factory.ts'
import type { ClusterMove } from './plan-cluster.ts'

export interface DraftRequest {
  readonly cluster: Cluster
  readonly layers: ProfileLayers
  readonly moves: readonly ClusterMove[]
  readonly pool: (name: string) => IPPool | undefined
  /** What the machines would stand on; null where they need nothing. */
  readonly foundation: FoundationRecord | null
}

export interface Draft {
  readonly machines: readonly { readonly record: MachineRecord; readonly spec: MachineSpec }[]
  readonly secrets: ClusterSecrets
}

export interface MachineDraftsOptions {
  readonly journal: Journal
  /** `tenant/gateway`. */
  readonly owner: string
  readonly phoneHome: { readonly url: string; readonly authority: string }
  readonly clock: Clock
}

export class MachineDrafts {
  readonly #options: MachineDraftsOptions
  /** Invariant 2: for each draft that is in use and not stored yet, its addresses. */
  readonly #reservations = new Set<ReadonlySet<string>>()

  constructor(options: MachineDraftsOptions) {
    this.#options = options
  }

  /**
   * Drafts machines for these moves and has `use` do something with them; their addresses are theirs until it has.
   * Where the foundation has no endpoint yet, they have one that leads nowhere: good for a look, not to be stored.
   * Throws `capacity` when a pool has no address left, `not-found` when something that the cluster names hasn't arrived.
   */
  async with<T>(request: DraftRequest, use: (draft: Draft) => Promise<T>): Promise<T> {
    const reserved = new Set<string>()
    this.#reservations.add(reserved)
    try {
      return await use(await this.#draft(request, reserved))
    } finally {
      this.#reservations.delete(reserved)
    }
  }

  async #draft({ cluster, layers, moves, pool, foundation }: DraftRequest, reserved: Set<string>): Promise<Draft> {
    const { journal, owner, phoneHome, clock } = this.#options
    const { name } = cluster.metadata
    const secrets = await freshSecrets(journal.clusters.get(name).secrets, name, clock)
    const found = foundation === null ? null : (foundation.endpoint ?? UNKNOWN_ENDPOINT)
    const used = this.#usedAddresses(cluster, found)
    const endpoint = apiEndpoint(cluster.spec.network.endpoint, found)
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
        machines.push(
          createMachine({
            cluster,
            endpoint,
            foundation: foundation?.uid ?? null,
            layers,
            pool: move.pool,
            secrets,
            initialises,
            address,
            cause: move.cause,
            owner,
            phoneHome,
            now: timestamp(clock),
          }),
        )
      }
    }
    return { machines, secrets }
  }

  /** Invariant 1. */
  #hasInitialiser(name: string): boolean {
    const { journal } = this.#options
    const { initialiser } = journal.clusters.get(name)
    if (initialiser === null) return false
    return initialiser.done || journal.machines.get(initialiser.machine)?.want === 'present'
  }

  #usedAddresses(cluster: Cluster, found: FoundEndpoint | null): Set<string> {
    const used = new Set<string>()
    for (const reserved of this.#reservations) for (const address of reserved) used.add(address)
    if (cluster.spec.network.addressing.type === 'dhcp') return used
    const { journal } = this.#options
    for (const { address } of journal.machines.all()) if (address.type === 'static') used.add(address.address)
    for (const { resource } of journal.desired.all('Cluster')) {
      const { endpoint } = resource.spec.network
      if (endpoint.type === 'virtual-ip' || endpoint.type === 'external') used.add(endpoint.address)
    }
    const endpoints = [found, ...Array.from(journal.foundations.all(), ({ endpoint }) => endpoint)]
    for (const endpoint of endpoints)
      if (endpoint !== null)
        for (const address of [endpoint.address, endpoint.virtualIp]) if (address) used.add(address)
    return used
  }
}

function addressFor(cluster: Cluster, poolNamed: DraftRequest['pool'], used: ReadonlySet<string>): MachineAddress {
  const { addressing } = cluster.spec.network
  if (addressing.type === 'dhcp') return { type: 'dhcp' }
  const pool = poolNamed(addressing.pool)
  if (pool === undefined)
    throw new PcgError('not-found', 'has not arrived yet', { subject: `IPPool ${addressing.pool}` })
  return allocateAddress(pool, used)
}

import { randomBytes, randomUUID } from 'node:crypto'
import type { MachineAddress, MachineSize, MachineSpec, MachineUid, ServedEndpoint } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { ApiEndpoint } from '../bootstrap/api-endpoint.ts'
import type { ClusterSecrets } from '../bootstrap/cluster-secrets.ts'
import { renderUserData } from '../bootstrap/user-data.ts'
import { createPhoneHomeToken, type MachineRecord } from '../machines/machine-record.ts'
import type { PoolGoal } from './plan-cluster.ts'

type Shape = Pick<Cluster['spec']['controlPlane'], 'cpus' | 'memoryMiB' | 'flavor'>

export interface Blueprint {
  readonly cluster: Cluster
  readonly endpoint: ApiEndpoint
  /** Whose objects its machines stand on; null where the cloud needs none. */
  readonly foundation: MachineUid | null
  readonly layers: ProfileLayers
  readonly pool: PoolGoal
  readonly secrets: ClusterSecrets
  /** Whether this machine makes the cluster. */
  readonly initialises: boolean
  readonly address: MachineAddress
  readonly cause: string
  /** `tenant/gateway`. */
  readonly owner: string
  readonly phoneHome: { readonly url: string; readonly authority: string }
  /** ISO 8601. */
  readonly now: string
}

/** A new machine: its record and its spec, with names and secrets of its own. Nothing is stored or made yet. */
export function createMachine(blueprint: Blueprint): { record: MachineRecord; spec: MachineSpec } {
  const { cluster, endpoint, foundation, layers, pool, secrets, initialises, address, cause, owner, phoneHome, now } =
    blueprint
  const serves = servedBy(blueprint)
  const uid = randomUUID()
  const name = `${cluster.metadata.name}-${pool.name}-${suffix()}`
  const { token, hash } = createPhoneHomeToken()
  const shape =
    pool.role === 'control-plane'
      ? cluster.spec.controlPlane
      : cluster.spec.workers.find((workers) => workers.name === pool.name)
  if (shape === undefined) throw new Error(`no pool ${pool.name}`)
  const record: MachineRecord = {
    uid,
    name,
    cluster: cluster.metadata.name,
    account: cluster.spec.account,
    pool: pool.name,
    role: pool.role,
    revision: pool.revision,
    initialises,
    address,
    want: 'present',
    cause,
    phase: 'Pending',
    stage: 'waiting for its turn',
    progress: null,
    running: null,
    failures: 0,
    phoneHomeTokenHash: hash,
    phoneHome: { state: 'waiting' },
    bootingSince: null,
    departure: { state: layers.kubernetes.distribution === 'none' ? 'unneeded' : 'none' },
    addresses: [],
    externalId: null,
    conditions: [],
    createdAt: now,
  }
  const spec: MachineSpec = {
    owner: { gateway: owner, cluster: cluster.metadata.name, machine: uid },
    name,
    placement: cluster.spec.placement,
    role: pool.role,
    pool: pool.name,
    size: sizeOf(shape, pool.name),
    ...(shape.diskGiB === undefined ? {} : { diskGiB: shape.diskGiB }),
    disks: shape.disks,
    address,
    ...(foundation === null ? {} : { foundation }),
    ...(serves === null ? {} : { serves }),
    userData: renderUserData({
      cluster,
      endpoint,
      layers,
      machine: { uid, name, role: pool.role, initialises },
      secrets,
      phoneHome: { ...phoneHome, token },
    }),
    want: 'present',
  }
  return { record, spec }
}

/** On a foundation only: elsewhere a machine may take what address it will, and nobody balances for it. */
function servedBy({ cluster, endpoint, foundation, pool }: Blueprint): ServedEndpoint | null {
  if (foundation === null || pool.role !== 'control-plane') return null
  if (endpoint.virtualIp !== null) return { type: 'virtual-ip', address: endpoint.virtualIp }
  if (cluster.spec.network.endpoint.type === 'load-balancer') return { type: 'load-balancer', port: endpoint.bindPort }
  return null
}

/** The schema has seen to it that one of the two is there. */
function sizeOf({ cpus, memoryMiB, flavor }: Shape, pool: string): MachineSize {
  if (flavor !== undefined) return { type: 'flavor', flavor }
  if (cpus === undefined || memoryMiB === undefined) throw new Error(`pool ${pool} has no size`)
  return { type: 'custom', cpus, memoryMiB }
}

/** Five characters that can't be misread for one another, nor spell a word. */
function suffix(): string {
  const alphabet = 'bcdfghjkmnpqrstvwxz2456789'
  return Array.from(randomBytes(5), (byte) => alphabet[byte % alphabet.length]).join('')
}

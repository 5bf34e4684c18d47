import { createHash } from 'node:crypto'
import type { ClusterSpec } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { PoolGoal } from './plan-cluster.ts'

/** The pools of a cluster, each with the revision of what its machines are made from. */
export function poolGoals(spec: ClusterSpec, layers: ProfileLayers): PoolGoal[] {
  const { count, ...shape } = spec.controlPlane
  const place = [placementOfMachines(spec.placement), networkOfMachines(spec.network)]
  const controlPlane: PoolGoal = {
    name: 'control-plane',
    role: 'control-plane',
    count,
    revision: revisionOf([layers, shape, ...place]),
  }
  const workers = spec.workers.map((pool): PoolGoal => {
    const { name, count, ...shape } = pool
    // CNI, CSI and add-ons are applied by the control plane: a change of theirs leaves workers alone.
    const { os, kubernetes } = layers
    return {
      name,
      role: 'worker',
      count,
      revision: revisionOf([{ os, kubernetes }, shape, ...place]),
    }
  })
  return [controlPlane, ...workers]
}

/** Without what only the foundation is made from, so that a change of that leaves the machines alone. */
function placementOfMachines(placement: ClusterSpec['placement']): unknown {
  if (placement.cloud !== 'openstack') return placement
  const { access: _, network, ...rest } = placement
  if (network.type === 'existing') return { ...rest, network }
  const { nameservers: __, ...made } = network
  return { ...rest, network: made }
}

/** As `placementOfMachines`. */
function networkOfMachines(network: ClusterSpec['network']): unknown {
  const { endpoint, ...rest } = network
  if (endpoint.type !== 'floating-ip' && endpoint.type !== 'load-balancer') return network
  const { type, port } = endpoint
  return { ...rest, endpoint: { type, port } }
}

function revisionOf(value: unknown): string {
  return createHash('sha256').update(canonicalText(value)).digest('hex').slice(0, 8)
}

/** JSON, the same for equal values, whatever the order of their keys. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(canonical(value))
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}

import { createHash } from 'node:crypto'
import type { ClusterSpec } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { PoolGoal } from './plan-cluster.ts'

/** The pools of a cluster, each with the revision of what its machines are made from. */
export function poolGoals(spec: ClusterSpec, layers: ProfileLayers): PoolGoal[] {
  const { count, ...shape } = spec.controlPlane
  const controlPlane: PoolGoal = {
    name: 'control-plane',
    role: 'control-plane',
    count,
    revision: revisionOf([layers, shape, spec.placement, spec.network]),
  }
  const workers = spec.workers.map((pool): PoolGoal => {
    const { name, count, ...shape } = pool
    // CNI, CSI and add-ons are applied by the control plane: a change of theirs leaves workers alone.
    const { os, kubernetes } = layers
    return {
      name,
      role: 'worker',
      count,
      revision: revisionOf([{ os, kubernetes }, shape, spec.placement, spec.network]),
    }
  })
  return [controlPlane, ...workers]
}

/** The same for equal values, whatever the order of their keys. */
function revisionOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(value)))
    .digest('hex')
    .slice(0, 8)
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

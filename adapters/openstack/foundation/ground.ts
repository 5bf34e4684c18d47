/** What a machine stands on: found by the mark of its cluster's foundation, or named by its placement. */
import { systemClock } from '../../../runtime/clock.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { MachineSpec } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { Names } from '../names.ts'
import { NOTHING } from './nothing.ts'
import { placeOf } from './place.ts'
import { readGroundParts } from './read-parts.ts'
import { ServerGroups } from './server-groups.ts'
import { type Standing, standingOf } from './standing.ts'
import { placementOf, policyOf, SECURITY_PARTS } from './wanted.ts'

export interface Ground {
  readonly networkId: string
  readonly subnetId: string
  /** The foundation's that are for the machine's role; those that the placement names come on top. */
  readonly securityGroupIds: readonly string[]
  /** Its pool's. */
  readonly serverGroupId?: string
  /** What a control plane's API server is a member of. */
  readonly loadBalancerPoolId?: string
}

/**
 * Reads. Throws `unavailable` while something of the foundation is missing, and `not-found` or `conflict` for an existing
 * network that the project doesn't see, or can't tell from others. Without a foundation there is the placement's network only.
 * @param names those of the cloud, where the caller has them: they are kept for a while
 */
export async function groundOf(
  cloud: OpenstackCloud,
  spec: MachineSpec,
  signal: AbortSignal,
  names: Names = new Names(cloud, systemClock),
): Promise<Ground> {
  const { foundation, owner, pool, serves } = spec
  const world = { cloud, names, clock: systemClock, serverGroups: new ServerGroups(cloud, systemClock) }
  const standing = standingOf(
    { placement: spec.placement, endpoint: ANY_ENDPOINT, pools: [{ name: pool, role: spec.role }] },
    foundation === undefined
      ? NOTHING
      : {
          ...NOTHING,
          ...(await readGroundParts(
            world,
            { ...owner, machine: foundation },
            serves?.type === 'load-balancer',
            signal,
          )),
        },
  )
  const place = await placeOf(world, spec, standing, signal)
  if (place === undefined) throw incomplete(spec, 'network')
  const { networkId, subnetId } = place
  if (foundation === undefined) return { networkId, subnetId, securityGroupIds: [] }
  return {
    networkId,
    subnetId,
    // A port has none on a network without.
    securityGroupIds: place.secured ? groupsFor(spec, standing) : [],
    ...serverGroupFor(spec, standing),
    ...balancerFor(spec, standing),
  }
}

/** The endpoint is no part of what a machine stands on. */
const ANY_ENDPOINT = { type: 'external', address: '', port: 6443 } as const

function groupsFor(spec: MachineSpec, { groups }: Standing): string[] {
  const parts = spec.role === 'control-plane' ? SECURITY_PARTS : (['nodes'] as const)
  return parts.map((part) => {
    const group = groups[part]
    if (group === undefined) throw incomplete(spec, `security group ${part}`)
    return group.id
  })
}

function serverGroupFor(spec: MachineSpec, { serverGroups }: Standing): Pick<Ground, 'serverGroupId'> {
  if (policyOf(placementOf(spec)) === undefined) return {}
  const group = serverGroups.get(spec.pool)
  if (group === undefined) throw incomplete(spec, `server group of pool ${spec.pool}`)
  return { serverGroupId: group.id }
}

function balancerFor(spec: MachineSpec, { loadBalancer }: Standing): Pick<Ground, 'loadBalancerPoolId'> {
  if (spec.serves?.type !== 'load-balancer') return {}
  const poolId = loadBalancer?.listeners.flatMap((listener) => listener.poolId ?? [])[0]
  if (poolId === undefined) throw incomplete(spec, 'load balancer')
  return { loadBalancerPoolId: poolId }
}

function incomplete({ owner }: MachineSpec, what: string): PcgError {
  return new PcgError('unavailable', `the ${what} of cluster ${owner.cluster} is not there yet`, {
    subject: `cluster ${owner.cluster}`,
    remedy: 'Wait: the gateway makes what a cluster stands on before its machines, and again if it went.',
  })
}

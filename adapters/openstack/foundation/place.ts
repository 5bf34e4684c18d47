import type { FoundationSpec } from '../../adapter.ts'
import { networkOf } from './ipv4-network.ts'
import type { Standing } from './standing.ts'
import { placementOf } from './wanted.ts'
import type { World } from './world.ts'

/** Where the cluster's machines and its address are. */
export interface Place {
  readonly networkId: string
  readonly subnetId: string
  readonly cidr: string
  /** False where ports have no security groups. */
  readonly secured: boolean
}

/**
 * Undefined while a network that is to be created isn't there. Throws `not-found` or `conflict` for an existing one that the
 * project doesn't see, or can't tell from others.
 */
export async function placeOf(
  { names }: Pick<World, 'names'>,
  spec: Pick<FoundationSpec, 'placement'>,
  standing: Pick<Standing, 'network' | 'subnet'>,
  signal: AbortSignal,
): Promise<Place | undefined> {
  const wanted = placementOf(spec).network
  if (wanted.type === 'create') {
    const { network, subnet } = standing
    if (network === undefined || subnet === undefined) return undefined
    return { networkId: network.id, subnetId: subnet.id, cidr: networkOf(subnet.cidr) ?? subnet.cidr, secured: true }
  }
  const network = await names.network(wanted.network, signal)
  const subnet = await names.subnet(network.id, wanted.subnet, signal)
  return { networkId: network.id, subnetId: subnet.id, cidr: subnet.cidr, secured: network.portSecurity }
}

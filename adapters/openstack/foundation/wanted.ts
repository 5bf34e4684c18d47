/** What a cluster asks of its foundation. Pure. */
import type { ClusterEndpoint, OpenstackPlacement } from '../../../resources/cluster.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { FoundationSpec } from '../../adapter.ts'
import type { SecurityPart } from './foundation-observed.ts'

export const SECURITY_PARTS: readonly SecurityPart[] = ['nodes', 'control-plane']

/** The newest that a server group's policy is a single text for; `GET` and `POST` must agree on it. */
export const SERVER_GROUP_MICROVERSION = '2.64'

/** Throws `invalid` for a placement in another cloud. */
export function placementOf({ placement }: Pick<FoundationSpec, 'placement'>): OpenstackPlacement {
  if (placement.cloud === 'openstack') return placement
  throw new PcgError('invalid', `a placement in ${placement.cloud} is not for OpenStack`, { subject: 'placement' })
}

/** Of a pool's server group; undefined where it has none. */
export function policyOf({ antiAffinity }: OpenstackPlacement): 'anti-affinity' | 'soft-anti-affinity' | undefined {
  switch (antiAffinity) {
    case 'none':
      return undefined
    case 'soft':
      return 'soft-anti-affinity'
    case 'hard':
      return 'anti-affinity'
    default:
      return antiAffinity satisfies never
  }
}

export function wantsVipPort({ type }: ClusterEndpoint): boolean {
  return type === 'virtual-ip' || type === 'floating-ip'
}

/** Undefined where no floating IP is wanted. */
export function floatingIpOf(
  endpoint: ClusterEndpoint,
): { readonly network: string | undefined; readonly address: string | undefined } | undefined {
  switch (endpoint.type) {
    case 'floating-ip':
      return { network: endpoint.network, address: endpoint.address }
    case 'load-balancer':
      return endpoint.network === undefined ? undefined : { network: endpoint.network, address: undefined }
    case 'virtual-ip':
    case 'external':
      return undefined
    default:
      return endpoint satisfies never
  }
}

/** The external network that floating IPs come from, as far as the spec names one: else that of the cluster's own router. */
export function floatingNetworkOf(spec: FoundationSpec): string | undefined {
  const { network } = placementOf(spec)
  return floatingIpOf(spec.endpoint)?.network ?? (network.type === 'create' ? network.router : undefined)
}

/** Whether it matters where machines come from when they ask a floating IP of their own cluster: only if not everybody may. */
export function needsHairpin(spec: FoundationSpec): boolean {
  return floatingIpOf(spec.endpoint) !== undefined && !placementOf(spec).access.api.includes('0.0.0.0/0')
}

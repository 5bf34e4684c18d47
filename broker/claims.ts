/**
 * What clusters must not share: gateways give out a pool's addresses and virtual IPs without asking each other. Pure: what is stored is
 * handed in as a view of the state after the request.
 */
import type { Placement } from '../resources/cluster.ts'
import type { Resource } from '../resources/resource.ts'
import type { ErrorDetail } from '../runtime/pcg-error.ts'
import { keyText, titleOf } from './references.ts'

/** A cluster, and the gateway that makes it. */
export interface Claimant {
  readonly cluster: string
  readonly gateway: string | undefined
}

/** A cluster whose API answers at an address that was chosen for it. */
export interface EndpointHolder extends Claimant {
  readonly account: string
  readonly type: 'virtual-ip' | 'floating-ip'
  /** Whether its machines are in a network that is made for them alone. */
  readonly ownNetwork: boolean
}

export interface ClaimsView {
  /** Of a cluster. */
  readonly gatewayOf: (cluster: string) => string | undefined
  /**
   * A cluster at least of each gateway whose clusters name this pool (those that are being deleted still have addresses of it), or have
   * machines left from when they did.
   */
  readonly usersOf: (pool: string) => readonly Claimant[]
  /** The clusters that have this address for their virtual or floating IP. */
  readonly holdersOf: (address: string) => readonly EndpointHolder[]
}

/** What a resource claims that another cluster has. */
export function disputedClaims(resource: Resource, view: ClaimsView): ErrorDetail[] {
  if (resource.kind !== 'Cluster') return []
  const { name } = resource.metadata
  const gateway = view.gatewayOf(name)
  if (gateway === undefined) return []
  const { account, placement } = resource.spec
  const { endpoint, addressing } = resource.spec.network
  const disputed: ErrorDetail[] = []

  if (addressing.type === 'static') {
    const user = view.usersOf(addressing.pool).find((other) => other.gateway !== undefined && other.gateway !== gateway)
    if (user !== undefined)
      disputed.push({
        subject: 'spec.network.addressing.pool',
        message: `${titleOf(resource)}: is of gateway ${gateway}, but the IPPool ${addressing.pool} is used by ${clusterText(user)} of gateway ${user.gateway}, and each of the two would give out its addresses by itself`,
        remedy: `Apply an IPPool with other addresses for gateway ${gateway}, and name that.`,
      })
  }

  const others = (address: string) => view.holdersOf(address).filter((other) => other.cluster !== name)
  // In a network of its own nobody else can have the address.
  if (endpoint.type === 'virtual-ip' && !hasOwnNetwork(placement)) {
    const holder = others(endpoint.address).find(
      (other) => other.type === 'virtual-ip' && other.gateway === gateway && !other.ownNetwork,
    )
    if (holder !== undefined)
      disputed.push({
        subject: 'spec.network.endpoint.address',
        message: `${titleOf(resource)}: ${endpoint.address} is the virtual IP of ${clusterText(holder)} already, which has the same gateway ${gateway}`,
        remedy: 'Give each cluster a virtual IP of its own.',
      })
  }
  if (endpoint.type === 'floating-ip' && endpoint.address !== undefined) {
    const holder = others(endpoint.address).find((other) => other.type === 'floating-ip' && other.account === account)
    if (holder !== undefined)
      disputed.push({
        subject: 'spec.network.endpoint.address',
        message: `${titleOf(resource)}: ${endpoint.address} is the floating IP of ${clusterText(holder)} already, which has the same account ${account}`,
        remedy: 'Give each cluster a floating IP of its own, or leave the address out to be given one.',
      })
  }
  return disputed
}

export function hasOwnNetwork(placement: Placement): boolean {
  return placement.cloud === 'openstack' && placement.network.type === 'create'
}

function clusterText({ cluster }: Claimant): string {
  return keyText({ kind: 'Cluster', name: cluster })
}

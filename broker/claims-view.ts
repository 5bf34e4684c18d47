/** What is stored, as `disputedClaims` looks at it. */
import { addressNumber, rangesOf } from '../resources/ip-ranges.ts'
import { type Claimant, type ClaimsView, type EndpointHolder, hasOwnNetwork } from './claims.ts'
import { gatewayOf, type RoutingView } from './routing.ts'
import type { BrokerStore } from './store/broker-store.ts'

/** For one request: each name is looked up once, as a request may hold a thousand clusters that share a pool. */
export function claimsView({ resources, machines }: BrokerStore, tenant: string, routing: RoutingView): ClaimsView {
  const gatewayOfAccount = remembering((account) => {
    const found = resources.get(tenant, 'CloudAccount', account)?.resource
    return found && gatewayOf(found, routing)
  })
  const gatewayOfCluster = remembering((cluster) => {
    const found = resources.get(tenant, 'Cluster', cluster)?.resource
    return found?.kind === 'Cluster' ? gatewayOfAccount(found.spec.account) : undefined
  })
  const claimants = (clusters: readonly string[]): Claimant[] =>
    clusters.map((cluster) => ({ cluster, gateway: gatewayOfCluster(cluster) }))

  const usersOf = remembering((name) => {
    const key = { kind: 'IPPool', name } as const
    const users = resources
      .poolUsers(tenant, name)
      .map(({ cluster, account }): Claimant => ({ cluster, gateway: gatewayOfAccount(account) }))
    const former = resources.holders(tenant, key).filter((gateway) => !users.some((user) => user.gateway === gateway))
    return former.length === 0
      ? users
      : [...users, ...lingering(name).filter((one) => former.includes(one.gateway ?? ''))]
  })

  /** Clusters with machines that have addresses of the pool still, though the cluster may name another by now. */
  function lingering(pool: string): Claimant[] {
    const found = resources.get(tenant, 'IPPool', pool)?.resource
    const ranges = found?.kind === 'IPPool' ? rangesOf(found.spec) : []
    const isOfPool = (address: string) => {
      const number = addressNumber(address)
      return ranges.some(({ first, last }) => number >= first && number <= last)
    }
    const holding = machines.list(tenant).filter(({ status }) => status.addresses.some(isOfPool))
    return claimants([...new Set(holding.map(({ cluster }) => cluster))])
  }

  return {
    gatewayOf: gatewayOfCluster,
    usersOf,
    holdersOf: (address) =>
      resources.endpointHolders(tenant, address).flatMap((name): EndpointHolder[] => {
        const found = resources.get(tenant, 'Cluster', name)?.resource
        if (found?.kind !== 'Cluster') return []
        const { account, placement, network } = found.spec
        const { type } = network.endpoint
        if (type !== 'virtual-ip' && type !== 'floating-ip') return []
        const gateway = gatewayOfAccount(account)
        return [{ cluster: name, gateway, account, type, ownNetwork: hasOwnNetwork(placement) }]
      }),
  }
}

function remembering<T>(lookUp: (name: string) => T): (name: string) => T {
  const known = new Map<string, { readonly value: T }>()
  return (name) => {
    const found = known.get(name) ?? { value: lookUp(name) }
    known.set(name, found)
    return found.value
  }
}

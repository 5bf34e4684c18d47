/** What undoes a cluster's shared objects: all that carry its mark, the last made first, and what the user brought is left to the user. Pure. */
import type { FoundationSpec } from '../../adapter.ts'
import { apiName, groupName, poolName, vipName } from './foundation-names.ts'
import type { FoundationKind, OpenstackFoundation } from './foundation-observed.ts'
import { deletion, type FoundationStep } from './foundation-step.ts'

export function removalSteps({ name }: FoundationSpec, observed: OpenstackFoundation): FoundationStep[] {
  const ends = new Set([
    ...observed.vipPorts.map(({ id }) => id),
    ...observed.loadBalancers.map(({ vipPortId }) => vipPortId),
  ])
  const subnetIds = new Set(observed.subnets.map(({ id }) => id))
  const all = (kind: FoundationKind, found: readonly { readonly id: string }[], called: string) =>
    found.map(({ id }) => deletion(kind, id, `delete ${called}`))
  return [
    ...observed.floatingIps.flatMap(({ id, address, ours, portId }): FoundationStep[] => {
      if (ours) return [deletion('FloatingIP', id, `delete floating IP ${address}`)]
      if (portId === undefined || !ends.has(portId)) return []
      return [
        {
          kind: 'disassociate-floating-ip',
          id,
          summary: `take floating IP ${address} from ${name}, and keep it`,
          creates: [],
        },
      ]
    }),
    ...all('LoadBalancer', observed.loadBalancers, `load balancer ${apiName(name)}`),
    ...all('Port', observed.vipPorts, `port ${vipName(name)}`),
    ...observed.routers
      .filter((router) => router.subnetIds.some((id) => subnetIds.has(id)))
      .map(
        ({ id }): FoundationStep => ({
          kind: 'disconnect-router',
          id,
          summary: `disconnect router ${name} from subnet ${name}`,
          creates: [],
        }),
      ),
    ...all('Router', observed.routers, `router ${name}`),
    ...all('Subnet', observed.subnets, `subnet ${name}`),
    ...all('Network', observed.networks, `network ${name}`),
    ...observed.serverGroups.map(({ id, pool }) =>
      deletion('ServerGroup', id, `delete server group of pool ${poolName(name, pool)}`),
    ),
    ...observed.securityGroups.map(({ id, part }) =>
      deletion('SecurityGroup', id, `delete security group ${groupName(name, part)}`),
    ),
  ]
}

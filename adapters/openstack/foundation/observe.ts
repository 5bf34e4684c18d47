/** Reads a cluster's foundation: everything with its mark, and what the plan compares that with. */
import type { ExternalObject, FoundationSpec } from '../../adapter.ts'
import { endpointOf } from './endpoint-plan.ts'
import { apiName, floatingIpName, groupName, poolName, vipName } from './foundation-names.ts'
import type { FoundationKind, OpenstackFoundation } from './foundation-observed.ts'
import { readFloatingIps, readGroundParts, readRouters, readVipPorts } from './read-parts.ts'
import { readSite } from './read-site.ts'
import type { World } from './world.ts'

/** Null if nothing carries its mark. */
export async function observeFoundation(
  world: World,
  spec: FoundationSpec,
  signal: AbortSignal,
): Promise<OpenstackFoundation | null> {
  const { owner, endpoint } = spec
  const [parts, routers, vipPorts, floatingIps, site] = await Promise.all([
    readGroundParts(world, owner, endpoint.type === 'load-balancer', signal),
    readRouters(world, owner, signal),
    readVipPorts(world, owner, signal),
    readFloatingIps(world, spec, signal),
    readSite(world, spec, signal),
  ])
  const held = new Set(floatingIps.map(({ portId }) => portId))
  const read = {
    ...parts,
    routers,
    vipPorts: vipPorts.map((port) => ({ ...port, used: held.has(port.id) })),
    floatingIps,
  }
  const objects = objectsOf(spec, read)
  if (objects.length === 0) return null
  const observed: OpenstackFoundation = { ...read, site, objects, endpoint: null }
  return { ...observed, endpoint: spec.want === 'absent' ? null : endpointOf(spec, observed) }
}

type Read = Pick<
  OpenstackFoundation,
  'networks' | 'subnets' | 'routers' | 'securityGroups' | 'serverGroups' | 'vipPorts' | 'floatingIps' | 'loadBalancers'
>

/** The security group of all nodes first: every foundation has it, and it goes last. */
function objectsOf({ owner, name: cluster }: FoundationSpec, read: Read): ExternalObject[] {
  const all = <T extends { readonly id: string }>(
    kind: FoundationKind,
    found: readonly T[],
    name: (each: T) => string,
  ): ExternalObject[] => found.map((each) => ({ kind, id: each.id, name: name(each), owner }))
  return [
    ...all('SecurityGroup', read.securityGroups, ({ part }) => groupName(cluster, part)),
    ...all('ServerGroup', read.serverGroups, ({ pool }) => poolName(cluster, pool)),
    ...all('Network', read.networks, () => cluster),
    ...all('Subnet', read.subnets, () => cluster),
    ...all('Router', read.routers, () => cluster),
    ...all('Port', read.vipPorts, () => vipName(cluster)),
    ...all('LoadBalancer', read.loadBalancers, () => apiName(cluster)),
    ...all(
      'FloatingIP',
      read.floatingIps.filter(({ ours }) => ours),
      () => floatingIpName(cluster),
    ),
  ]
}

/** Reads the objects that carry a foundation's mark. */
import type { FoundationSpec, OwnerMark } from '../../adapter.ts'
import { asBalancer, unlessKept } from '../balancing-role.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { markText, partText, readMarkText, readPart } from '../owner-mark.ts'
import type {
  Found,
  FoundFloatingIp,
  FoundLoadBalancer,
  FoundRouter,
  FoundServerGroup,
  FoundVipPort,
  OpenstackFoundation,
} from './foundation-observed.ts'
import {
  floatingIpFrom,
  foundFrom,
  loadBalancerFrom,
  routerFrom,
  securityGroupFrom,
  serverGroupFrom,
  subnetFrom,
  vipPortFrom,
} from './records.ts'
import { floatingIpOf, SECURITY_PARTS } from './wanted.ts'
import type { World } from './world.ts'

/** Of the port that holds the API's address, in its mark. */
export const VIP_PART = 'vip'
/** Of a router's ports on subnets, whichever kind of router it is. */
export const INTERFACE_OWNERS: readonly string[] = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
]
/** Neutron makes and deletes these with the network. */
export const AUTOMATIC_OWNERS: readonly string[] = ['network:dhcp', 'network:distributed']

/** What machines stand on; the rest is for the way in and out. */
export type GroundParts = Pick<
  OpenstackFoundation,
  'networks' | 'subnets' | 'securityGroups' | 'serverGroups' | 'loadBalancers'
>

/** @param balanced whether there is to be a load balancer: else none is looked for where the user may not */
export async function readGroundParts(
  world: World,
  owner: OwnerMark,
  balanced: boolean,
  signal: AbortSignal,
): Promise<GroundParts> {
  const groupMarks = SECURITY_PARTS.map((part) => partText(owner, part))
  const [networks, subnets, groups, serverGroups, loadBalancers] = await Promise.all([
    listMarked(world, '/networks', 'networks', [markText(owner)], signal),
    listMarked(world, '/subnets', 'subnets', [markText(owner)], signal),
    listMarked(world, '/security-groups', 'security_groups', groupMarks, signal),
    findServerGroups(world, owner, signal),
    (balanced ? asBalancer : unlessKept)(() => readLoadBalancers(world, owner, signal)),
  ])
  const securityGroups = groups.flatMap((group) => securityGroupFrom(group) ?? [])
  return {
    networks: await withUse(networks.map(foundFrom), (id) => hasPorts(world, { network_id: id }, signal)),
    subnets: await withUse(subnets.map(subnetFrom), (id) => hasPorts(world, { fixed_ips: `subnet_id=${id}` }, signal)),
    securityGroups: [
      ...(await withUse(ofPart(securityGroups, 'nodes'), (id) => hasPorts(world, { security_groups: id }, signal))),
      ...(await withUse(ofPart(securityGroups, 'control-plane'), (id) =>
        hasPorts(world, { security_groups: id }, signal),
      )),
    ],
    serverGroups,
    loadBalancers,
  }
}

function ofPart<T extends { readonly part: string }>(groups: readonly T[], part: T['part']): T[] {
  return groups.filter((group) => group.part === part)
}

export async function readVipPorts(world: World, owner: OwnerMark, signal: AbortSignal): Promise<FoundVipPort[]> {
  return (await listMarked(world, '/ports', 'ports', [partText(owner, VIP_PART)], signal)).map(vipPortFrom)
}

/** Neutron's of one kind whose description is one of these. */
function listMarked(
  { cloud }: World,
  path: string,
  key: string,
  descriptions: readonly string[],
  signal: AbortSignal,
): Promise<unknown[]> {
  return listAll(cloud, 'network', path, key, { description: descriptions }, signal)
}

export async function readRouters(world: World, owner: OwnerMark, signal: AbortSignal): Promise<FoundRouter[]> {
  const routers = await listMarked(world, '/routers', 'routers', [markText(owner)], signal)
  return Promise.all(
    routers.map(async (router) => {
      const query = { device_id: textAt(router, 'id'), device_owner: INTERFACE_OWNERS, fields: ['id', 'fixed_ips'] }
      return routerFrom(router, await listAll(world.cloud, 'network', '/ports', 'ports', query, signal))
    }),
  )
}

/** Those with the mark, and the one that the user brought. */
export async function readFloatingIps(
  { cloud }: World,
  { owner, endpoint }: FoundationSpec,
  signal: AbortSignal,
): Promise<FoundFloatingIp[]> {
  const address = floatingIpOf(endpoint)?.address
  const list = (query: Readonly<Record<string, string>>) =>
    listAll(cloud, 'network', '/floatingips', 'floatingips', query, signal)
  const [ours, given] = await Promise.all([
    list({ description: markText(owner) }),
    address === undefined ? [] : list({ floating_ip_address: address }),
  ])
  const ids = new Set(ours.map((each) => textAt(each, 'id')))
  return [
    ...ours.map((each) => floatingIpFrom(each, true)),
    ...given.filter((each) => !ids.has(textAt(each, 'id'))).map((each) => floatingIpFrom(each, false)),
  ]
}

async function findServerGroups(
  { serverGroups }: World,
  owner: OwnerMark,
  signal: AbortSignal,
): Promise<FoundServerGroup[]> {
  return (await serverGroups.all(signal)).flatMap((group) => {
    const name = textAt(group, 'name')
    const pool = readPart(name)
    const found = readMarkText(name)
    return pool !== undefined && found !== undefined && markText(found) === markText(owner)
      ? [serverGroupFrom(group, pool)]
      : []
  })
}

async function readLoadBalancers(
  { cloud }: World,
  owner: OwnerMark,
  signal: AbortSignal,
): Promise<FoundLoadBalancer[]> {
  if (!(await cloud.has('load-balancer', signal))) return []
  const list = (path: string, key: string, query: Readonly<Record<string, string>>) =>
    listAll(cloud, 'load-balancer', path, key, query, signal)
  const balancers = await list('/lbaas/loadbalancers', 'loadbalancers', { description: markText(owner) })
  return Promise.all(
    balancers.map(async (balancer) => {
      const query = { loadbalancer_id: textAt(balancer, 'id') }
      const [listeners, pools] = await Promise.all([
        list('/lbaas/listeners', 'listeners', query),
        list('/lbaas/pools', 'pools', query),
      ])
      return loadBalancerFrom(balancer, listeners, pools)
    }),
  )
}

/** Looks only where it makes a difference: of one object nobody asks which of them counts. */
async function withUse<T extends Found>(found: readonly T[], isUsed: (id: string) => Promise<boolean>): Promise<T[]> {
  if (found.length < 2) return [...found]
  return Promise.all(found.map(async (each) => ({ ...each, used: await isUsed(each.id) })))
}

async function hasPorts(
  { cloud }: World,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<boolean> {
  const fields = { fields: ['id', 'device_owner'] }
  const ports = await listAll(cloud, 'network', '/ports', 'ports', { ...query, ...fields }, signal)
  return ports.some((port) => !AUTOMATIC_OWNERS.includes(textAt(port, 'device_owner')))
}

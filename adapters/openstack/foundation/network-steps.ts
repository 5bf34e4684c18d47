/** Makes and mends a cluster's own network, its subnet, and the router that leads out of it. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { FoundationSpec, Outcome } from '../../adapter.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { markText } from '../owner-mark.ts'
import { networkOf } from './ipv4-network.ts'
import { called } from './obstacles.ts'
import type { Standing } from './standing.ts'
import { DONE, fatal, isFault, notThere, takingAddress } from './step-outcome.ts'
import { placementOf } from './wanted.ts'
import type { World } from './world.ts'

export async function createNetwork(
  world: World,
  { name, owner }: FoundationSpec,
  signal: AbortSignal,
): Promise<Outcome> {
  const network = { name, description: markText(owner) }
  await world.cloud.service('network').post('/networks', { network }, { signal })
  return DONE
}

export async function createSubnet(
  world: World,
  spec: FoundationSpec,
  { network }: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const wanted = createdNetworkOf(spec)
  if (network === undefined) return notThere(`network ${spec.name}`)
  const subnet = {
    name: spec.name,
    description: markText(spec.owner),
    network_id: network.id,
    ip_version: 4,
    cidr: networkOf(wanted.cidr) ?? wanted.cidr,
    dns_nameservers: wanted.nameservers,
    enable_dhcp: true,
  }
  try {
    await world.cloud.service('network').post('/subnets', { subnet }, { signal })
    return DONE
  } catch (thrown) {
    if (!PcgError.from(thrown).message.includes('overlaps with another subnet')) throw thrown
    return overlaps(world, spec, network.id, signal)
  }
}

/** A network has an address once: another gateway was quicker, or somebody put a subnet there. */
async function overlaps(
  world: World,
  { name, owner }: FoundationSpec,
  networkId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const subnets = await listAll(world.cloud, 'network', '/subnets', 'subnets', { network_id: networkId }, signal)
  if (subnets.some((each) => textAt(each, 'description') === markText(owner)))
    return { kind: 'unknown', message: `subnet ${name} is there already` }
  const others = subnets.map((each) => `${called(each)} with ${textAt(each, 'cidr')}`)
  return fatal(
    'CidrTaken',
    `network ${name} has other subnets with addresses of subnet ${name}: ${others.join(', ')}`,
    'Delete them, for this gateway did not make them.',
  )
}

export async function updateSubnet(
  world: World,
  spec: FoundationSpec,
  { subnet }: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const wanted = createdNetworkOf(spec)
  if (subnet === undefined) return notThere(`subnet ${spec.name}`)
  if (networkOf(subnet.cidr) !== networkOf(wanted.cidr))
    return fatal(
      'SubnetFixed',
      `subnet ${spec.name} has ${subnet.cidr}, and can't be given ${wanted.cidr}`,
      `Set placement.network.cidr to ${subnet.cidr} again, or make another cluster.`,
    )
  const change = { dns_nameservers: wanted.nameservers, enable_dhcp: true }
  await world.cloud.service('network').put(`/subnets/${subnet.id}`, { subnet: change }, { signal })
  return DONE
}

export async function createRouter(world: World, spec: FoundationSpec, signal: AbortSignal): Promise<Outcome> {
  const network = await routerNetwork(world, spec, signal)
  const router = {
    name: spec.name,
    description: markText(spec.owner),
    external_gateway_info: { network_id: network.id },
  }
  await takingAddress(`external network ${network.name}`, () =>
    world.cloud.service('network').post('/routers', { router }, { signal }),
  )
  return DONE
}

/** Its gateway and its interface: each is set only where it differs, so that nothing flickers. */
export async function connectRouter(
  world: World,
  spec: FoundationSpec,
  { router, subnet }: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  if (router === undefined) return notThere(`router ${spec.name}`)
  if (subnet === undefined) return notThere(`subnet ${spec.name}`)
  const service = world.cloud.service('network')
  const network = await routerNetwork(world, spec, signal)
  if (router.externalNetworkId !== network.id) {
    const change = { router: { external_gateway_info: { network_id: network.id } } }
    try {
      await takingAddress(`external network ${network.name}`, () =>
        service.put(`/routers/${router.id}`, change, { signal }),
      )
    } catch (thrown) {
      if (!isFault(thrown, 'RouterExternalGatewayInUseByFloatingIp')) throw thrown
      return fatal(
        'GatewayInUse',
        `router ${spec.name} can't be led to external network ${network.name}: floating IPs use the one that it leads to`,
        'Take the floating IPs of the cluster’s machines away, or name the former network in placement.network.router.',
      )
    }
  }
  if (router.subnetIds.includes(subnet.id)) return DONE
  try {
    await service.put(`/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id }, { signal })
  } catch (thrown) {
    // The answer of an earlier try was lost.
    if (!PcgError.from(thrown).message.includes('already has a port on subnet')) throw thrown
    return { kind: 'unknown', message: `router ${spec.name} is connected already` }
  }
  return DONE
}

async function routerNetwork(world: World, spec: FoundationSpec, signal: AbortSignal) {
  const { router } = createdNetworkOf(spec)
  if (router === undefined) throw new PcgError('internal', `cluster ${spec.name} asks for no router`)
  const network = await world.names.externalNetwork(router, signal)
  if (network.external) return network
  throw new PcgError('invalid', `network ${network.name} leads nowhere: it isn't external`, {
    subject: 'placement.network.router',
    remedy: 'Name an external network (openstack network list --external).',
  })
}

function createdNetworkOf(spec: FoundationSpec) {
  const { network } = placementOf(spec)
  if (network.type === 'create') return network
  throw new PcgError('internal', `cluster ${spec.name} has no network of its own`)
}

/** Makes and mends what a cluster's API is reached by: the port of its virtual IP, and the floating IP. */
import type { FoundationSpec, Outcome } from '../../adapter.ts'
import { recordAt, textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { markText, partText } from '../owner-mark.ts'
import { targetOf } from './endpoint-plan.ts'
import { vipName } from './foundation-names.ts'
import type { FoundFloatingIp } from './foundation-observed.ts'
import { isWithin } from './ipv4-network.ts'
import { called, describePort } from './obstacles.ts'
import { type Place, placeOf } from './place.ts'
import { VIP_PART } from './read-parts.ts'
import type { Standing } from './standing.ts'
import { DONE, fatal, isFault, notThere, takingAddress } from './step-outcome.ts'
import { floatingIpOf, floatingNetworkOf, placementOf, SECURITY_PARTS } from './wanted.ts'
import type { World } from './world.ts'

/** Makes the port, or sets the one that is there right. */
export async function setVipPort(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const place = await placeOf(world, spec, standing, signal)
  if (place === undefined) return notThere(`the subnet of ${spec.name}`)
  const address = spec.endpoint.type === 'virtual-ip' ? spec.endpoint.address : undefined
  if (address !== undefined && !isWithin(address, place.cidr))
    return fatal(
      'AddressOutside',
      `the virtual IP ${address} is none of the subnet's, which has ${place.cidr}`,
      'Set network.endpoint.address to a free address of the subnet.',
    )
  const body = {
    fixed_ips: [{ subnet_id: place.subnetId, ...(address === undefined ? {} : { ip_address: address }) }],
    ...groupsOf(place, standing),
  }
  const service = world.cloud.service('network')
  const { vipPort } = standing
  try {
    await takingAddress(`the subnet of ${spec.name}`, () =>
      vipPort === undefined
        ? service.post('/ports', { port: { ...body, ...identityOf(spec, place) } }, { signal })
        : service.put(`/ports/${vipPort.id}`, { port: body }, { signal }),
    )
    return DONE
  } catch (thrown) {
    if (address === undefined || !isFault(thrown, 'IpAddressAlreadyAllocated', 'IpAddressInUse')) throw thrown
    return addressTaken(world, spec, address, place, signal)
  }
}

function identityOf(spec: FoundationSpec, { networkId }: Place) {
  return {
    name: vipName(spec.name),
    description: partText(spec.owner, VIP_PART),
    network_id: networkId,
  }
}

/** The port is never bound, but some drivers apply its groups to who holds its address. */
function groupsOf({ secured }: Place, { groups }: Standing) {
  return secured ? { security_groups: SECURITY_PARTS.flatMap((part) => groups[part]?.id ?? []) } : {}
}

async function addressTaken(
  world: World,
  { owner }: FoundationSpec,
  address: string,
  place: Place,
  signal: AbortSignal,
): Promise<Outcome> {
  const query = { network_id: place.networkId, fixed_ips: `ip_address=${address}` }
  const [holder] = await listAll(world.cloud, 'network', '/ports', 'ports', query, signal)
  // Another gateway was quicker, or the answer of an earlier try was lost.
  if (textAt(holder, 'description') === partText(owner, VIP_PART))
    return { kind: 'unknown', message: `port ${called(holder)} has ${address} already` }
  const whose =
    holder === undefined ? 'a port that the project does not see' : await describePort(world.cloud, holder, signal)
  return fatal(
    'AddressTaken',
    `the virtual IP ${address} is taken by ${whose}`,
    'Set network.endpoint.address to a free address of the subnet, or delete that port.',
  )
}

export async function createFloatingIp(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const portId = targetOf(spec, standing)
  if (portId === undefined) return notThere(`what the floating IP of ${spec.name} leads to`)
  const network = await world.names.externalNetwork(floatingNetworkOf(spec), signal)
  const body = { floating_network_id: network.id, port_id: portId, description: markText(spec.owner) }
  return leading(world, spec, portId, signal, () =>
    takingAddress(`external network ${network.name}`, () =>
      world.cloud.service('network').post('/floatingips', { floatingip: body }, { signal }),
    ),
  )
}

export async function associateFloatingIp(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const { floatingIp } = standing
  const portId = targetOf(spec, standing)
  if (portId === undefined) return notThere(`what the floating IP of ${spec.name} leads to`)
  if (floatingIp === undefined)
    return fatal(
      'NotFound',
      `floating IP ${floatingIpOf(spec.endpoint)?.address ?? ''} does not exist, or the project doesn't see it`,
      'Allocate it (openstack floating ip create), or leave network.endpoint.address out for a new one.',
    )
  return (
    (await heldByOthers(world, floatingIp, signal)) ??
    leading(world, spec, portId, signal, () =>
      world.cloud
        .service('network')
        .put(`/floatingips/${floatingIp.id}`, { floatingip: { port_id: portId } }, { signal }),
    )
  )
}

/** One that the user brought is taken from nobody; one of ours was led elsewhere by mistake. */
async function heldByOthers(
  world: World,
  { address, ours, claimedBy, portId }: FoundFloatingIp,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  if (ours) return undefined
  const remedy = 'Free it, or name another floating IP in network.endpoint.address.'
  if (claimedBy !== undefined) return fatal('AddressTaken', `floating IP ${address} belongs to ${claimedBy}`, remedy)
  if (portId === undefined) return undefined
  const port = await world.cloud.service('network').find(`/ports/${portId}`, { signal })
  const whose = port === undefined ? `port ${portId}` : await describePort(world.cloud, recordAt(port, 'port'), signal)
  return fatal('AddressTaken', `floating IP ${address} leads to ${whose}`, remedy)
}

/** @param lead leads a floating IP to the port */
async function leading(
  world: World,
  spec: FoundationSpec,
  portId: string,
  signal: AbortSignal,
  lead: () => Promise<unknown>,
): Promise<Outcome> {
  try {
    await lead()
    return DONE
  } catch (thrown) {
    if (isFault(thrown, 'ExternalGatewayForFloatingIPNotFound')) return unconnected(spec)
    if (!isFault(thrown, 'FloatingIPPortAlreadyAssociated')) throw thrown
    const others = await listAll(world.cloud, 'network', '/floatingips', 'floatingips', { port_id: portId }, signal)
    const addresses = others.map((other) => textAt(other, 'floating_ip_address'))
    const given = floatingIpOf(spec.endpoint)?.address
    const isMeant = given !== undefined && addresses.includes(given)
    // Another gateway was quicker.
    if (isMeant || others.some((other) => textAt(other, 'description') === markText(spec.owner)))
      return { kind: 'unknown', message: `floating IP ${addresses.join(', ')} leads there already` }
    return fatal(
      'PortTaken',
      `port ${vipName(spec.name)} has another floating IP: ${addresses.join(', ')}`,
      `Take it away, or name it in network.endpoint.address.`,
    )
  }
}

function unconnected(spec: FoundationSpec): Outcome {
  const { network } = placementOf(spec)
  const { name } = spec
  if (network.type === 'create' && network.router === undefined)
    return fatal(
      'Unconnected',
      `the network of ${name} has no router, and no floating IP can lead into it`,
      'Name the external network in placement.network.router, or use a virtual IP.',
    )
  return fatal(
    'Unconnected',
    `no router connects the subnet of ${name} with the external network of its floating IP`,
    network.type === 'create'
      ? `Name the same external network in network.endpoint.network and placement.network.router.`
      : `Connect the router of network ${network.network} with that external network, name the one that it leads to in network.endpoint.network, or have the gateway create a network with a router (placement.network.type: create).`,
  )
}

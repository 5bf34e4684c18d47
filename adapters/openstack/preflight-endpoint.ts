/** Whether the address of a cluster's API can be had. Reads only. */
import type { OpenstackPlacement } from '../../resources/cluster.ts'
import type { Finding } from '../../resources/query.ts'
import type { FoundationSpec } from '../adapter.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { floatingIpOf, floatingNetworkOf } from './foundation/wanted.ts'
import { recordAt, textAt } from './json-value.ts'
import { listAll } from './listing.ts'
import type { NamedNetwork } from './named.ts'
import type { Names } from './names.ts'
import { type Noted, noteNames } from './noted.ts'
import { readMarkText } from './owner-mark.ts'
import type { SeenPort } from './standing.ts'

const ROUTER_PORTS = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
]

export interface EndpointQuestion {
  readonly foundation: FoundationSpec
  readonly placement: OpenstackPlacement
  readonly projectId: string
  /** Undefined where it is to be made, or wasn't found. */
  readonly network: NamedNetwork | undefined
  readonly ports: readonly SeenPort[]
}

export async function endpointFindings(
  { cloud, names }: { readonly cloud: OpenstackCloud; readonly names: Names },
  question: EndpointQuestion,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { foundation } = question
  const findings: Finding[] = []
  if (foundation.endpoint.type === 'load-balancer' && !(await cloud.has('load-balancer', signal)))
    findings.push({
      severity: 'error',
      subject: 'network.endpoint.type',
      message: 'is load-balancer, and this cloud has no load balancers (no Octavia in its catalog)',
      remedy: 'Set it to virtual-ip, or to floating-ip.',
    })
  const floating = floatingIpOf(foundation.endpoint)
  if (floating === undefined) return findings
  const noted: Noted = { findings }
  const external = await noteNames(noted, () => names.externalNetwork(floatingNetworkOf(foundation), signal))
  if (floating.address !== undefined)
    findings.push(...(await addressFindings(cloud, floating.address, question, signal)))
  if (external !== undefined) findings.push(...(await routeFindings(cloud, external, question, signal)))
  return findings
}

/** A floating IP that the user brings must be the project's, and free. */
async function addressFindings(
  cloud: OpenstackCloud,
  address: string,
  { foundation, projectId, ports }: EndpointQuestion,
  signal: AbortSignal,
): Promise<Finding[]> {
  const query = { floating_ip_address: address, project_id: projectId }
  const [found] = await listAll(cloud, 'network', '/floatingips', 'floatingips', query, signal)
  const error = (message: string, remedy: string): Finding[] => [
    { severity: 'error', subject: `floating IP ${address}`, message, remedy },
  ]
  if (found === undefined)
    return error(
      "is none of the project's",
      'Take it first (`openstack floating ip create --floating-ip-address`), or leave network.endpoint.address out for a new one.',
    )
  const portId = textAt(found, 'port_id')
  const { machine } = foundation.owner
  const ours =
    readMarkText(textAt(found, 'description'))?.machine === machine ||
    ports.some((port) => port.id === portId && port.machine === machine)
  if (portId === '' || ours) return []
  return error(
    `leads to port ${portId} already`,
    'Free it (`openstack floating ip unset --port`), or name another one.',
  )
}

/** Neutron gives a floating IP only to a port from whose subnet a router leads to the floating IP's network. */
async function routeFindings(
  cloud: OpenstackCloud,
  external: NamedNetwork,
  { placement, network, projectId, ports }: EndpointQuestion,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (placement.network.type === 'create') {
    if (placement.network.router !== undefined) return []
    return [
      {
        severity: 'error',
        subject: 'placement.network.router',
        message: `is missing: without a router no floating IP of ${external.name} reaches the cluster's network`,
        remedy: `Set it to ${external.name}.`,
      },
    ]
  }
  if (network === undefined) return []
  const ids = ports
    .filter(({ networkId, deviceOwner }) => networkId === network.id && ROUTER_PORTS.includes(deviceOwner))
    .map(({ deviceId }) => deviceId)
  const query = { id: [...new Set(ids)], fields: ['id', 'external_gateway_info'] }
  const routers = ids.length === 0 ? [] : await listAll(cloud, 'network', '/routers', 'routers', query, signal)
  const leads = routers.some(
    (router) => textAt(recordAt(router, 'external_gateway_info'), 'network_id') === external.id,
  )
  if (leads) return []
  // Of a network that another project shares, the router is seen by that project only.
  const certain = network.projectId === projectId
  return [
    {
      severity: certain ? 'error' : 'warning',
      subject: `network ${network.name}`,
      message: `${certain ? 'no router leads' : 'no router that this project sees leads'} from it to ${external.name}, from where the floating IP comes`,
      remedy: `Connect it with a router whose gateway is ${external.name}, or use endpoint type virtual-ip.`,
    },
  ]
}

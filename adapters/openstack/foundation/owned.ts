/** Every shared object of a cluster that bears a gateway's mark, whichever cluster's it is. */
import type { ExternalObject, OwnerMark } from '../../adapter.ts'
import { unlessKept } from '../balancing-role.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import type { QueryValue } from '../client/service.ts'
import type { ServiceType } from '../client/service-type.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { readMarkText, readPart } from '../owner-mark.ts'
import { apiName, floatingIpName, poolName } from './foundation-names.ts'
import type { FoundationKind } from './foundation-observed.ts'
import { VIP_PART } from './read-parts.ts'
import { readServerGroups } from './server-groups.ts'

interface Source {
  readonly kind: FoundationKind
  readonly service: ServiceType
  readonly path: string
  readonly key: string
  /** Where the service has no name for it. */
  readonly name?: (cluster: string) => string
}

/** Those that others hang at last, so that what is listed meanwhile is rather seen twice than not at all. */
const SOURCES: readonly Source[] = [
  { kind: 'LoadBalancer', service: 'load-balancer', path: '/lbaas/loadbalancers', key: 'loadbalancers', name: apiName },
  { kind: 'FloatingIP', service: 'network', path: '/floatingips', key: 'floatingips', name: floatingIpName },
  { kind: 'Port', service: 'network', path: '/ports', key: 'ports' },
  { kind: 'Router', service: 'network', path: '/routers', key: 'routers' },
  { kind: 'Subnet', service: 'network', path: '/subnets', key: 'subnets' },
  { kind: 'Network', service: 'network', path: '/networks', key: 'networks' },
  { kind: 'SecurityGroup', service: 'network', path: '/security-groups', key: 'security_groups' },
]

/**
 * Over the whole project. Complete, or it throws.
 * Of ports only those that hold the address of an API: a machine's are the machine's.
 */
export async function* foundationObjects(
  cloud: OpenstackCloud,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  const { projectId } = await cloud.identity(signal)
  for (const { kind, service, path, key, name } of SOURCES) {
    if (service === 'load-balancer' && !(await cloud.has(service, signal))) continue
    const query: Record<string, QueryValue> = { project_id: projectId, fields: ['id', 'description'] }
    if (name === undefined) query.fields = ['id', 'name', 'description']
    const list = () => listAll(cloud, service, path, key, query, signal)
    for (const each of await (service === 'load-balancer' ? unlessKept(list) : list())) {
      const description = textAt(each, 'description')
      const owner = readMarkText(description)
      if (owner?.gateway !== gateway) continue
      if (kind === 'Port' && readPart(description) !== VIP_PART) continue
      yield { kind, id: textAt(each, 'id'), name: name?.(owner.cluster) ?? textAt(each, 'name'), owner }
    }
  }
  yield* serverGroups(cloud, gateway, signal)
}

async function* serverGroups(
  cloud: OpenstackCloud,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  for (const group of await readServerGroups(cloud, signal)) {
    const name = textAt(group, 'name')
    const owner: OwnerMark | undefined = readMarkText(name)
    if (owner?.gateway !== gateway) continue
    yield { kind: 'ServerGroup', id: textAt(group, 'id'), name: poolName(owner.cluster, readPart(name) ?? ''), owner }
  }
}

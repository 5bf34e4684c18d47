/** Reads what a plan compares a foundation with, beside the spec: what the placement's names stand for at present. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { FoundationSpec } from '../../adapter.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import type { FoundSite } from './foundation-observed.ts'
import { NOTHING } from './nothing.ts'
import { INTERFACE_OWNERS } from './read-parts.ts'
import { externalAddressesOf } from './records.ts'
import { needsHairpin, placementOf } from './wanted.ts'
import type { World } from './world.ts'

export async function readSite(world: World, spec: FoundationSpec, signal: AbortSignal): Promise<FoundSite> {
  if (spec.want === 'absent') return NOTHING.site
  const { network } = placementOf(spec)
  if (network.type === 'create') {
    const { router } = network
    if (router === undefined) return NOTHING.site
    const leadsTo = await known(() => world.names.externalNetwork(router, signal))
    return { ...NOTHING.site, routerNetworkId: leadsTo?.id }
  }
  // Only what rules depend on is needed for a plan; the rest is asked for by the step that needs it.
  if (spec.endpoint.type !== 'load-balancer' && !needsHairpin(spec)) return NOTHING.site
  const found = await known(() => world.names.network(network.network, signal))
  if (found === undefined) return NOTHING.site
  const subnet = await known(() => world.names.subnet(found.id, network.subnet, signal))
  const hairpin = subnet === undefined || !needsHairpin(spec) ? [] : await routerAddresses(world, subnet.id, signal)
  return { ...NOTHING.site, networkId: found.id, subnetId: subnet?.id, subnetCidr: subnet?.cidr, hairpin }
}

/** Of those routers on the subnet that the project sees. */
async function routerAddresses({ cloud }: World, subnetId: string, signal: AbortSignal): Promise<string[]> {
  const list = (path: string, key: string, query: Readonly<Record<string, string | readonly string[]>>) =>
    listAll(cloud, 'network', path, key, query, signal)
  const ports = await list('/ports', 'ports', {
    fixed_ips: `subnet_id=${subnetId}`,
    device_owner: INTERFACE_OWNERS,
    fields: ['id', 'device_id'],
  })
  const ids = [...new Set(ports.map((port) => textAt(port, 'device_id')))]
  if (ids.length === 0) return []
  const routers = await list('/routers', 'routers', { id: ids, fields: ['id', 'external_gateway_info'] })
  return routers.flatMap(externalAddressesOf).toSorted()
}

/** Undefined for a name that stands for nothing (or too much): the step that needs it says so. */
async function known<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    const { code } = PcgError.from(thrown)
    if (code === 'not-found' || code === 'conflict') return undefined
    throw thrown
  }
}

import { PcgError } from '../../runtime/pcg-error.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { isRecord, numberAt, textAt } from './json-value.ts'
import { listAll } from './listing.ts'

/**
 * How many addresses each subnet has left, by its id; empty where the cloud keeps that to its administrators, as it does by default.
 * @param networkIds all networks if undefined
 */
export async function freeAddresses(
  cloud: OpenstackCloud,
  signal: AbortSignal,
  networkIds?: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (networkIds?.length === 0) return new Map()
  const query = networkIds === undefined ? {} : { network_id: networkIds }
  try {
    const list = await listAll(
      cloud,
      'network',
      '/network-ip-availabilities',
      'network_ip_availabilities',
      query,
      signal,
    )
    const subnets = list.flatMap((network) => {
      const of = isRecord(network) ? network.subnet_ip_availability : undefined
      return Array.isArray(of) ? of : []
    })
    return new Map(
      subnets.map((subnet) => [
        textAt(subnet, 'subnet_id'),
        Math.max(0, (numberAt(subnet, 'total_ips') ?? 0) - (numberAt(subnet, 'used_ips') ?? 0)),
      ]),
    )
  } catch (thrown) {
    const { code } = PcgError.from(thrown)
    if (code === 'denied' || code === 'not-found') return new Map()
    throw thrown
  }
}

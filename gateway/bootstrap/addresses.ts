import type { MachineAddress } from '../../adapters/adapter.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import { addressNumber, addressText, rangeProblems, rangesOf, subnetOf } from '../../resources/ip-ranges.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

/**
 * The lowest address of the pool that nobody uses: not one of `used`, nor the gateway's, nor the network's or its broadcast address.
 * Pure. Throws `capacity` when none is left, `invalid` when the pool contradicts itself.
 */
export function allocateAddress(pool: IPPool, used: ReadonlySet<string>): MachineAddress {
  checkPool(pool)
  const { prefix, gateway, nameservers, searchDomains } = pool.spec
  const reserved = reservedNumbers(pool)
  for (const range of rangesOf(pool.spec))
    for (let number = range.first; number <= range.last; number += 1) {
      const address = addressText(number)
      if (reserved.has(number) || used.has(address)) continue
      return { type: 'static', address, prefix, gateway, nameservers, searchDomains }
    }
  throw new PcgError('capacity', `${label(pool)} has no free address: all ${sizeOf(pool)} of its ranges are in use`, {
    subject: label(pool),
    remedy: 'Add a range to its spec.ranges, or delete machines that use it.',
  })
}

function checkPool(pool: IPPool): void {
  const [problem] = rangeProblems(pool.spec)
  if (problem === undefined) return
  const { index, message, remedy } = problem
  throw new PcgError('invalid', `${label(pool)}: spec.ranges[${index}]: ${message}`, { subject: label(pool), remedy })
}

function label(pool: IPPool): string {
  return `IPPool ${pool.metadata.name}`
}

function sizeOf(pool: IPPool): number {
  return rangesOf(pool.spec).reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

function reservedNumbers(pool: IPPool): Set<number> {
  const { first, last } = subnetOf(pool.spec)
  const reserved = new Set([addressNumber(pool.spec.gateway)])
  // RFC 3021: a /31 has neither network nor broadcast address, and a /32 is one host.
  return pool.spec.prefix >= 31 ? reserved : reserved.add(first).add(last)
}

import type { MachineAddress } from '../../adapters/adapter.ts'
import type { IPPool } from '../../resources/ip-pool.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

interface Range {
  readonly first: number
  readonly last: number
}

/**
 * The lowest address of the pool that nobody uses: not one of `used`, nor the gateway's, nor the network's or its broadcast address.
 * Pure. Throws `capacity` when none is left, `invalid` when the pool contradicts itself.
 */
export function allocateAddress(pool: IPPool, used: ReadonlySet<string>): MachineAddress {
  checkPool(pool)
  const { prefix, gateway, nameservers, searchDomains } = pool.spec
  const reserved = reservedNumbers(pool)
  for (const range of rangesOf(pool))
    for (let number = range.first; number <= range.last; number += 1) {
      const address = textOf(number)
      if (reserved.has(number) || used.has(address)) continue
      return { type: 'static', address, prefix, gateway, nameservers, searchDomains }
    }
  throw new PcgError('capacity', `${label(pool)} has no free address: all ${sizeOf(pool)} of its ranges are in use`, {
    subject: label(pool),
    remedy: 'Add a range to its spec.ranges, or delete machines that use it.',
  })
}

/** Throws `invalid`, naming the range, if one runs backwards, leaves the gateway's subnet, or overlaps another. */
export function checkPool(pool: IPPool): void {
  const subnet = subnetOf(pool)
  const ranges = rangesOf(pool)
  ranges.forEach((range, index) => {
    const { first, last } = range
    const name = `${textOf(first)}-${textOf(last)}`
    if (first > last) throw wrong(pool, index, `${name} runs backwards`, 'Swap first and last.')
    if (first < subnet.first || last > subnet.last)
      throw wrong(
        pool,
        index,
        `${name} is not within ${textOf(subnet.first)}/${pool.spec.prefix}, the subnet of its gateway ${pool.spec.gateway}`,
        'Correct the range, or spec.prefix and spec.gateway.',
      )
    const overlapped = ranges.findIndex((other, at) => at < index && first <= other.last && last >= other.first)
    if (overlapped !== -1)
      throw wrong(pool, index, `${name} overlaps spec.ranges[${overlapped}]`, 'Name each address once.')
  })
}

function wrong(pool: IPPool, index: number, message: string, remedy: string): PcgError {
  return new PcgError('invalid', `${label(pool)}: spec.ranges[${index}]: ${message}`, { subject: label(pool), remedy })
}

function label(pool: IPPool): string {
  return `IPPool ${pool.metadata.name}`
}

function sizeOf(pool: IPPool): number {
  return rangesOf(pool).reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

function reservedNumbers(pool: IPPool): Set<number> {
  const { first, last } = subnetOf(pool)
  const reserved = new Set([numberOf(pool.spec.gateway)])
  // RFC 3021: a /31 has neither network nor broadcast address, and a /32 is one host.
  return pool.spec.prefix >= 31 ? reserved : reserved.add(first).add(last)
}

function subnetOf(pool: IPPool): Range {
  const size = 2 ** (32 - pool.spec.prefix)
  const gateway = numberOf(pool.spec.gateway)
  const first = gateway - (gateway % size)
  return { first, last: first + size - 1 }
}

function rangesOf(pool: IPPool): Range[] {
  return pool.spec.ranges.map(({ first, last }) => ({ first: numberOf(first), last: numberOf(last) }))
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}

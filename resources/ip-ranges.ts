/** IPv4 ranges of a pool, as numbers, and what can be wrong with them. Pure. */

/** The part of an IPPool's spec that says which addresses it has. */
export interface RangesSpec {
  readonly ranges: readonly { readonly first: string; readonly last: string }[]
  readonly prefix: number
  readonly gateway: string
}

/** Both ends belong to it. */
export interface AddressRange {
  readonly first: number
  readonly last: number
}

export interface RangeProblem {
  /** Which of the ranges. */
  readonly index: number
  /** Says what is wrong, without the field's name. */
  readonly message: string
  readonly remedy: string
}

/** Ranges that run backwards, leave the gateway's subnet, or overlap one before them. */
export function rangeProblems(spec: RangesSpec): RangeProblem[] {
  const subnet = subnetOf(spec)
  const ranges = rangesOf(spec)
  return ranges.flatMap(({ first, last }, index): RangeProblem[] => {
    const name = `${addressText(first)}-${addressText(last)}`
    if (first > last) return [{ index, message: `${name} runs backwards`, remedy: 'Swap first and last.' }]
    if (first < subnet.first || last > subnet.last)
      return [
        {
          index,
          message: `${name} is not within ${addressText(subnet.first)}/${spec.prefix}, the subnet of its gateway ${spec.gateway}`,
          remedy: 'Correct the range, or spec.prefix and spec.gateway.',
        },
      ]
    const overlapped = ranges.findIndex((other, at) => at < index && first <= other.last && last >= other.first)
    if (overlapped === -1) return []
    return [{ index, message: `${name} overlaps spec.ranges[${overlapped}]`, remedy: 'Name each address once.' }]
  })
}

/** The subnet that the gateway's address is in, with its network and broadcast address. */
export function subnetOf({ gateway, prefix }: RangesSpec): AddressRange {
  const size = 2 ** (32 - prefix)
  const number = addressNumber(gateway)
  const first = number - (number % size)
  return { first, last: first + size - 1 }
}

export function rangesOf({ ranges }: RangesSpec): AddressRange[] {
  return ranges.map(({ first, last }) => ({ first: addressNumber(first), last: addressNumber(last) }))
}

export function addressNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}

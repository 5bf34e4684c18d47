import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocateAddress } from '../../../gateway/bootstrap/addresses.ts'
import type { IPPool } from '../../../resources/ip-pool.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

function pool(ranges: [string, string][], prefix = 24, gateway = '10.0.0.1'): IPPool {
  return {
    apiVersion: 'pcg/v1',
    kind: 'IPPool',
    metadata: { name: 'lab' },
    spec: {
      ranges: ranges.map(([first, last]) => ({ first, last })),
      prefix,
      gateway,
      nameservers: ['10.0.0.53'],
      searchDomains: ['lab.example'],
    },
  }
}

/** What it allocates until it is exhausted. */
function drain(from: IPPool, used: readonly string[] = []): string[] {
  const taken = new Set(used)
  const allocated: string[] = []
  while (true) {
    try {
      const given = allocateAddress(from, taken)
      if (given.type !== 'static') throw new Error('not static')
      taken.add(given.address)
      allocated.push(given.address)
    } catch (cause) {
      if (cause instanceof PcgError && cause.code === 'capacity') return allocated
      throw cause
    }
  }
}

describe('allocateAddress', () => {
  it('gives the lowest address that is free, with all that a machine needs to use it', () => {
    expect(allocateAddress(pool([['10.0.0.10', '10.0.0.12']]), new Set(['10.0.0.10']))).toEqual({
      type: 'static',
      address: '10.0.0.11',
      prefix: 24,
      gateway: '10.0.0.1',
      nameservers: ['10.0.0.53'],
      searchDomains: ['lab.example'],
    })
  })

  it('goes on in the next range', () => {
    const two = pool([
      ['10.0.0.10', '10.0.0.10'],
      ['10.0.0.20', '10.0.0.21'],
    ])
    expect(drain(two)).toEqual(['10.0.0.10', '10.0.0.20', '10.0.0.21'])
  })

  it('leaves out the network, its broadcast address, the gateway, and what is used', () => {
    expect(drain(pool([['10.0.0.0', '10.0.0.7']], 29), ['10.0.0.5'])).toEqual([
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.4',
      '10.0.0.6',
    ])
  })

  it('uses both addresses of a /31, which has no broadcast', () => {
    expect(drain(pool([['10.0.0.0', '10.0.0.1']], 31, '10.0.0.1'))).toEqual(['10.0.0.0'])
  })

  it('works at the upper end of the address space', () => {
    expect(drain(pool([['255.255.255.252', '255.255.255.255']], 30, '255.255.255.253'))).toEqual(['255.255.255.254'])
  })

  it('says which pool is exhausted, and what to do', () => {
    const full = () => allocateAddress(pool([['10.0.0.10', '10.0.0.10']]), new Set(['10.0.0.10']))
    expect(full).toThrow(/^IPPool lab has no free address: /)
    expect(full).toThrow(expect.objectContaining({ code: 'capacity', remedy: expect.stringContaining('spec.ranges') }))
  })

  it.each<[string, [string, string][], RegExp]>([
    [
      'overlap',
      [
        ['10.0.0.10', '10.0.0.20'],
        ['10.0.0.20', '10.0.0.30'],
      ],
      /spec\.ranges\[1\].*overlaps spec\.ranges\[0\]/,
    ],
    ['run backwards', [['10.0.0.20', '10.0.0.10']], /spec\.ranges\[0\].*backwards/],
    ['leave the subnet', [['10.0.0.200', '10.0.1.10']], /spec\.ranges\[0\].*10\.0\.0\.0\/24/],
  ])('refuses ranges that %s, by their place', (_, ranges, message) => {
    expect(() => allocateAddress(pool(ranges), new Set())).toThrow(message)
  })

  it('never gives an address twice, nor one outside of the ranges', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.uniqueArray(fc.nat(255)), (start, length, usedParts) => {
        const [first, last] = [100 + start, 100 + start + length]
        const used = usedParts.map((part) => `10.0.0.${part}`)
        const given = drain(pool([[`10.0.0.${first}`, `10.0.0.${last}`]]), used)
        const numbers = given.map((address) => Number(address.split('.')[3]))
        expect(new Set([...given, ...used]).size).toBe(given.length + used.length)
        expect(numbers.every((number) => number >= first && number <= last)).toBe(true)
      }),
    )
  })
})

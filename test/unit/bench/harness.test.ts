import { describe, expect, it } from 'vitest'
import { type Bench, inWords, judge, measure, median } from '../../bench/harness.ts'

const context = { signal: new AbortController().signal, say: () => {} }

describe('measuring', () => {
  it('takes the sides in turn, and counts no round of the warm-up', async () => {
    const taken: string[] = []
    const figures = { ours: [100, 1, 3, 2], theirs: [900, 10, 10, 40] }
    const bench: Bench = {
      peer: 'them',
      warmUps: 1,
      rounds: 3,
      metrics: [{ name: 'time', unit: 'ms', goal: { of: 'ratio', atMost: 0.3 } }],
      start: async () => ({
        ours: async () => {
          taken.push('ours')
          return { time: figures.ours.shift() ?? 0 }
        },
        theirs: async () => {
          taken.push('theirs')
          return { time: figures.theirs.shift() ?? 0 }
        },
        close: async () => {
          taken.push('closed')
        },
      }),
    }
    expect(await measure('x', bench, context)).toEqual([
      { bench: 'x', metric: 'time', unit: 'ms', ours: 2, peer: 10, ratio: 0.2, goal: 'ratio at most 0.3', met: true },
    ])
    expect(taken).toEqual([...Array.from({ length: 4 }, () => ['ours', 'theirs']).flat(), 'closed'])
  })

  it('closes what a round that fails leaves behind', async () => {
    let closed = false
    const bench: Bench = {
      peer: 'them',
      metrics: [],
      start: async () => ({
        ours: () => Promise.reject(new Error('no')),
        close: async () => {
          closed = true
        },
      }),
    }
    await expect(measure('x', bench, context)).rejects.toThrow('no')
    expect(closed).toBe(true)
  })
})

describe('judging', () => {
  const metric = { name: 'rate', unit: '/s' }

  it.each([
    [{ of: 'ours', atLeast: 5000 }, 5000, null, true],
    [{ of: 'ours', atLeast: 5000 }, 4999, null, false],
    [{ of: 'ours', atMost: 5 }, 5.1, null, false],
    [{ of: 'ratio', atMost: 3 }, 6, 2, true],
    [{ of: 'ratio', atMost: 3 }, 6.1, 2, false],
    [{ of: 'ratio', atLeast: 1 }, 1, 2, false],
  ] as const)('goal %o with ours %d and the peer at %s: %s', (goal, ours, peer, met) => {
    expect(judge('x', { ...metric, goal }, ours, peer).met).toBe(met)
  })

  it('has no opinion without a goal', () => {
    expect(judge('x', metric, 1, null)).toMatchObject({ goal: null, met: null, ratio: null, peer: null })
  })

  it('refuses a figure that nobody measured', () => {
    expect(() => judge('x', metric, null, 1)).toThrow('rate')
    expect(() => judge('x', { ...metric, goal: { of: 'ratio', atMost: 1 } }, 1, null)).toThrow('peer')
  })

  it('says the figures, the ratio and the goal in one line', () => {
    const result = judge('x', { name: 'time', unit: 'ms', goal: { of: 'ratio', atMost: 0.35 } }, 1684.2, 5996)
    expect(inWords(result, 'them')).toBe(
      'time: ours 1684 ms, them 5996 ms, ratio 0.281 (goal: ratio at most 0.35: met)',
    )
  })
})

describe('the median', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[], null],
  ])('of %j is %s', (values, expected) => {
    expect(median(values)).toBe(expected)
  })
})

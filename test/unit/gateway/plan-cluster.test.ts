import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Member, type PoolGoal, planCluster } from '../../../gateway/clusters/plan-cluster.ts'

const workers = (count: number, revision = 'new'): PoolGoal => ({ name: 'workers', role: 'worker', count, revision })
const controlPlane = (count: number, revision = 'new'): PoolGoal => ({
  name: 'control-plane',
  role: 'control-plane',
  count,
  revision,
})

function member(uid: string, over: Partial<Member> = {}): Member {
  return { uid, pool: 'workers', revision: 'new', wanted: true, ready: true, createdAt: uid, ...over }
}

/** What a pool comes to when its moves are made, machines get ready or leave in the given order, and it is planned again. */
function* history(pool: PoolGoal, start: readonly Member[], choices: readonly number[]): Generator<readonly Member[]> {
  let members = [...start]
  let born = 0
  for (const choice of choices) {
    for (const move of planCluster([pool], members)) {
      if (move.move === 'remove')
        members = members.map((each) => (each.uid === move.uid ? { ...each, wanted: false } : each))
      else
        for (let made = 0; made < move.count; made++)
          members.push(
            member(`n${born++}`, {
              pool: pool.name,
              revision: pool.revision,
              ready: false,
              createdAt: `${1_000 + born}`,
            }),
          )
    }
    yield members
    const moving = members.filter((each) => !each.wanted || !each.ready)
    // One choice more than there are machines: then nothing happens, and it is planned again all the same.
    const chosen = moving[choice % (moving.length + 1)]
    if (chosen === undefined) continue
    members = chosen.wanted
      ? members.map((each) => (each === chosen ? { ...each, ready: true } : each))
      : members.filter((each) => each !== chosen)
  }
}

describe('the plan of a cluster', () => {
  it('creates every machine of a new pool at once', () => {
    expect(planCluster([workers(3)], [])).toMatchObject([{ move: 'create', count: 3 }])
  })

  it('has nothing to do when the pool is as it should be', () => {
    expect(planCluster([workers(2)], [member('a'), member('b')])).toEqual([])
  })

  it('scales down by the machines that are not ready first, then the youngest', () => {
    const members = [
      member('old', { createdAt: '1' }),
      member('young', { createdAt: '2' }),
      member('broken', { createdAt: '0', ready: false }),
    ]
    expect(planCluster([workers(1)], members).map((move) => 'uid' in move && move.uid)).toEqual(['broken', 'young'])
  })

  it('replaces a machine that is on its way out', () => {
    expect(planCluster([workers(2)], [member('a'), member('b', { wanted: false })])).toMatchObject([
      { move: 'create', count: 1 },
    ])
  })

  it('removes the machines of a pool that is no longer asked for', () => {
    expect(planCluster([], [member('a')])).toMatchObject([{ move: 'remove', uid: 'a' }])
  })

  it('takes one control-plane machine away at a time, and none before the last one is gone', () => {
    const five = ['a', 'b', 'c', 'd', 'e'].map((uid) => member(uid, { pool: 'control-plane' }))
    expect(planCluster([controlPlane(3)], five)).toHaveLength(1)
    expect(
      planCluster([controlPlane(3)], [...five.slice(1), member('a', { pool: 'control-plane', wanted: false })]),
    ).toEqual([])
  })

  it('begins to roll with one new machine, before any old one goes', () => {
    const old = [member('a', { revision: 'old' }), member('b', { revision: 'old' })]
    expect(planCluster([workers(2)], old)).toMatchObject([{ move: 'create', count: 1 }])
  })

  it('rolls with a surge of one, and never with fewer ready machines than asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.nat(50), { minLength: 150, maxLength: 200 }),
        fc.boolean(),
        (count, choices, isControlPlane) => {
          const pool = isControlPlane ? controlPlane(count) : workers(count)
          const start = Array.from({ length: count }, (_, index) =>
            member(`o${index}`, { pool: pool.name, revision: 'old' }),
          )
          let last: readonly Member[] = start
          for (const members of history(pool, start, choices)) {
            expect(members.length).toBeLessThanOrEqual(count + 1)
            expect(members.filter((each) => each.wanted && each.ready).length).toBeGreaterThanOrEqual(count)
            last = members
          }
          expect(last).toHaveLength(count)
          expect(last.every((each) => each.revision === 'new' && each.ready && each.wanted)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('reaches the count and the revision from anywhere', () => {
    const anyMember = fc.record({ revision: fc.constantFrom('old', 'new'), wanted: fc.boolean(), ready: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.array(anyMember, { maxLength: 8 }), (count, given) => {
        const start = given.map((each, index) => member(`o${index}`, each))
        const choices = Array.from({ length: 200 }, (_, index) => index * 7)
        const last = [...history(workers(count), start, choices)].at(-1) ?? []
        expect(last).toHaveLength(count)
        expect(last.every((each) => each.revision === 'new' && each.ready && each.wanted)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openstackCluster } from './fixtures.ts'
import { OpenstackSite, WHOLE } from './openstack-site.ts'

let here: OpenstackSite
beforeEach(async () => {
  here = new OpenstackSite()
  await here.startEmpty()
})
afterEach(() => here.close())

const create = () => here.create(openstackCluster({ workers: 0 }))

describe('a gateway that dies at any boundary of a foundation', () => {
  const POINTS = ['before-intent', 'after-intent', 'after-call', 'before-outcome', 'after-outcome']
  const of = (...steps: readonly string[]): string[] => steps.flatMap((step) => POINTS.map((at) => `${step}:${at}`))
  // Its first step and its last one, which goes on in the cloud; those between are taken as the first is.
  const CREATING = [...of('create-Network', 'create-FloatingIP'), 'create-FloatingIP:after-token']
  const DELETING = of('delete-FloatingIP', 'delete-Network')

  it('is killed below at each kind that there is', async () => {
    await create()
    await here.site.ready()
    await here.site.delete('Cluster', 'prod')
    await here.gone()
    const passed = here.site.boundaries.filter((point) => /^(create|delete)-(Network|FloatingIP)/.test(point))
    expect([...new Set(passed)].sort()).toEqual([...CREATING, ...DELETING].sort())
  })

  it.each(CREATING)('makes all of it once all the same, killed at %s', async (point) => {
    const died = here.site.dieAt(point)
    await create()
    await died
    await here.site.revive()
    const known = new Set(here.site.journal.ledger.all().map(({ kind, name }) => `${kind} ${name}`))
    for (const piece of here.pieces()) expect(known).toContain(piece)
    await here.site.ready()
    expect(here.pieces()).toEqual(WHOLE)
    expect(here.cloud.made.sort()).toEqual(WHOLE)
    for (const piece of WHOLE) expect(here.ledger()).toContain(`${piece} present`)
  })

  it.each([...CREATING, ...DELETING])('leaves nothing when it is deleted after that, killed at %s', async (point) => {
    const died = here.site.dieAt(point)
    await create()
    if (point.startsWith('delete')) {
      await here.site.ready()
      await here.site.delete('Cluster', 'prod')
    }
    await died
    await here.site.revive()
    await here.site.delete('Cluster', 'prod')
    await here.gone()
    expect(here.leftovers()).toEqual([])
    expect(new Set(here.cloud.made).size).toBe(here.cloud.made.length)
  })
})

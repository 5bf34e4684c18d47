import { afterEach, describe, expect, it } from 'vitest'
import { answerPlan } from '../../../gateway/queries/answer-plan.ts'
import type { PlanAnswer } from '../../../resources/query.ts'
import type { Resource } from '../../../resources/resource.ts'
import { cluster, profile } from './fixtures.ts'
import { account, OWNER, Site } from './site.ts'

let site: Site
afterEach(() => site.close())

const plan = (...resources: Resource[]): Promise<PlanAnswer> =>
  answerPlan(resources, site.journal, site.orchestrator, new AbortController().signal)
const inCloud = (): number => site.cloud.list(OWNER).length
const summary = ({ entries }: PlanAnswer): string[] => entries.map((entry) => entry.action).sort()

describe('the answer to "what would applying this do?"', () => {
  it('names each machine of a new cluster with its steps, before anything of it was applied', async () => {
    site = await Site.start()
    const answer = await plan(account(), profile(), cluster({ workers: 1 }))
    expect(summary(answer)).toEqual(['create', 'create'])
    for (const { name, steps } of answer.entries)
      expect(steps.join()).toMatch(new RegExp(`create ${name}.*,power on ${name}`))
    expect(answer.findings).toEqual([])
    expect(inCloud()).toBe(0)
    expect(site.machines()).toEqual([])
  })

  it('says what stands in the way', async () => {
    site = await Site.start()
    const answer = await plan(account({ capacity: 1 }), profile(), cluster({ workers: 4 }))
    expect(answer.findings).toMatchObject([{ severity: 'error', subject: 'sandbox' }])
  })

  it('names something that a cluster refers to and that is nowhere', async () => {
    site = await Site.start()
    await expect(plan(cluster())).rejects.toMatchObject({ code: 'not-found', subject: 'spec.profile' })
    expect((await plan(profile(), cluster())).findings).toMatchObject([{ severity: 'error', subject: 'spec.account' }])
  })

  it('is empty when nothing would change', async () => {
    site = await Site.start()
    await site.put(account(), profile(), cluster())
    await site.ready()
    expect(await plan(cluster())).toEqual({ entries: [], findings: [] })
  })

  it('foresees all of a roll, with the steps that make the new machine and those that undo the old one', async () => {
    site = await Site.start()
    await site.put(account(), profile(), cluster({ controlPlane: 3, workers: 2 }))
    await site.ready()
    const answer = await plan(profile({ version: '1.32.0' }))
    expect(summary(answer)).toEqual(Array.from({ length: 5 }, () => 'replace'))
    expect(answer.entries.map((entry) => entry.name).sort()).toEqual(
      site
        .machines()
        .map((machine) => machine.name)
        .sort(),
    )
    for (const { name, steps } of answer.entries) {
      expect(steps[0]).toMatch(/^create/)
      expect(steps.slice(-2)).toEqual([
        expect.stringContaining(`power off ${name}`),
        expect.stringContaining(`delete ${name}`),
      ])
    }
    expect(inCloud()).toBe(5)
  })

  it('tells growing and shrinking in a roll from replacing', async () => {
    site = await Site.start()
    await site.put(account(), profile(), cluster({ workers: 2 }))
    await site.ready()
    expect(summary(await plan(cluster({ workers: 4, cpus: 8 })))).toEqual([
      'create',
      'create',
      'replace',
      'replace',
      'replace',
    ])
    expect(summary(await plan(cluster({ workers: 1, cpus: 8 })))).toEqual(['delete', 'replace', 'replace'])
    expect(summary(await plan(cluster({ workers: 0 })))).toEqual(['delete', 'delete'])
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { answerPlan } from '../../../gateway/queries/answer-plan.ts'
import type { PlanAnswer } from '../../../resources/query.ts'
import type { Resource } from '../../../resources/resource.ts'
import { FakeOpenstack } from './fake-openstack.ts'
import { cluster, openstackCluster, profile } from './fixtures.ts'
import { account, OWNER, openstackAccount, Site } from './site.ts'

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

describe('of a cluster on a cloud with foundations', () => {
  let cloud: FakeOpenstack
  const start = async () => {
    cloud = new FakeOpenstack()
    site = await Site.start((adapter) => cloud.wrap(adapter))
  }

  it('names first what the machines stand on, and looks for what is in the way of that too', async () => {
    await start()
    cloud.findings = [{ severity: 'error', subject: 'quota', message: 'no router is left' }]
    const answer = await plan(openstackAccount(), profile(), openstackCluster())
    expect(answer.entries.map(({ action, kind }) => `${action} ${kind}`)).toEqual([
      'create Foundation',
      'create Machine',
      'create Machine',
    ])
    expect(answer.entries[0]).toEqual({
      action: 'create',
      kind: 'Foundation',
      name: 'prod',
      reason: 'cluster prod stands on it',
      steps: [
        'create Network prod',
        'create SecurityGroup prod-nodes',
        'create ServerGroup prod-control-plane',
        'create ServerGroup prod-workers',
        'create FloatingIP prod-fip',
      ],
    })
    expect(answer.findings).toEqual(cloud.findings)
    expect([[...site.journal.foundations.all()], cloud.begun]).toEqual([[], []])
    cloud.findings = []
  })

  it('says what a change of it takes, and that the machines stay', async () => {
    await start()
    await site.put(openstackAccount(), profile(), openstackCluster())
    await site.ready()
    expect(await plan(openstackCluster())).toEqual({ entries: [], findings: [] })
    const answer = await plan(openstackCluster({ access: { ssh: ['192.0.2.0/24'] } }))
    expect(answer.entries).toMatchObject([
      { action: 'change', kind: 'Foundation', name: 'prod', steps: ['update SecurityGroup prod-nodes'] },
    ])
    expect(cloud.of('SecurityGroup')[0]?.detail).not.toContain('192.0.2.0/24')
  })

  it('says what of it goes with a pool', async () => {
    await start()
    await site.put(openstackAccount(), profile(), openstackCluster())
    await site.ready()
    const answer = await plan(openstackCluster({ pools: [] }))
    expect(answer.entries).toMatchObject([
      { action: 'change', kind: 'Foundation', steps: ['delete ServerGroup prod-workers'] },
      { action: 'delete', kind: 'Machine' },
    ])
  })
})

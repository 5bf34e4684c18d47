import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Outcome } from '../../../adapters/adapter.ts'
import { openstackCluster } from './fixtures.ts'
import { failing, OpenstackSite, WHOLE } from './openstack-site.ts'
import { openstackAccount } from './site.ts'

let here: OpenstackSite
beforeEach(() => {
  here = new OpenstackSite()
})
afterEach(() => here.close())

describe('when the cloud does not do as asked for a foundation', () => {
  it('tries again what may pass, and says why it waits', async () => {
    const busy: Outcome = { kind: 'retryable', fault: 'capacity', message: 'quota: 0 of 10 are left', afterMs: 30 }
    here.cloud.answer = failing('create-SecurityGroup', busy, 3)
    await here.start()
    await here.site.until(() => here.condition('Foundation')?.reason === 'CloudFull')
    expect(here.condition('Foundation')).toMatchObject({
      status: 'False',
      message: 'create SecurityGroup prod-nodes: quota: 0 of 10 are left',
    })
    expect(here.condition('Ready')?.message).toContain('foundation: create SecurityGroup prod-nodes: quota')
    expect([here.machines(), here.site.status()?.phase]).toEqual([[], 'Provisioning'])
    await here.site.ready()
    expect(here.events('CloudFull')).toHaveLength(3)
    expect(here.timeline()).toContain('create-SecurityGroup retrying')
  })

  it('fails the cluster at what somebody must change, with the remedy, and goes on when that is done', async () => {
    const fatal: Outcome = {
      kind: 'fatal',
      reason: 'NoRouter',
      message: 'public is no network',
      remedy: 'name another',
    }
    here.cloud.answer = failing('create-Network', fatal)
    await here.start()
    await here.site.until(() => here.site.status()?.phase === 'Failed')
    expect(here.condition('Foundation')).toMatchObject({
      status: 'False',
      reason: 'NoRouter',
      message: 'public is no network: name another',
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(here.cloud.begun).toEqual(['create-Network'])
    expect(here.machines()).toEqual([])
    await here.site.put(openstackCluster({ driftPolicy: 'alert' }))
    await here.site.ready()
  })

  it('observes before it tries again when a reply was lost, and makes nothing twice', async () => {
    const lost = new Set<string>()
    const failures: number[] = []
    here.cloud.answer = (kind, when) => {
      if (when === 'before' || kind === 'create-ServerGroup' || lost.has(kind)) return undefined
      lost.add(kind)
      failures.push(here.foundation()?.failures ?? 0)
      const words = kind === 'create-Network' ? 'create Network prod: ' : ''
      return { kind: 'unknown', message: `${words}the reply was lost` }
    }
    await here.ready()
    expect(lost.size).toBe(3)
    // What was tried is said once, whether the cloud's adapter says it or not.
    expect(here.events('ReplyLost')).toEqual(
      ['Network prod', 'SecurityGroup prod-nodes', 'FloatingIP prod-fip'].map(
        (what) => `Cluster prod foundation: create ${what}: the reply was lost`,
      ),
    )
    // It gets on: the next step doesn't wait longer for what befell the ones before it.
    expect(Math.max(...failures)).toBe(1)
    expect(here.cloud.made.sort()).toEqual(WHOLE)
  })

  it('stops the whole account when it refuses the credentials, until they are changed', async () => {
    here.cloud.answer = failing('create-Network', { kind: 'credentials', message: 'wrong password' })
    await here.start()
    await here.site.until(() => here.condition('Foundation')?.reason === 'AccountUnusable')
    expect(here.condition('Foundation')?.message).toBe('wrong password')
    const { observations } = here.cloud
    await here.site.put(openstackCluster({ workers: 2 }))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([here.cloud.begun, here.cloud.observations]).toEqual([['create-Network'], observations])
    await here.site.put(openstackAccount())
    await here.site.ready()
  })

  it('goes on after a restart where it was, by the token', async () => {
    here.cloud.polls = Number.POSITIVE_INFINITY
    await here.start()
    await here.site.until(() => here.foundation()?.running?.token != null)
    await here.site.restart()
    here.cloud.polls = 1
    await here.site.ready()
    expect(here.cloud.begun.filter((step) => step === 'create-FloatingIP')).toHaveLength(1)
  })
})

describe('when the cluster goes', () => {
  it('deletes its machines first, then what they stood on, and leaves nothing', async () => {
    await here.ready()
    here.cloud.begun.length = 0
    await here.site.delete('Cluster', 'prod')
    await here.gone()
    const kinds = here.cloud.begun.map((step) => step.split(' ')[0])
    expect(kinds.lastIndexOf('delete')).toBeLessThan(kinds.indexOf('delete-FloatingIP'))
    expect(kinds.slice(-5)).toEqual([
      'delete-FloatingIP',
      'delete-ServerGroup',
      'delete-ServerGroup',
      'delete-SecurityGroup',
      'delete-Network',
    ])
    expect(here.leftovers()).toEqual([])
    expect(here.site.reports()).toContainEqual({ type: 'gone', kind: 'Cluster', name: 'prod', left: [] })
  })

  it.each(['create-Network', 'create-ServerGroup', 'create-FloatingIP'])(
    'leaves nothing when it was deleted while %s was under way',
    async (step) => {
      await here.start()
      let deleted: Promise<void> | undefined
      here.cloud.answer = (kind, when) => {
        if (when === 'after' && kind === step) deleted ??= here.site.delete('Cluster', 'prod')
        return undefined
      }
      await here.site.until(() => deleted !== undefined)
      await here.gone()
      expect(here.leftovers()).toEqual([])
    },
  )

  it('says what holds its deletion up', async () => {
    await here.ready()
    const busy: Outcome = { kind: 'retryable', fault: 'busy', message: 'a port is in use', afterMs: 30 }
    here.cloud.answer = failing('delete-Network', busy, 3)
    await here.site.delete('Cluster', 'prod')
    await here.site.until(() => here.condition('Ready')?.message.includes('a port is in use') ?? false)
    expect(here.condition('Foundation')).toMatchObject({ status: 'False', reason: 'CloudBusy' })
    await here.gone()
  })

  it('names what of its foundation is left when it is forgotten, and calls no cloud', async () => {
    await here.ready()
    here.cloud.begun.length = 0
    await here.site.delete('Cluster', 'prod', 'forget')
    await here.gone()
    const report = here.site.reports().find((one) => one.type === 'gone' && one.kind === 'Cluster')
    expect(report).toMatchObject({
      left: expect.arrayContaining([
        expect.stringMatching(/^Network prod \(os-/),
        expect.stringMatching(/^VirtualMachine/),
      ]),
    })
    expect([here.cloud.begun, here.pieces(), here.ledger(), here.foundation()]).toEqual([[], WHOLE, [], undefined])
  })
})

/** What two clusters must not share, since their gateways don't ask each other. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  account,
  cluster,
  gateway,
  machineStatus,
  openstackAccount,
  openstackCluster,
  pool,
  profile,
} from './resources.ts'
import { BERLIN, errorOf, openSite, type Site } from './site.ts'

const PARIS = { tenant: 'acme', gateway: 'paris' } as const
const VIRTUAL_IP = '192.0.2.15'

let site: Site
beforeEach(async () => {
  site = await openSite()
  await site.apply(
    site.admin,
    gateway('berlin'),
    gateway('paris'),
    account('berlin', 'berlin'),
    account('berlin-2', 'berlin'),
    account('paris', 'paris'),
    openstackAccount('stack', 'berlin'),
    openstackAccount('stack-2', 'berlin'),
    profile('base'),
    pool('shared'),
    pool('other'),
  )
})
afterEach(() => site.close())

const of = (name: string, accountName: string, more: { pool?: string; virtualIp?: string } = {}) =>
  cluster(name, { account: accountName, profile: 'base', ...more })
const apply = (...resources: unknown[]) => site.apply(site.admin, ...resources)
const get = async (path: string) => (await site.call(site.admin, { method: 'GET', path })).status

describe('an IPPool', () => {
  test('is refused to a second gateway, with the cluster and gateway that use it; nothing of the request is stored', async () => {
    await apply(of('first', 'berlin', { pool: 'shared' }))
    const answer = await apply(profile('beside'), of('second', 'paris', { pool: 'shared' }))
    expect(answer.status).toBe(409)
    expect(errorOf(answer)).toMatchObject({
      code: 'conflict',
      subject: 'spec.network.addressing.pool',
      message: expect.stringMatching(
        /^Cluster second: is of gateway paris, but the IPPool shared is used by Cluster first of gateway berlin/,
      ),
      remedy: expect.stringMatching(/IPPool with other addresses for gateway paris/),
    })
    expect([await get('/v1/clusters/second'), await get('/v1/profiles/beside')]).toEqual([404, 404])
    expect(await site.commands(PARIS)).toHaveLength(1)
  })

  test('is refused to two gateways in one request, and to a plan or a trial as well', async () => {
    const both = [of('first', 'berlin', { pool: 'shared' }), of('second', 'paris', { pool: 'shared' })]
    const answer = await apply(...both)
    expect([answer.status, errorOf(answer).details?.length]).toEqual([409, 2])
    for (const path of ['/v1/plan', '/v1/apply']) {
      const body = { resources: both, ...(path === '/v1/apply' && { dryRun: true }) }
      expect((await site.call(site.admin, { method: 'POST', path, body })).status).toBe(409)
    }
  })

  test('serves all clusters of one gateway; and two pools may have the same ranges, each at its own site', async () => {
    const all = [of('a', 'berlin', { pool: 'shared' }), of('b', 'berlin-2', { pool: 'shared' })]
    expect((await apply(...all, of('c', 'paris', { pool: 'other' }))).status).toBe(200)
    expect((await apply(...all)).status).toBe(200)
  })

  test('counts as used until a cluster that is being deleted is gone', async () => {
    await apply(of('first', 'berlin', { pool: 'shared' }))
    await site.call(site.admin, { method: 'DELETE', path: '/v1/clusters/first' })
    expect((await apply(of('second', 'paris', { pool: 'shared' }))).status).toBe(409)
    const { epoch } = await site.attach()
    await site.report(epoch, [{ type: 'gone', kind: 'Cluster', name: 'first', left: [] }])
    expect((await apply(of('second', 'paris', { pool: 'shared' }))).status).toBe(200)
  })

  test('counts as used while machines have its addresses, though their cluster names another by now', async () => {
    await apply(of('first', 'berlin', { pool: 'shared' }))
    const { epoch } = await site.attach()
    const status = { ...machineStatus('first', 'Ready'), addresses: ['192.0.2.12'] }
    await site.report(epoch, [{ type: 'status', kind: 'Machine', name: 'first-1', status }], BERLIN)
    await apply(of('first', 'berlin', { pool: 'other' }))
    expect(errorOf(await apply(of('second', 'paris', { pool: 'shared' }))).message).toMatch(/Cluster first of gateway/)
    await site.report(epoch, [{ type: 'gone', kind: 'Machine', name: 'first-1', left: [] }], BERLIN)
    expect((await apply(of('second', 'paris', { pool: 'shared' }))).status).toBe(200)
  })
})

describe('a virtual IP', () => {
  test('is refused to a second cluster of the same gateway, and both are named', async () => {
    await apply(of('first', 'berlin', { virtualIp: VIRTUAL_IP }))
    const answer = await apply(of('second', 'berlin-2', { virtualIp: VIRTUAL_IP }))
    expect(answer.status).toBe(409)
    expect(errorOf(answer)).toMatchObject({
      code: 'conflict',
      subject: 'spec.network.endpoint.address',
      message: expect.stringMatching(/^Cluster second: 192\.0\.2\.15 is the virtual IP of Cluster first already/),
      remedy: expect.stringMatching(/of its own/),
    })
  })

  test('may be the same at another gateway, lie in the range of a pool, and stay as it is', async () => {
    const first = of('first', 'berlin', { virtualIp: VIRTUAL_IP, pool: 'shared' })
    expect((await apply(first)).status).toBe(200)
    expect((await apply({ ...first, spec: { ...first.spec, driftPolicy: 'alert' } })).status).toBe(200)
    expect((await apply(of('second', 'paris', { virtualIp: VIRTUAL_IP }))).status).toBe(200)
  })

  test('can move from one cluster to another in one request', async () => {
    await apply(of('first', 'berlin', { virtualIp: VIRTUAL_IP }))
    const moved = [
      of('first', 'berlin', { virtualIp: '192.0.2.16' }),
      of('second', 'berlin', { virtualIp: VIRTUAL_IP }),
    ]
    expect((await apply(...moved)).status).toBe(200)
  })
})

describe('on OpenStack', () => {
  const floating = (name: string, accountName: string, address?: string) =>
    openstackCluster(name, { account: accountName, endpoint: { type: 'floating-ip', ...(address && { address }) } })
  const virtual = (name: string, network?: object) =>
    openstackCluster(name, {
      account: 'stack',
      endpoint: { type: 'virtual-ip', address: VIRTUAL_IP },
      ...(network && { network }),
    })
  const SHARED = { type: 'existing', network: 'net-1' }

  test('a floating IP is refused to a second cluster of the account', async () => {
    await apply(floating('first', 'stack', '203.0.113.5'))
    const answer = await apply(floating('second', 'stack', '203.0.113.5'))
    expect(answer.status).toBe(409)
    expect(errorOf(answer)).toMatchObject({
      code: 'conflict',
      subject: 'spec.network.endpoint.address',
      message: expect.stringMatching(/^Cluster second: 203\.0\.113\.5 is the floating IP of Cluster first already/),
      remedy: expect.stringMatching(/leave the address out/),
    })
    expect((await apply(floating('second', 'stack', '203.0.113.6'))).status).toBe(200)
  })

  test('a floating IP may be the same in another account, stay as it is, and any number be left to the cloud', async () => {
    const all = [
      floating('first', 'stack', '203.0.113.5'),
      floating('second', 'stack-2', '203.0.113.5'),
      floating('third', 'stack'),
      floating('fourth', 'stack'),
    ]
    expect((await apply(...all)).status).toBe(200)
    expect((await apply(...all)).status).toBe(200)
  })

  test('a virtual IP may be the same in networks that are each cluster’s own, and not in others', async () => {
    expect((await apply(virtual('first'), virtual('second'), virtual('third', SHARED))).status).toBe(200)
    expect(errorOf(await apply(virtual('fourth', SHARED))).message).toMatch(/virtual IP of Cluster third/)
    expect(errorOf(await apply(of('fifth', 'berlin', { virtualIp: VIRTUAL_IP }))).message).toMatch(/Cluster third/)
  })
})

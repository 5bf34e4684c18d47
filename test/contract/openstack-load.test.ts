import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { drive } from './drive.ts'
import { GATEWAY, OpenstackSite } from './openstack-site.ts'
import { Watcher } from './watcher.ts'

const openstack = await peer('openstack')
const SERVERS = 100

describe.skipIf(!openstack.available)(title('a hundred servers at once on OpenStack', openstack), () => {
  let site: OpenstackSite
  beforeAll(async () => {
    site = await OpenstackSite.start()
  })
  afterAll(() => site?.close())

  it('become ACTIVE with at most 20 requests in flight and one token, and are not asked for one by one', {
    timeout: 900_000,
  }, async ({ signal }) => {
    const { traffic } = site.cloud.front
    traffic.reset()
    const began = Date.now()
    const adapter = site.adapter()
    const watcher = new Watcher(adapter, GATEWAY)
    try {
      const specs = Array.from({ length: SERVERS }, () => site.spec({ size: { type: 'flavor', flavor: 'm1.small' } }))
      const all = await Promise.all(specs.map((spec) => drive(adapter, spec, signal)))
      expect(new Set(all.map((observed) => observed?.power))).toEqual(new Set(['on']))
    } finally {
      await watcher.stop()
    }
    expect((await site.control.servers()).map(({ status }) => status)).toEqual(Array(SERVERS).fill('ACTIVE'))
    expect(traffic.mostInFlight).toBeLessThanOrEqual(20)
    expect(traffic.tokenRequests).toBe(1)
    expect(traffic.count({ api: 'nova', method: 'POST', path: /\/servers$/ })).toBe(SERVERS)
    // Each server that is waited for is read alone when that begins, and now and then in case the common question fails.
    const alone = traffic.count({ api: 'nova', method: 'GET', path: /\/servers\/[0-9a-f-]{36}$/ })
    expect(alone).toBeLessThan(SERVERS * (2 + (Date.now() - began) / 10_000))
  })
})

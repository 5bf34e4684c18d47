import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandTopic } from '../../../broker/log/message-log.ts'
import { GATEWAY_CONSUMER } from '../../../broker/sessions.ts'
import { account, cluster, gateway, machineReport, machineStatus, profile, timelineReport } from './resources.ts'
import { BERLIN, openSite, type Site } from './site.ts'

let site: Site
beforeEach(async () => {
  site = await openSite()
  await site.apply(site.admin, gateway('berlin'), account('sandbox', 'berlin'), profile('base'))
  await site.apply(site.admin, cluster('prod', { account: 'sandbox', profile: 'base' }))
  await site.outbox.drain()
})
afterEach(() => site.close())

const topic = commandTopic(BERLIN.tenant, BERLIN.gateway)
const get = async (path: string) => (await site.call(site.admin, { method: 'GET', path })).body
const statusOf = async () => ((await get('/v1/gateways/berlin')) as { status: Record<string, unknown> }).status
const reasons = async () =>
  ((await get('/v1/events?kind=Gateway')) as { events: { reason: string }[] }).events.map(({ reason }) => reason)
const titles = async (after: number) =>
  (await site.sessions.deliveries(BERLIN, after, 100)).map(({ payload }) => {
    const command = JSON.parse(Buffer.from(payload).toString())
    return `${command.type} ${command.resource?.metadata.name ?? command.name}`
  })

describe('attaching', () => {
  test('begins with all desired state, and shows the gateway as connected', async () => {
    expect(await statusOf()).toMatchObject({ phase: 'Pending', pendingCommands: 3 })
    const session = await site.attach()
    expect(session).toEqual({ epoch: 1, resumeAfter: 3, lastEvent: 0 })
    await site.outbox.drain()
    expect(await titles(3)).toEqual(['put sandbox', 'put base', 'put prod'])
    expect(await statusOf()).toMatchObject({
      phase: 'Connected',
      version: '1.0.0',
      epoch: 1,
      sealingKey: Buffer.alloc(32, 7).toString('base64'),
      certificateEnds: '2026-12-31T00:00:00.000Z',
    })
  })

  test('fences every session before: none of its frames has an effect', async () => {
    const old = await site.attach()
    const { epoch } = await site.attach()
    expect(epoch).toBe(old.epoch + 1)
    expect(site.sessions.current(BERLIN, old.epoch)).toBe(false)
    expect(site.sessions.current(BERLIN, epoch)).toBe(true)
    await expect(site.report(old.epoch, [machineReport('prod-1', 'prod')])).rejects.toThrow(/epoch 1 .* is over/)
    await expect(site.sessions.acknowledged(BERLIN, old.epoch, 1)).rejects.toThrow(/is over/)
    await site.sessions.detach(BERLIN, old.epoch)
    expect(site.sessions.current(BERLIN, epoch)).toBe(true)
    expect(await get('/v1/machines')).toEqual({ items: [] })
    expect(await statusOf()).toMatchObject({ phase: 'Connected', pendingCommands: 3 })
  })

  test('goes on where the journal is, and counts what is pending', async () => {
    const first = await site.attach()
    await site.outbox.drain()
    const lastDelivery = first.resumeAfter + 2
    await site.sessions.acknowledged(BERLIN, first.epoch, lastDelivery)
    await site.sessions.detach(BERLIN, first.epoch)
    expect(await statusOf()).toMatchObject({ phase: 'Disconnected', pendingCommands: 1 })
    const second = await site.attach(BERLIN, { lastDelivery })
    expect(second.resumeAfter).toBe(lastDelivery)
    expect(await titles(second.resumeAfter)).toEqual(['put prod'])
    expect(await reasons()).toEqual(['Connected', 'Disconnected', 'Connected'])
  })

  test('with another journal gets all desired state anew, also what it acknowledged and what is on its way out', async () => {
    const first = await site.attach()
    await site.apply(site.admin, cluster('going', { account: 'sandbox', profile: 'base' }))
    await site.call(site.admin, { method: 'DELETE', path: '/v1/clusters/going' })
    await site.outbox.drain()
    await site.sessions.acknowledged(BERLIN, first.epoch, 7)
    const second = await site.attach(BERLIN, { journalId: 'journal-2' })
    expect(second.lastEvent).toBe(0)
    await site.outbox.drain()
    const all = ['put sandbox', 'put base', 'put going', 'put prod', 'delete going']
    expect(await titles(second.resumeAfter)).toEqual(all)
    expect(await reasons()).toContain('JournalReplaced')
    const again = await site.attach(BERLIN, { journalId: 'journal-2' })
    expect(await titles(again.resumeAfter)).toEqual(all)
  })

  test('with a journal that was set back behind what it acknowledged gets all anew as well', async () => {
    const first = await site.attach()
    await site.outbox.drain()
    await site.sessions.acknowledged(BERLIN, first.epoch, 6)
    const second = await site.attach(BERLIN, { lastDelivery: 4 })
    await site.outbox.drain()
    expect(await titles(second.resumeAfter)).toEqual(['put sandbox', 'put base', 'put prod'])
    const third = await site.attach(BERLIN, { lastDelivery: 4 })
    await site.outbox.drain()
    expect(await titles(third.resumeAfter)).toHaveLength(3)
  })

  test("with a journal that is ahead of this broker's log, which was restored, gets what the broker has as something newer", async () => {
    await site.attach()
    await site.outbox.drain()
    const second = await site.attach(BERLIN, { lastDelivery: 16 })
    expect(second.resumeAfter).toBe(16)
    await site.outbox.drain()
    const sent = await site.sessions.deliveries(BERLIN, second.resumeAfter, 100)
    expect(sent.map(({ sequence }) => sequence)).toEqual([17, 18, 19])
    // It had 10 commands that are unknown here, so no resource can have risen by more.
    expect(sent.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).generation)).toEqual([11, 11, 11])
    expect(await get('/v1/clusters/prod')).toMatchObject({ generation: 11 })
    expect(await reasons()).toContain('BrokerRestored')
    const third = await site.attach(BERLIN, { lastDelivery: 19 })
    expect(await titles(third.resumeAfter)).toEqual([])
  })

  test('and after that, what the broker lost counts for something newer too when it is applied again', async () => {
    await site.attach()
    await site.outbox.drain()
    await site.attach(BERLIN, { lastDelivery: 16 })
    const again = await site.apply(site.admin, cluster('lost', { account: 'sandbox', profile: 'base' }))
    expect(again.body).toMatchObject({ results: [{ result: 'created', generation: 11 }] })
  })

  test('with another journal is no longer shown with the machines of the one before', async () => {
    const first = await site.attach()
    await site.report(first.epoch, [machineReport('prod-1', 'prod')])
    await site.attach(BERLIN, { lastDelivery: 3 })
    expect(await get('/v1/machines')).toMatchObject({ items: [{ name: 'prod-1' }] })
    await site.attach(BERLIN, { journalId: 'journal-2' })
    expect(await get('/v1/machines')).toEqual({ items: [] })
  })

  test('is refused for a gateway that is unknown or revoked', async () => {
    await expect(site.attach({ tenant: 'acme', gateway: 'nope' })).rejects.toThrow(/revoked or deleted/)
    await site.enrolment.revoke(BERLIN)
    await expect(site.attach()).rejects.toThrow(/revoked or deleted/)
  })

  test('ends when the gateway is deleted: nothing of the old one is left for a new one of its name', async () => {
    const { epoch } = await site.attach()
    await site.report(epoch, [])
    await site.call(site.admin, { method: 'DELETE', path: '/v1/clusters/prod?forget=true' })
    await site.report(epoch, [{ type: 'gone', kind: 'Cluster', name: 'prod', left: [] }])
    await site.call(site.admin, { method: 'DELETE', path: '/v1/accounts/sandbox' })
    await site.report(epoch, [{ type: 'gone', kind: 'CloudAccount', name: 'sandbox', left: [] }])
    expect((await site.call(site.admin, { method: 'DELETE', path: '/v1/gateways/berlin' })).status).toBe(202)
    expect(site.sessions.current(BERLIN, epoch)).toBe(false)
    expect(site.disconnected).toEqual(['acme/berlin'])

    await site.apply(site.admin, gateway('berlin'))
    const next = await site.attach(BERLIN, { journalId: 'journal-new' })
    await site.outbox.drain()
    expect(await titles(next.resumeAfter)).toEqual([])
  })
})

describe('events', () => {
  const send = (epoch: number, from: number, ...reports: object[]) =>
    site.sessions.events(
      BERLIN,
      epoch,
      'journal-1',
      reports.map((report, index) => ({
        sequence: from + index,
        payload: Buffer.from(JSON.stringify(report)),
        timeMs: 0,
      })),
    )
  const said = (message: string) => ({
    type: 'event',
    kind: 'Cluster',
    name: 'prod',
    severity: 'info',
    reason: 'Said',
    message,
  })
  const messages = async () =>
    ((await get('/v1/events?name=prod')) as { events: { message: string }[] }).events.map(({ message }) => message)

  test('take effect in their order, once, however often they come', async () => {
    const { epoch } = await site.attach()
    expect(await send(epoch, 1, said('a'), said('b'))).toBe(2)
    expect(await send(epoch, 1, said('a'), said('b'), said('c'))).toBe(3)
    expect(await send(epoch, 2, said('b'))).toBe(3)
    expect(await messages()).toEqual(['a', 'b', 'c'])
    const again = await site.attach()
    expect(again.lastEvent).toBe(3)
  })

  test('of another journal count anew, from its first', async () => {
    const { epoch } = await site.attach()
    await send(epoch, 1, said('a'))
    const next = await site.attach(BERLIN, { journalId: 'journal-2' })
    await expect(send(next.epoch, 2, said('late'))).rejects.toThrow(/journal/)
    const event = { sequence: 1, payload: Buffer.from(JSON.stringify(said('new'))), timeMs: 0 }
    expect(await site.sessions.events(BERLIN, next.epoch, 'journal-2', [event])).toBe(1)
    expect(await messages()).toEqual(['a', 'new'])
  })

  test('that are no reports are passed over, and hold up nothing', async () => {
    const { epoch } = await site.attach()
    expect(await site.report(epoch, ['not json', '{"type":"odd"}', '{}'])).toBe(3)
    expect(await send(epoch, 4, said('fine'), { ...said('bad'), severity: 'fatal' }, said('x'.repeat(9_000)))).toBe(6)
    expect(await messages()).toEqual(['fine', 'x'.repeat(4_000)])
  })

  test('keep the last status of each resource, and the machines with their timelines', async () => {
    const { epoch } = await site.attach()
    const status = { observedGeneration: 1, phase: 'Provisioning', machines: {}, conditions: [] }
    await send(
      epoch,
      1,
      { type: 'status', kind: 'Cluster', name: 'prod', status },
      { type: 'status', kind: 'Cluster', name: 'prod', status: { ...status, phase: 'Ready' } },
      { type: 'status', kind: 'CloudAccount', name: 'sandbox', status: { conditions: [] } },
      machineReport('prod-1', 'prod', 'Booting'),
      timelineReport('prod-1', 'prod', 'clone'),
      timelineReport('prod-1', 'prod', 'power on'),
      machineReport('prod-1', 'prod', 'Ready'),
    )
    expect(await get('/v1/clusters/prod')).toMatchObject({ status: { phase: 'Ready' }, generation: 1 })
    expect(await get('/v1/accounts/sandbox')).toMatchObject({ status: { conditions: [] } })
    expect(await get('/v1/machines?cluster=prod')).toMatchObject({
      items: [{ kind: 'Machine', name: 'prod-1', cluster: 'prod', status: machineStatus('prod', 'Ready') }],
    })
    expect(await get('/v1/machines?cluster=other')).toEqual({ items: [] })
    expect(await get('/v1/machines/prod-1/timeline')).toMatchObject({
      entries: [{ stage: 'clone' }, { stage: 'power on' }],
    })
    await send(epoch, 8, { type: 'gone', kind: 'Machine', name: 'prod-1', left: [] })
    expect(await get('/v1/machines')).toEqual({ items: [] })
  })

  test('keep what was done for a cluster as a whole apart from what was done for its machines', async () => {
    const { epoch } = await site.attach()
    await send(epoch, 1, timelineReport('prod', 'prod', 'create-network'), timelineReport('prod-1', 'prod', 'clone'))
    expect(await get('/v1/clusters/prod/timeline')).toMatchObject({ entries: [{ stage: 'create-network' }] })
    expect(await get('/v1/machines/prod/timeline')).toMatchObject({ error: { code: 'not-found' } })
    expect(await get('/v1/clusters/prod-1/timeline')).toMatchObject({ error: { code: 'not-found' } })
  })

  test("can't take away what nobody deleted", async () => {
    const { epoch } = await site.attach()
    await send(epoch, 1, { type: 'gone', kind: 'Cluster', name: 'prod', left: [] })
    expect(await get('/v1/clusters/prod')).toMatchObject({ deleting: false })
  })
})

describe('commands', () => {
  test('leave the log some time after they were acknowledged, never before', async () => {
    const { epoch } = await site.attach()
    await site.outbox.drain()
    const many = Array.from({ length: 2_500 }, (_, n) => ({
      messageId: `m${n}`,
      payload: Buffer.from('{}'),
      traceId: '',
    }))
    await site.messages.publish(topic, many)
    await site.sessions.acknowledged(BERLIN, epoch, 1_500)
    expect((await site.messages.bounds(topic)).trimmed).toBe(0)
    await site.sessions.acknowledged(BERLIN, epoch, 2_100)
    expect((await site.messages.bounds(topic)).trimmed).toBe(2_100)
    await site.sessions.acknowledged(BERLIN, epoch, 2_200)
    await site.sessions.detach(BERLIN, epoch)
    expect(await site.messages.bounds(topic)).toEqual({ trimmed: 2_200, last: 2_506 })
    expect(await site.messages.acknowledged(topic, GATEWAY_CONSUMER)).toBe(2_200)
  })

  test('come in portions that fit a frame', async () => {
    const half = Buffer.alloc(600 << 10, 'x')
    await site.messages.publish(
      topic,
      ['a', 'b', 'c'].map((messageId) => ({ messageId, payload: half, traceId: '' })),
    )
    expect(await site.sessions.deliveries(BERLIN, 3, 100)).toHaveLength(1)
  })

  test('wake the session of their own gateway only', async () => {
    await site.apply(site.admin, gateway('paris'))
    const heard: string[] = []
    const stop = site.sessions.onPublished(BERLIN, () => heard.push('berlin'))
    site.sessions.onPublished({ tenant: 'acme', gateway: 'paris' }, () => heard.push('paris'))
    await site.apply(site.admin, cluster('more', { account: 'sandbox', profile: 'base' }))
    await site.outbox.drain()
    expect(heard).toEqual(['berlin'])
    stop()
  })
})

test('signs of life are shown at once, and kept over a restart', async () => {
  const { epoch } = await site.attach()
  const first = (await statusOf()).lastSeen
  site.clock.byMs += 60_000
  site.sessions.seen(BERLIN, epoch)
  const second = (await statusOf()).lastSeen
  expect(Date.parse(String(second)) - Date.parse(String(first))).toBeGreaterThanOrEqual(60_000)
  await site.store.database.write(() => undefined)
  expect(site.store.gateways.get(BERLIN)?.lastSeen).toBe(second)
  await site.sessions.reset()
  expect(await statusOf()).toMatchObject({ phase: 'Disconnected' })
})

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchLineSchema } from '../../../broker/api/api-schemas.ts'
import { GONE_KEPT } from '../../../broker/store/event-store.ts'
import type { WatchLine } from '../../../broker/watch.ts'
import { account, cluster, gateway, machineReport, profile, timelineReport } from './resources.ts'
import { errorOf, openSite, type Site } from './site.ts'

let site: Site
let open: IncomingMessage[]
beforeEach(async () => {
  site = await openSite({ pingMs: 200 })
  open = []
  await site.apply(site.admin, gateway('berlin'), account('sandbox', 'berlin'), profile('base'))
})
afterEach(async () => {
  for (const message of open) message.destroy()
  await site.close()
})

/** Reads lines; `next` leaves pings out. */
async function watch(after?: number, key = site.admin) {
  const path = after === undefined ? '/v1/watch' : `/v1/watch?after=${after}`
  const message = await site.open(key, { method: 'GET', path })
  open.push(message)
  const lines = createInterface({ input: message })[Symbol.asyncIterator]()
  const any = async (): Promise<WatchLine> => {
    const line: unknown = JSON.parse(String((await lines.next()).value))
    watchLineSchema.parse(line)
    return line as WatchLine
  }
  const next = async (): Promise<WatchLine> => {
    const line = await any()
    return line.type === 'ping' ? next() : line
  }
  const untilSynced = async (): Promise<WatchLine[]> => {
    const line = await next()
    return line.type === 'synced' ? [] : [line, ...(await untilSynced())]
  }
  return { message, any, next, untilSynced, lines }
}

const text = (line: WatchLine): string => {
  switch (line.type) {
    case 'item': {
      const { item } = line
      return 'resource' in item
        ? `item ${item.resource.kind} ${item.resource.metadata.name} ${item.generation}`
        : `item Machine ${item.name} ${item.status.phase}`
    }
    case 'gone':
      return `gone ${line.kind} ${line.name}${line.left.length > 0 ? ` leaving ${line.left}` : ''}`
    case 'event':
      return `event ${line.event.name} ${line.event.reason}`
    case 'timeline':
      return `timeline ${line.machine} ${line.entry.stage}`
    case 'synced':
    case 'ping':
      return line.type
  }
}

test('begins with all that is there, then says so, then tells each change as it happens', async () => {
  const { message, untilSynced, next } = await watch()
  expect(message.headers['content-type']).toMatch('application/x-ndjson')
  expect((await untilSynced()).map(text)).toEqual([
    'item Gateway berlin 1',
    'item CloudAccount sandbox 1',
    'item ClusterProfile base 1',
  ])

  await site.apply(site.admin, cluster('prod', { account: 'sandbox', profile: 'base' }))
  expect(text(await next())).toBe('item Cluster prod 1')
  const { epoch } = await site.attach()
  const connected = [await next(), await next()].map(text)
  expect(connected.sort()).toEqual(['event berlin Connected', 'item Gateway berlin 1'])

  await site.report(epoch, [
    { type: 'event', kind: 'Cluster', name: 'prod', severity: 'info', reason: 'Scaling', message: 'to 1' },
    machineReport('prod-1', 'prod', 'Booting'),
    timelineReport('prod-1', 'prod', 'clone'),
  ])
  expect([await next(), await next(), await next()].map(text)).toEqual([
    'event prod Scaling',
    'item Machine prod-1 Booting',
    'timeline prod-1 clone',
  ])

  await site.call(site.admin, { method: 'DELETE', path: '/v1/clusters/prod?forget=true' })
  expect(await next()).toMatchObject({ type: 'item', item: { deleting: true } })
  await site.report(epoch, [{ type: 'gone', kind: 'Cluster', name: 'prod', left: ['vm-1'] }])
  expect([await next(), await next(), await next()].map(text)).toEqual([
    'event prod LeftBehind',
    'gone Machine prod-1',
    'gone Cluster prod leaving vm-1',
  ])
})

test('ids rise from line to line once it is synced, and a watch goes on behind any of them without a gap', async () => {
  const first = await watch()
  await first.untilSynced()
  const names = Array.from({ length: 12 }, (_, n) => `p${n}`)
  const lines: WatchLine[] = []
  for (const name of names) {
    await site.apply(site.admin, profile(name))
    lines.push(await first.next())
  }
  const ids = lines.map((line) => ('id' in line ? line.id : 0))
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
  first.message.destroy()

  await site.apply(site.admin, profile('p3', '9.9.9'))
  await site.call(site.admin, { method: 'DELETE', path: '/v1/profiles/p5' })
  const second = await watch(ids[6])
  expect((await second.untilSynced()).map(text)).toEqual([
    ...names.slice(7).map((name) => `item ClusterProfile ${name} 1`),
    'item ClusterProfile p3 2',
    'gone ClusterProfile p5',
  ])
})

test("behind an id that isn't known, or whose deletions are forgotten, it says so instead of leaving something out", async () => {
  const ahead = await site.call(site.admin, { method: 'GET', path: '/v1/watch?after=999999' })
  expect([ahead.status, errorOf(ahead)]).toMatchObject([
    409,
    { subject: 'after', remedy: expect.stringMatching(/without/) },
  ])
  const before = site.store.database.revision()
  const key = { kind: 'ClusterProfile', name: 'lost' } as const
  await site.store.database.write(() => {
    for (let n = 0; n < GONE_KEPT + 1_000; n += 1) site.store.events.addGone('acme', key)
  })
  expect((await site.call(site.admin, { method: 'GET', path: `/v1/watch?after=${before}` })).status).toBe(409)
  const { next } = await watch(site.store.events.forgottenThrough('acme'))
  expect(text(await next())).toBe('gone ClusterProfile lost')
})

test('tells more than a page of items, each once', async () => {
  const names = Array.from({ length: 1_200 }, (_, n) => `many-${n}`)
  await site.apply(site.admin, ...names.slice(0, 600).map((name) => profile(name)))
  await site.apply(site.admin, ...names.slice(600).map((name) => profile(name)))
  const { untilSynced } = await watch()
  expect((await untilSynced()).slice(3).map(text)).toEqual(names.map((name) => `item ClusterProfile ${name} 1`))
})

test("tells nothing of another tenant's", async () => {
  const rival = await site.store.tenants.create('rival')
  const theirs = await watch(0, rival)
  expect(await theirs.untilSynced()).toEqual([])
  await site.apply(site.admin, profile('ours'), cluster('prod', { account: 'sandbox', profile: 'ours' }))
  const { epoch } = await site.attach()
  await site.report(epoch, [machineReport('prod-1', 'prod'), timelineReport('prod-1', 'prod', 'clone')])
  await site.report(epoch, [{ type: 'gone', kind: 'Machine', name: 'prod-1', left: [] }])
  await site.apply(rival, profile('theirs'))
  expect(text(await theirs.next())).toBe('item ClusterProfile theirs 1')
})

test('says now and then that it still stands', async () => {
  const { untilSynced, any } = await watch()
  await untilSynced()
  expect(await any()).toEqual({ type: 'ping' })
  expect(await any()).toEqual({ type: 'ping' })
})

test('ends in good order when the broker closes, whatever its reader does', async () => {
  const { untilSynced, lines, message } = await watch()
  await untilSynced()
  const asleep = await site.open(site.admin, { method: 'GET', path: '/v1/watch' })
  open.push(asleep)
  asleep.on('error', () => undefined)
  const closed = once(message, 'close')
  await site.api.close()
  await closed
  expect(message.complete).toBe(true)
  expect((await lines.next()).done).toBe(true)
})

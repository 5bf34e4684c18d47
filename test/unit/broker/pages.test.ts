/** Lists are read in parts, each behind the one before. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account, cluster, gateway, machineReport, profile } from './resources.ts'
import { errorOf, openSite, type Site } from './site.ts'

interface Part {
  readonly items?: { name: string; resource?: { metadata: { name: string } } }[]
  readonly events?: { id: number; message: string }[]
  readonly next?: string | number
}

let site: Site
beforeAll(async () => {
  site = await openSite()
  await site.apply(
    site.admin,
    gateway('berlin'),
    account('sandbox', 'berlin'),
    ...['a', 'b', 'c', 'd', 'e'].map((name) => profile(name)),
    cluster('one', { account: 'sandbox', profile: 'a' }),
    cluster('two', { account: 'sandbox', profile: 'a' }),
  )
  const { epoch } = await site.attach()
  const machines = [3, 1, 2].flatMap((n) => [machineReport(`one-${n}`, 'one'), machineReport(`two-${n}`, 'two')])
  await site.report(epoch, machines)
  for (const name of ['x', 'y']) await site.store.tenants.addKey('acme', name, 'viewer')
})
afterAll(() => site.close())

const get = async (path: string): Promise<Part> => (await site.call(site.admin, { method: 'GET', path })).body as Part
const names = ({ items = [] }: Part) => items.map(({ name, resource }) => resource?.metadata.name ?? name)

/** Every part of a list, by `next`. */
async function parts(path: string): Promise<string[][]> {
  const all: string[][] = []
  for (let after = ''; ; ) {
    const part = await get(`${path}&after=${encodeURIComponent(after)}`)
    all.push(names(part))
    if (part.next === undefined) return all
    after = String(part.next)
  }
}

describe('a list', () => {
  test('comes by name, in parts of the length that was asked for', async () => {
    expect(await parts('/v1/profiles?limit=2')).toEqual([['a', 'b'], ['c', 'd'], ['e']])
    expect(await parts('/v1/keys?limit=2')).toEqual([['admin', 'x'], ['y']])
    expect(await parts('/v1/machines?limit=4')).toEqual([
      ['one-1', 'one-2', 'one-3', 'two-1'],
      ['two-2', 'two-3'],
    ])
    expect(await parts('/v1/machines?cluster=two&limit=2')).toEqual([['two-1', 'two-2'], ['two-3']])
  })

  test('that just fills a part ends with it', async () => {
    expect(await get('/v1/profiles?limit=5')).not.toHaveProperty('next')
    expect(await get('/v1/profiles?limit=4')).toMatchObject({ next: 'd' })
  })

  test('goes on where it was, though what it stood at is gone by then', async () => {
    await site.apply(site.admin, profile('bb'))
    expect(names(await get('/v1/profiles?limit=1&after=b'))).toEqual(['bb'])
    await site.call(site.admin, { method: 'DELETE', path: '/v1/profiles/bb' })
    expect(names(await get('/v1/profiles?limit=1&after=bb'))).toEqual(['c'])
    expect(await get('/v1/profiles?after=zz')).toEqual({ items: [] })
  })

  test('comes as a whole where nothing is said, up to 1,000 entries', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => profile(`m${String(n).padStart(4, '0')}`))
    await site.apply(site.admin, ...many)
    const first = await get('/v1/profiles')
    expect([first.items?.length, first.next]).toEqual([1_000, 'm0994'])
    expect(names(await get('/v1/profiles?after=m0994'))).toEqual(['m0995', 'm0996', 'm0997', 'm0998', 'm0999'])
  })

  test.each([
    ['limit=0', /limit: must be at least 1/],
    ['limit=1001', /limit: must be at most 1000/],
    ['limit=all', /limit: must be a whole number/],
    ['before=x', /before: is not a known field/],
  ])('is refused with %s', async (query, message) => {
    const answer = await site.call(site.admin, { method: 'GET', path: `/v1/clusters?${query}` })
    expect([answer.status, errorOf(answer).message]).toEqual([422, expect.stringMatching(message)])
  })
})

test('events come in parts behind an id, until there are none yet; the newest ones have none behind them', async () => {
  await site.store.database.write(() => {
    for (let n = 0; n < 5; n += 1)
      site.store.events.add('acme', {
        time: '2026-11-22T17:00:00.000Z',
        kind: 'Cluster',
        name: 'one',
        severity: 'info',
        reason: 'Said',
        message: `e${n}`,
        gateway: 'berlin',
        traceId: '',
      })
  })
  const read = async (query: string) => {
    const { events = [], next } = await get(`/v1/events?kind=Cluster&name=one${query}`)
    return { messages: events.map(({ message }) => message), next }
  }
  const first = await read('&after=0&limit=2')
  const second = await read(`&limit=2&after=${first.next}`)
  const third = await read(`&limit=2&after=${second.next}`)
  expect([first, second, third].map(({ messages }) => messages)).toEqual([['e0', 'e1'], ['e2', 'e3'], ['e4']])
  expect(third.next).toBeUndefined()
  expect(await read('&limit=2')).toEqual({ messages: ['e3', 'e4'], next: undefined })
})

test('the document has the parameters, and what they lead to', async () => {
  const { paths } = (await get('/v1/openapi.json')) as unknown as {
    paths: Record<
      string,
      { get: { parameters: { name: string; schema: object }[]; responses: Record<string, object> } }
    >
  }
  for (const path of ['/v1/clusters', '/v1/machines', '/v1/keys', '/v1/events']) {
    const operation = paths[path]?.get
    const limit = operation?.parameters.find(({ name }) => name === 'limit')
    expect([path, limit]).toEqual([path, expect.objectContaining({ required: false })])
    expect(limit?.schema).toMatchObject({ default: 1_000, maximum: 1_000 })
    expect(operation?.parameters.map(({ name }) => name)).toContain('after')
    expect(JSON.stringify(operation?.responses['200'])).toContain('"next"')
  }
})

/** Lists in pages, whichever way a service leads to the next one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ServiceType } from '../../../../adapters/openstack/client/service-type.ts'
import { type Asked, FakeCloud, rejection, SIGNAL } from './fake-cloud.ts'

const ALL = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }))

describe('a list in pages', () => {
  let cloud: FakeCloud
  beforeEach(async () => {
    cloud = await FakeCloud.open()
  })
  afterEach(() => cloud.close())

  /** Serves ALL by marker and limit; `links` says how the next page is named. */
  function serve(path: string, key: string, links: (next: string | undefined) => object): void {
    cloud.on('GET', path, ({ query }: Asked) => {
      const from = ALL.findIndex(({ id }) => id === query.get('marker')) + 1
      const limit = Number(query.get('limit') ?? 2)
      const items = ALL.slice(from, from + limit)
      const more = from + limit < ALL.length
      const next = more ? `${path}?limit=${limit}&name=${query.get('name')}&marker=${items.at(-1)?.id}` : undefined
      return { body: { [key]: items, ...links(next) } }
    })
  }

  async function read(type: ServiceType, path: string, key: string, query: Record<string, string | number> = {}) {
    const sizes: string[] = []
    const pages = cloud.client().service(type).pages<{ id: string }>(path, key, { signal: SIGNAL, query })
    for await (const page of pages) sizes.push(page.map(({ id }) => id).join(''))
    return sizes
  }

  /** A service behind a proxy names itself wrongly. */
  const foreign = (next: string) => `http://10.0.0.1:8774/wrong${next}`
  const rel = (next: string | undefined) => (next === undefined ? [] : [{ rel: 'next', href: foreign(next) }])

  it('by nova’s and neutron’s links, on the endpoint’s own host and path', async () => {
    serve('/compute/v2.1/servers', 'servers', (next) => (next === undefined ? {} : { servers_links: rel(next) }))
    expect(await read('compute', '/servers', 'servers', { name: 'x' })).toEqual(['ab', 'cd', 'e'])
    expect(cloud.calls('GET', '/compute/v2.1/servers').map(({ query }) => `${query}`)).toEqual([
      'name=x',
      'limit=2&name=x&marker=b',
      'limit=2&name=x&marker=d',
    ])
  })

  it('by neutron’s links, of which the last page has only one that leads back', async () => {
    const previous = { rel: 'previous', href: 'http://x/?page_reverse=True' }
    serve('/network/v2.0/ports', 'ports', (next) => ({ ports_links: [previous, ...rel(next)] }))
    expect(await read('network', '/ports', 'ports', { limit: 5 })).toEqual(['abcde'])
    expect(await read('network', '/ports', 'ports')).toEqual(['ab', 'cd', 'e'])
  })

  it('by cinder’s links of another name', async () => {
    serve('/volume/v3/f00dfeed/types', 'volume_types', (next) =>
      next === undefined ? {} : { volume_type_links: rel(next) },
    )
    expect(await read('block-storage', '/types', 'volume_types')).toEqual(['ab', 'cd', 'e'])
  })

  it('by glance’s next', async () => {
    serve('/image/v2/images', 'images', (next) => ({ first: '/v2/images', ...(next === undefined ? {} : { next }) }))
    expect(await read('image', '/images', 'images')).toEqual(['ab', 'cd', 'e'])
  })

  it('by keystone’s links', async () => {
    serve('/identity/v3/users', 'users', (next) => ({
      links: { self: 'http://x', previous: null, next: next === undefined ? null : foreign(next) },
    }))
    expect(await read('identity', '/users', 'users')).toEqual(['ab', 'cd', 'e'])
  })

  it('by the last item as marker where there are no links', async () => {
    serve('/compute/v2.1/flavors', 'flavors', () => ({}))
    expect(await read('compute', '/flavors', 'flavors', { limit: 2 })).toEqual(['ab', 'cd', 'e'])
    expect(await read('compute', '/flavors', 'flavors', { limit: 1 })).toEqual(['a', 'b', 'c', 'd', 'e', ''])
  })

  it('by offset where its query has one, even if pages are smaller than asked for', async () => {
    cloud.on('GET', '/compute/v2.1/os-server-groups', ({ query }) => {
      const from = Number(query.get('offset'))
      return { body: { server_groups: ALL.slice(from, from + 2) } }
    })
    const query = { limit: 500, offset: 0 }
    expect(await read('compute', '/os-server-groups', 'server_groups', query)).toEqual(['ab', 'cd', 'e', ''])
  })

  it('in one page where neither links nor a limit lead on', async () => {
    cloud.on('GET', '/compute/v2.1/keys', () => ({ body: { keys: ALL } }))
    expect(await read('compute', '/keys', 'keys')).toEqual(['abcde'])
  })

  it('follows a link after an empty page', async () => {
    const empty = { body: { servers: [], servers_links: rel('/?marker=z') } }
    cloud.onceEach(
      'GET',
      '/compute/v2.1/servers',
      () => empty,
      () => ({ body: { servers: [{ id: 'z' }] } }),
    )
    expect(await read('compute', '/servers', 'servers')).toEqual(['', 'z'])
  })

  it('repeats what is many in the next query', async () => {
    const next = { rel: 'next', href: 'http://x/?tags=a&tags=b&marker=z' }
    cloud.onceEach(
      'GET',
      '/network/v2.0/ports',
      () => ({ body: { ports: [], ports_links: [next] } }),
      () => ({
        body: { ports: [] },
      }),
    )
    await read('network', '/ports', 'ports')
    expect(cloud.asked.at(-1)?.query.getAll('tags')).toEqual(['a', 'b'])
  })

  it('asks for a page only when it is wanted', async () => {
    serve('/compute/v2.1/servers', 'servers', (next) => ({ servers_links: rel(next) }))
    for await (const _ of cloud.client().service('compute').pages('/servers', 'servers', { signal: SIGNAL })) break
    expect(cloud.calls('GET', '/compute/v2.1/servers')).toHaveLength(1)
  })

  it.each([
    ['the same link again', { servers: ALL, servers_links: [{ rel: 'next', href: 'http://x/?marker=e' }] }],
    ['the same marker again', { servers: ALL }],
  ])('that never ends is an error: %s', async (_, body) => {
    cloud.on('GET', '/compute/v2.1/servers', () => ({ body }))
    const error = await rejection(read('compute', '/servers', 'servers', { limit: 5 }))
    expect(error.message).toContain('the list of GET /servers of the compute service never ends')
  })

  it('without its list is an error, and not an empty list', async () => {
    cloud.on('GET', '/compute/v2.1/servers', () => ({ body: { hello: [] } }))
    expect(await rejection(read('compute', '/servers', 'servers'))).toMatchObject({ code: 'unavailable' })
  })
})

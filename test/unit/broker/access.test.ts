/** Who may do what: every route, with every role, and with another tenant's key. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../../broker/store/tenant-store.ts'
import { account, cluster, gateway, machineReport, pool, profile, timelineReport } from './resources.ts'
import { type Call, errorOf, openSite, type Site } from './site.ts'

interface Route extends Call {
  /** The least role that it takes. */
  readonly role: Role
  /** The name in the path, where it has one; of this kind in the words of the answer. */
  readonly names?: string
  /** For a key that may. */
  readonly status: number
}

const resources = { resources: [profile('fresh')] }
const PLURALS = { gateways: 'berlin', accounts: 'sandbox', profiles: 'base', ippools: 'static', clusters: 'prod' }

/** All routes with a key; the deletions last. A gateway never answers here, so 503 is the most that its questions get. */
const ROUTES: readonly Route[] = [
  ...Object.entries(PLURALS).flatMap(([plural, name]): Route[] => [
    { role: 'viewer', method: 'GET', path: `/v1/${plural}`, status: 200 },
    { role: 'viewer', method: 'GET', path: `/v1/${plural}/${name}`, names: name, status: 200 },
  ]),
  { role: 'viewer', method: 'GET', path: '/v1/clusters/prod/timeline', names: 'prod', status: 200 },
  { role: 'viewer', method: 'GET', path: '/v1/machines', status: 200 },
  { role: 'viewer', method: 'GET', path: '/v1/machines/prod-1', names: 'prod-1', status: 200 },
  { role: 'viewer', method: 'GET', path: '/v1/machines/prod-1/timeline', names: 'prod-1', status: 200 },
  { role: 'viewer', method: 'GET', path: '/v1/events', status: 200 },
  { role: 'viewer', method: 'GET', path: '/v1/watch?after=999999999', status: 409 },
  { role: 'viewer', method: 'GET', path: '/v1/accounts/sandbox/inventory', names: 'sandbox', status: 503 },
  { role: 'viewer', method: 'GET', path: '/v1/gateways/berlin/ledger', names: 'berlin', status: 503 },
  { role: 'operator', method: 'POST', path: '/v1/accounts/sandbox/verify', names: 'sandbox', status: 503 },
  { role: 'operator', method: 'POST', path: '/v1/apply', body: resources, status: 200 },
  { role: 'operator', method: 'POST', path: '/v1/plan', body: resources, status: 200 },
  { role: 'admin', method: 'GET', path: '/v1/keys', status: 200 },
  { role: 'admin', method: 'POST', path: '/v1/keys', body: { name: 'made', role: 'viewer' }, status: 201 },
  { role: 'admin', method: 'DELETE', path: '/v1/keys/KEY', names: 'KEY', status: 204 },
  { role: 'admin', method: 'POST', path: '/v1/gateways/berlin/token', names: 'berlin', status: 200 },
  { role: 'admin', method: 'POST', path: '/v1/gateways/berlin/revoke', names: 'berlin', status: 200 },
  { role: 'operator', method: 'DELETE', path: '/v1/clusters/prod', names: 'prod', status: 202 },
  { role: 'operator', method: 'DELETE', path: '/v1/ippools/static', names: 'static', status: 202 },
  { role: 'operator', method: 'DELETE', path: '/v1/profiles/base', names: 'base', status: 409 },
  { role: 'operator', method: 'DELETE', path: '/v1/accounts/sandbox', names: 'sandbox', status: 409 },
  { role: 'operator', method: 'DELETE', path: '/v1/gateways/berlin', names: 'berlin', status: 409 },
]

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']
const titleOf = ({ method, path }: Call) => `${method} ${path}`

let site: Site
let keys: Record<Role, string>
/** An admin of another tenant. */
let stranger: string

beforeAll(async () => {
  site = await openSite()
  const own = [gateway('berlin'), account('sandbox', 'berlin'), profile('base'), pool('static')]
  await site.apply(site.admin, ...own, cluster('prod', { account: 'sandbox', profile: 'base' }))
  const { epoch } = await site.attach()
  await site.report(epoch, [machineReport('prod-1', 'prod'), timelineReport('prod-1', 'prod', 'clone')])
  keys = { viewer: await site.key('viewer'), operator: await site.key('operator'), admin: site.admin }
  stranger = await site.store.tenants.create('rival')
})
afterAll(() => site.close())

/** The route with the id of a key that there is, in the place of KEY. */
async function filled(route: Route): Promise<Route> {
  if (route.names !== 'KEY') return route
  const { id } = await site.store.tenants.addKey('acme', `spare-${Math.random()}`.replace('.', ''), 'viewer')
  return { ...route, path: route.path.replace('KEY', id), names: id }
}

describe('without a good key', () => {
  test.each(ROUTES.map((route) => [titleOf(route), route] as const))('%s is refused', async (_, route) => {
    for (const key of [null, 'pcgk_wrong', `pcgk_${'A'.repeat(43)}`]) {
      const answer = await site.call(key, await filled(route))
      expect(answer.status).toBe(401)
      expect(errorOf(answer).code).toBe('unauthenticated')
    }
  })
})

describe("another tenant's key", () => {
  test.each(ROUTES.filter(({ names }) => names !== undefined).map((route) => [titleOf(route), route] as const))(
    '%s answers exactly as for a name that nobody has',
    async (_, given) => {
      const route = await filled(given)
      const name = route.names ?? ''
      const absent = 'nobody'
      const foreign = await site.call(stranger, route)
      const nobodys = await site.call(stranger, { ...route, path: route.path.replace(name, absent) })
      expect(foreign.status).toBe(404)
      expect(foreign.status).toBe(nobodys.status)
      expect(JSON.stringify(foreign.body).replaceAll(name, absent)).toBe(JSON.stringify(nobodys.body))
      expect(Object.keys(foreign.headers).sort()).toEqual(Object.keys(nobodys.headers).sort())
    },
  )

  test('no list shows anything', async () => {
    for (const path of [...Object.keys(PLURALS), 'machines'].map((plural) => `/v1/${plural}`))
      expect((await site.call(stranger, { method: 'GET', path })).body).toEqual({ items: [] })
    expect((await site.call(stranger, { method: 'GET', path: '/v1/machines?cluster=prod' })).body).toEqual({
      items: [],
    })
    expect((await site.call(stranger, { method: 'GET', path: '/v1/events' })).body).toEqual({ events: [] })
    expect((await site.call(stranger, { method: 'GET', path: '/v1/keys' })).body).toMatchObject({
      items: [{ name: 'admin' }],
    })
  })

  test('can name nothing of ours, and is told the same as for what nobody has', async () => {
    const [foreign, nobodys] = await Promise.all(
      ['sandbox', 'nobody'].map((name) =>
        site.apply(stranger, profile('p'), cluster('c', { account: name, profile: 'p' })),
      ),
    )
    expect(foreign?.status).toBe(422)
    expect(JSON.stringify(foreign?.body).replaceAll('sandbox', 'nobody')).toBe(JSON.stringify(nobodys?.body))
  })

  test('may use the same names for its own, and ours stay as they are', async () => {
    const before = await site.call(site.admin, { method: 'GET', path: '/v1/profiles/base' })
    const applied = await site.apply(
      stranger,
      gateway('berlin'),
      account('sandbox', 'berlin'),
      profile('base', '9.9.9'),
    )
    expect(applied.body).toMatchObject({
      results: [{ result: 'created' }, { result: 'created' }, { result: 'created' }],
    })
    expect(await site.call(site.admin, { method: 'GET', path: '/v1/profiles/base' })).toMatchObject({
      body: before.body,
    })
    for (const plural of ['accounts', 'gateways', 'profiles'] as const)
      await site.call(stranger, { method: 'DELETE', path: `/v1/${plural}/${PLURALS[plural]}` })
    const sent = await site.commands({ tenant: 'rival', gateway: 'berlin' })
    expect(sent).toMatchObject([
      { type: 'put', resource: { kind: 'CloudAccount' } },
      { type: 'delete', name: 'sandbox' },
    ])
    expect((await site.call(site.admin, { method: 'GET', path: '/v1/gateways/berlin' })).status).toBe(200)
  })

  test('a gateway reports on nothing but what its own tenant has sent it', async () => {
    await site.apply(stranger, gateway('mole'), account('mole', 'mole'))
    await site.apply(site.admin, gateway('other'))
    const view = async () => [
      (await site.call(site.admin, { method: 'GET', path: '/v1/clusters/prod' })).body,
      (await site.call(site.admin, { method: 'GET', path: '/v1/machines' })).body,
      (await site.call(site.admin, { method: 'GET', path: '/v1/events?name=prod' })).body,
    ]
    const before = await view()
    for (const identity of [
      { tenant: 'rival', gateway: 'mole' },
      { tenant: 'acme', gateway: 'other' },
    ]) {
      const { epoch } = await site.attach(identity)
      await site.report(
        epoch,
        [
          { type: 'status', kind: 'Cluster', name: 'prod', status: { phase: 'Failed' } },
          { type: 'event', kind: 'Cluster', name: 'prod', severity: 'error', reason: 'Lie', message: 'a lie' },
          machineReport('prod-1', 'prod', 'Failed'),
          machineReport('prod-9', 'prod'),
          { type: 'gone', kind: 'Machine', name: 'prod-1', left: [] },
          { type: 'gone', kind: 'Cluster', name: 'prod', left: [] },
          timelineReport('prod-1', 'prod', 'lie'),
        ],
        identity,
      )
    }
    expect(await view()).toEqual(before)
    const { body } = await site.call(site.admin, { method: 'GET', path: '/v1/machines/prod-1/timeline' })
    expect(body).toMatchObject({ entries: [{ stage: 'clone' }] })
  })
})

// Behind the tenants' tests, since these delete.
describe('roles', () => {
  for (const route of ROUTES)
    for (const role of ROLES) {
      const may = ROLES.indexOf(role) >= ROLES.indexOf(route.role)
      test(`${role} ${may ? 'may' : 'may not'} ${titleOf(route)}`, async () => {
        const { status, ...call } = await filled(route)
        const unique =
          route.path === '/v1/keys' && route.method === 'POST' ? { body: { name: `by-${role}`, role: 'viewer' } } : {}
        const answer = await site.call(keys[role], { ...call, ...unique })
        if (may) {
          // What a lesser role has deleted already is gone for the next one.
          const gone = route.method === 'DELETE' && status === 202 && role !== route.role
          expect([status, ...(gone ? [404] : [])]).toContain(answer.status)
        } else {
          expect(answer.status).toBe(403)
          expect(errorOf(answer)).toMatchObject({ code: 'denied', remedy: expect.stringContaining(route.role) })
        }
      })
    }

  test('what a key may not do is refused before its input is looked at', async () => {
    const answer = await site.call(keys.viewer, { method: 'POST', path: '/v1/apply', raw: 'not json' })
    expect(answer.status).toBe(403)
  })
})

describe('the OpenAPI document', () => {
  interface Operation {
    readonly summary?: string
    readonly security?: unknown[]
    readonly requestBody?: unknown
    readonly responses: Record<string, { description?: string; content?: Record<string, { schema?: unknown }> }>
  }
  let paths: Record<string, Record<string, Operation>>
  let text: string
  beforeAll(async () => {
    const { body } = await site.call(null, { method: 'GET', path: '/v1/openapi.json' })
    paths = (body as { paths: typeof paths }).paths
    text = JSON.stringify(body)
  })

  const templateOf = ({ path, names }: Route) => {
    const bare = path.split('?')[0] ?? path
    if (names === undefined) return bare
    return bare.replace(`/${names}`, names === 'KEY' ? '/{id}' : '/{name}')
  }

  test('has each route that there is, and no other', () => {
    const known = [
      ...ROUTES.map((route) => `${route.method} ${templateOf(route)}`),
      'GET /healthz',
      'GET /v1/openapi.json',
    ]
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(documented.sort()).toEqual([...new Set(known)].sort())
  })

  test.each(ROUTES.map((route) => [titleOf(route), route] as const))('%s tells its answers and errors', (_, route) => {
    const operation = paths[templateOf(route)]?.[route.method.toLowerCase()]
    const documented = Object.keys(operation?.responses ?? {})
    expect(operation?.summary).toBeTruthy()
    expect(documented).toEqual(expect.arrayContaining(['401', '403', '422', '500', '503', String(route.status)]))
    if (route.names !== undefined) expect(documented).toContain('404')
    if (route.body !== undefined) {
      expect(operation?.requestBody).toBeDefined()
      expect(documented).toEqual(expect.arrayContaining(['400', '413', '415']))
    }
    for (const [status, response] of Object.entries(operation?.responses ?? {})) {
      if (status === '204') continue
      const schema = Object.values(response.content ?? {})[0]?.schema
      expect(schema).toBeDefined()
      if (Number(status) >= 400) expect(schema).toEqual({ $ref: '#/components/schemas/Error' })
    }
  })

  test('refers to nothing that it lacks', () => {
    const { components } = JSON.parse(text) as { components: { schemas: object } }
    const named = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining([...new Set(named)]))
  })
})

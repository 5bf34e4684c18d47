import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  account,
  cluster,
  gateway,
  machineReport,
  pool,
  profile,
  SEALED,
  timelineReport,
  vsphereAccount,
} from './resources.ts'
import { BERLIN, errorOf, openSite, type Site } from './site.ts'

let site: Site
beforeAll(async () => {
  site = await openSite()
  const applied = await site.apply(
    site.admin,
    gateway('berlin'),
    account('sandbox', 'berlin'),
    profile('base'),
    pool('static'),
  )
  expect(applied.status).toBe(200)
})
afterAll(() => site.close())

const get = (path: string, key = site.admin) => site.call(key, { method: 'GET', path })
const post = (path: string, body?: unknown, key = site.admin) => site.call(key, { method: 'POST', path, body })
const remove = (path: string, key = site.admin) => site.call(key, { method: 'DELETE', path })

describe('applying', () => {
  test('tells for each resource whether it was created, configured or left as it was, and its generation', async () => {
    const first = await site.apply(site.admin, gateway('oslo'), profile('rolling', '1.30.0'))
    expect(first.body).toEqual({
      results: [
        { kind: 'Gateway', name: 'oslo', result: 'created', generation: 1 },
        { kind: 'ClusterProfile', name: 'rolling', result: 'created', generation: 1 },
      ],
    })
    const again = await site.apply(site.admin, gateway('oslo', 'in the cellar'), profile('rolling', '1.30.0'))
    expect(again.body).toEqual({
      results: [
        { kind: 'Gateway', name: 'oslo', result: 'configured', generation: 2 },
        { kind: 'ClusterProfile', name: 'rolling', result: 'unchanged', generation: 1 },
      ],
    })
  })

  test('labels change a resource, but not its generation', async () => {
    await site.apply(site.admin, pool('labelled'))
    const labelled = { ...pool('labelled'), metadata: { name: 'labelled', labels: { team: 'a' } } }
    const answer = await site.apply(site.admin, labelled)
    expect(answer.body).toEqual({
      results: [{ kind: 'IPPool', name: 'labelled', result: 'configured', generation: 1 }],
    })
    expect((await get('/v1/ippools/labelled')).body).toMatchObject({
      resource: { metadata: { labels: { team: 'a' } } },
    })
  })

  test('fills in what was left out, and shows it', async () => {
    const spec = { cloud: 'sandbox', gateway: 'berlin' }
    await site.apply(site.admin, { apiVersion: 'pcg/v1', kind: 'CloudAccount', metadata: { name: 'short' }, spec })
    expect((await get('/v1/accounts/short')).body).toMatchObject({
      resource: { spec: { capacity: 100_000, faults: [] } },
    })
  })

  test('on trial tells the same and changes nothing', async () => {
    const resources = [gateway('trial'), account('trial', 'trial'), profile('base', '1.33.0')]
    const trial = await post('/v1/apply', { resources, dryRun: true })
    expect(trial.body).toMatchObject({
      results: [{ result: 'created' }, { result: 'created' }, { result: 'configured', generation: 2 }],
    })
    expect((await get('/v1/gateways/trial')).status).toBe(404)
    expect((await get('/v1/profiles/base')).body).toMatchObject({ generation: 1 })
    expect(await site.commands({ tenant: 'acme', gateway: 'trial' })).toEqual([])
  })

  test('sends the gateway what it has to know, with the trace id of the request', async () => {
    const prod = cluster('routed', { account: 'sandbox', profile: 'base', pool: 'static' })
    const headers = { traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01' }
    const answer = await site.call(site.admin, {
      method: 'POST',
      path: '/v1/apply',
      body: { resources: [prod] },
      headers,
    })
    expect(answer.headers['x-trace-id']).toBe('0123456789abcdef0123456789abcdef')
    await site.outbox.drain()
    const found = await site.sessions.deliveries(BERLIN, 0, 1000)
    const traced = found.filter(({ traceId }) => traceId === '0123456789abcdef0123456789abcdef')
    expect(traced.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))).toMatchObject([
      { type: 'put', generation: 1, resource: { kind: 'ClusterProfile' } },
      { type: 'put', generation: 1, resource: { kind: 'IPPool' } },
      { type: 'put', generation: 1, resource: prod },
    ])
    const before = found.length
    await site.apply(site.admin, prod)
    expect((await site.commands()).length).toBe(before)
  })

  test('keeps credentials sealed as they came', async () => {
    await site.apply(site.admin, vsphereAccount('vc', 'berlin'))
    expect((await get('/v1/accounts/vc')).body).toMatchObject({ resource: { spec: { sealed: SEALED } } })
  })
})

describe('deleting', () => {
  test('is refused while others name it, and they are told', async () => {
    await site.apply(site.admin, profile('used'), cluster('user', { account: 'sandbox', profile: 'used' }))
    const answer = await remove('/v1/profiles/used')
    expect(answer.status).toBe(409)
    expect(errorOf(answer)).toMatchObject({ code: 'conflict', details: [{ subject: 'Cluster user' }] })
    expect(errorOf(await remove('/v1/gateways/berlin')).message).toMatch(/CloudAccount sandbox/)
  })

  test('a cluster stays, as deleting, till its gateway says that it is gone; meanwhile nothing else can be applied to it', async () => {
    const going = cluster('going', { account: 'sandbox', profile: 'base' })
    await site.apply(site.admin, going)
    const { epoch } = await site.attach()
    await site.report(epoch, [machineReport('going-1', 'going'), timelineReport('going-1', 'going', 'clone')])

    const answer = await remove('/v1/clusters/going')
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ deleting: true, generation: 1 })
    expect((await site.commands()).at(-1)).toEqual({ type: 'delete', generation: 1, kind: 'Cluster', name: 'going' })
    expect(errorOf(await site.apply(site.admin, going))).toMatchObject({
      code: 'conflict',
      remedy: expect.stringMatching(/Wait/),
    })
    expect((await remove('/v1/clusters/going')).status).toBe(202)
    expect(errorOf(await remove('/v1/profiles/base')).message).toMatch(/Cluster going/)

    await site.report(epoch, [{ type: 'gone', kind: 'Cluster', name: 'going', left: [] }])
    expect((await get('/v1/clusters/going')).status).toBe(404)
    expect((await get('/v1/machines/going-1')).status).toBe(404)
    expect((await get('/v1/machines/going-1/timeline')).status).toBe(404)
    expect((await site.apply(site.admin, going)).body).toMatchObject({
      results: [{ result: 'created', generation: 2 }],
    })
  })

  test('forgetting asks the gateway to give up, also in the middle of a deletion, and tells what is left', async () => {
    await site.apply(site.admin, cluster('lost', { account: 'sandbox', profile: 'base' }))
    await remove('/v1/clusters/lost')
    expect((await remove('/v1/clusters/lost?forget=true')).status).toBe(202)
    expect((await site.commands()).at(-1)).toMatchObject({ type: 'forget', name: 'lost' })
    const { epoch } = await site.attach()
    await site.report(epoch, [{ type: 'gone', kind: 'Cluster', name: 'lost', left: ['VirtualMachine vm-42'] }])
    const { body } = await get('/v1/events?kind=Cluster&name=lost')
    expect(body).toMatchObject({ events: [{ reason: 'LeftBehind', message: expect.stringContaining('vm-42') }] })
  })

  test('an account on its way out can no longer be named', async () => {
    await site.apply(site.admin, account('leaving', 'berlin'))
    await remove('/v1/accounts/leaving')
    const answer = await site.apply(site.admin, cluster('late', { account: 'leaving', profile: 'base' }))
    expect(errorOf(answer)).toMatchObject({ subject: 'spec.account', message: expect.stringMatching(/being deleted/) })
  })

  test('a name that is made anew goes on with its generations, as a gateway takes no older one', async () => {
    await site.apply(site.admin, profile('phoenix'))
    await site.apply(site.admin, profile('phoenix', '1.99.0'))
    await remove('/v1/profiles/phoenix')
    expect((await site.apply(site.admin, profile('phoenix'))).body).toMatchObject({
      results: [{ result: 'created', generation: 3 }],
    })
  })

  test('a profile goes at once, and its gateway hears of it', async () => {
    await site.apply(site.admin, profile('brief'), cluster('brief', { account: 'sandbox', profile: 'brief' }))
    await site.apply(site.admin, cluster('brief', { account: 'sandbox', profile: 'base' }))
    expect((await remove('/v1/profiles/brief')).status).toBe(202)
    expect((await get('/v1/profiles/brief')).status).toBe(404)
    expect((await site.commands()).at(-1)).toMatchObject({ type: 'delete', kind: 'ClusterProfile', name: 'brief' })
  })

  test('a cluster of a revoked gateway can be forgotten, as nobody would ever say that it is gone', async () => {
    await site.apply(
      site.admin,
      gateway('burnt'),
      account('burnt', 'burnt'),
      cluster('burnt', { account: 'burnt', profile: 'base' }),
    )
    await post('/v1/gateways/burnt/revoke')
    expect((await remove('/v1/clusters/burnt')).body).toMatchObject({ deleting: true })
    expect((await get('/v1/clusters/burnt')).status).toBe(200)
    await remove('/v1/clusters/burnt?forget=true')
    expect((await get('/v1/clusters/burnt')).status).toBe(404)
    await remove('/v1/accounts/burnt?forget=true')
    expect((await remove('/v1/gateways/burnt')).status).toBe(202)
    expect((await get('/v1/gateways/burnt')).status).toBe(404)
  })
})

describe('asking a gateway', () => {
  test('passes the question on with the trace id, and its answer back', async () => {
    const item = { kind: 'datastore', name: 'ds-1', path: '/dc/ds-1', detail: { freeGiB: 12 } }
    const finding = { severity: 'ok', subject: 'sandbox', message: 'reachable' }
    site.gateways.says.set('acme/berlin', (query) =>
      query.type === 'inventory' ? { items: [item] } : { findings: [finding] },
    )
    const inventory = await get('/v1/accounts/sandbox/inventory')
    expect(inventory).toMatchObject({ status: 200, body: { items: [item] } })
    expect(site.gateways.asked.at(-1)).toEqual({
      gateway: 'acme/berlin',
      query: { type: 'inventory', account: 'sandbox' },
      traceId: inventory.headers['x-trace-id'],
    })
    expect(await post('/v1/accounts/sandbox/verify')).toMatchObject({ status: 200, body: { findings: [finding] } })
    site.gateways.says.delete('acme/berlin')
  })

  test('a plan asks every gateway concerned, with what each of them needs, and changes nothing', async () => {
    await site.apply(site.admin, gateway('paris'), account('p', 'paris'), profile('wide'))
    await site.apply(
      site.admin,
      cluster('b', { account: 'sandbox', profile: 'wide' }),
      cluster('p', { account: 'p', profile: 'wide' }),
    )
    const before = [await site.commands(), (await get('/v1/profiles/wide')).body]
    for (const name of ['berlin', 'paris'])
      site.gateways.says.set(`acme/${name}`, () => ({
        entries: [{ action: 'replace', kind: 'Machine', name, reason: 'the profile changed', steps: ['clone'] }],
        findings: [],
      }))
    const answer = await post('/v1/plan', { resources: [profile('wide', '1.40.0')] })
    expect(answer).toMatchObject({
      status: 200,
      body: { entries: [{ name: 'berlin' }, { name: 'paris' }], findings: [] },
    })
    expect(site.gateways.asked.slice(-2).map(({ query }) => query)).toMatchObject([
      {
        type: 'plan',
        resources: [{ kind: 'ClusterProfile', spec: { layers: { kubernetes: { version: '1.40.0' } } } }],
      },
      { type: 'plan', resources: [{ kind: 'ClusterProfile' }] },
    ])
    expect([await site.commands(), (await get('/v1/profiles/wide')).body]).toEqual(before)
    expect(errorOf(await post('/v1/plan', { resources: [account('x', 'nope')] })).subject).toBe('spec.gateway')
    site.gateways.says.clear()
  })

  test('the ledger of a gateway, of one cluster if asked for', async () => {
    site.gateways.says.set('acme/berlin', () => ({ entries: [] }))
    expect(await get('/v1/gateways/berlin/ledger?cluster=b')).toMatchObject({ status: 200, body: { entries: [] } })
    expect(site.gateways.asked.at(-1)?.query).toEqual({ type: 'ledger', cluster: 'b' })
    site.gateways.says.clear()
  })

  test('a plan that would not fit through the tunnel is refused before it is asked', async () => {
    await site.apply(site.admin, profile('huge'), cluster('huge', { account: 'sandbox', profile: 'huge' }))
    const many = Array.from({ length: 6 }, (_, n) => {
      const { spec, ...rest } = profile(`huge-${n}`)
      const addons = Array.from({ length: 4 }, (_, m) => ({
        name: `a${m}`,
        version: '1',
        manifest: 'x'.repeat(199_000),
      }))
      return [
        { ...rest, spec: { layers: { ...spec.layers, addons } } },
        cluster(`huge-${n}`, { account: 'sandbox', profile: `huge-${n}` }),
      ]
    }).flat()
    expect(errorOf(await post('/v1/plan', { resources: many }))).toMatchObject({
      subject: 'resources',
      remedy: expect.stringMatching(/fewer/),
    })
  })

  test('a gateway that is not connected, or answers in another form, is an error that names it', async () => {
    const away = await get('/v1/accounts/sandbox/inventory')
    expect(away.status).toBe(503)
    expect(errorOf(away).message).toMatch(/berlin is not connected/)
    site.gateways.says.set('acme/berlin', () => ({ things: [] }))
    const odd = await get('/v1/accounts/sandbox/inventory')
    expect([odd.status, errorOf(odd).remedy]).toEqual([503, expect.stringMatching(/versions match/)])
    site.gateways.says.clear()
  })
})

describe('keys', () => {
  test('are shown once, can be used at once, and no longer once deleted', async () => {
    const made = await post('/v1/keys', { name: 'ci', role: 'viewer' })
    expect(made.status).toBe(201)
    const { id, key } = made.body as { id: string; key: string }
    expect((await get('/v1/clusters', key)).status).toBe(200)
    const listed = await get('/v1/keys')
    expect(listed.body).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ id, name: 'ci', role: 'viewer' })]),
    })
    expect(JSON.stringify(listed.body)).not.toContain(key)
    expect(errorOf(await post('/v1/keys', { name: 'ci', role: 'viewer' }))).toMatchObject({
      code: 'conflict',
      subject: 'name',
    })
    expect((await remove(`/v1/keys/${id}`)).status).toBe(204)
    expect((await get('/v1/clusters', key)).status).toBe(401)
    expect((await remove(`/v1/keys/${id}`)).status).toBe(404)
  })

  test('the last admin key stays, so that the tenant is never locked out', async () => {
    const { body } = await get('/v1/keys')
    const admins = (body as { items: { id: string; role: string }[] }).items.filter(({ role }) => role === 'admin')
    expect(admins).toHaveLength(1)
    expect(errorOf(await remove(`/v1/keys/${admins[0]?.id}`))).toMatchObject({
      code: 'conflict',
      remedy: expect.stringMatching(/another admin key/),
    })
  })
})

test('anybody may see that the broker runs, and its document', async () => {
  expect(await site.call(null, { method: 'GET', path: '/healthz' })).toMatchObject({
    status: 200,
    body: { status: 'ok' },
  })
  expect(await site.call(null, { method: 'GET', path: '/v1/openapi.json' })).toMatchObject({
    status: 200,
    body: { openapi: '3.1.0' },
  })
})

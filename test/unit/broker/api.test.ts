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

/** Told by its head alone, so that nothing that large has to be sent. */
const TOO_LONG = { 'content-length': String((16 << 20) + 1), connection: 'close' }

describe('bad input', () => {
  const good = () => cluster('bad', { account: 'sandbox', profile: 'base' })
  const withSpec = (change: object) => ({ ...good(), spec: { ...good().spec, ...change } })

  const table: [what: string, resources: () => unknown[], subject: string, message: RegExp, remedy: RegExp | null][] = [
    [
      'an unknown field',
      () => [withSpec({ controlplane: {} })],
      'spec.controlplane',
      /not a known field/,
      /controlPlane/,
    ],
    [
      'an unknown field deeper down',
      () => [withSpec({ placement: { cloud: 'sandbox', zon: 'a' } })],
      'spec.placement.zon',
      /not a known field/,
      /zone/,
    ],
    ['a wrong type', () => [withSpec({ driftPolicy: 7 })], 'spec.driftPolicy', /alert, heal/, null],
    [
      'a count that leaves etcd without a majority',
      () => [withSpec({ controlPlane: { count: 2, cpus: 1, memoryMiB: 512 } })],
      'spec.controlPlane.count',
      /1, 3, 5 or 7/,
      null,
    ],
    [
      'an absurd count',
      () => [withSpec({ workers: [{ name: 'w', count: 1_000_000, cpus: 1, memoryMiB: 512 }] })],
      'spec.workers[0].count',
      /at most 1000/,
      null,
    ],
    [
      'a negative count',
      () => [withSpec({ workers: [{ name: 'w', count: -1, cpus: 1, memoryMiB: 512 }] })],
      'spec.workers[0].count',
      /at least 0/,
      null,
    ],
    [
      'two pools of one name',
      () => [withSpec({ workers: [1, 2].map(() => ({ name: 'w', count: 1, cpus: 1, memoryMiB: 512 })) })],
      'spec.workers[1].name',
      /taken/,
      null,
    ],
    [
      'a name that is none',
      () => [{ ...good(), metadata: { name: 'Not A Name' } }],
      'metadata.name',
      /lower-case/,
      null,
    ],
    ['an unknown kind', () => [{ ...good(), kind: 'Clutser' }], 'kind', /Cluster/, null],
    ['nothing', () => [null], 'resource', /set of fields|fields|object/, null],
    [
      'credentials in the clear',
      () => [
        {
          ...vsphereAccount('clear', 'berlin'),
          spec: { ...vsphereAccount('clear', 'berlin').spec, sealed: 'hunter2' },
        },
      ],
      'spec.sealed',
      /pcg secret seal/,
      null,
    ],
    [
      'an account that is not there',
      () => [withSpec({ account: 'nope' })],
      'spec.account',
      /no CloudAccount called nope/,
      /Apply the CloudAccount/,
    ],
    [
      'a profile that is not there',
      () => [withSpec({ profile: 'nope' })],
      'spec.profile',
      /no ClusterProfile called nope/,
      /Apply/,
    ],
    [
      'a pool that is not there',
      () => [cluster('bad', { account: 'sandbox', profile: 'base', pool: 'nope' })],
      'spec.network.addressing.pool',
      /no IPPool called nope/,
      /Apply/,
    ],
    ['a gateway that is not there', () => [account('bad', 'nope')], 'spec.gateway', /no Gateway called nope/, /Apply/],
    [
      'a placement of another cloud',
      () => [vsphereAccount('other', 'berlin'), withSpec({ account: 'other' })],
      'spec.placement.cloud',
      /is sandbox, but the CloudAccount other is vsphere/,
      /Write a placement for vsphere/,
    ],
    ['the same twice', () => [profile('twin'), profile('twin', '1.0.0')], 'metadata.name', /given twice/, /Keep one/],
    [
      'a manifest too large for the tunnel',
      () => {
        const { spec, ...rest } = profile('large')
        const addons = Array.from({ length: 8 }, (_, n) => ({
          name: `a${n}`,
          version: '1',
          manifest: 'x'.repeat(199_000),
        }))
        return [{ ...rest, spec: { layers: { ...spec.layers, addons } } }]
      },
      'spec',
      /bytes as JSON/,
      /manifestUrl/,
    ],
  ]

  test.each(table)('%s is told by its field, and nothing is stored', async (_, resources, subject, message, remedy) => {
    const before = await site.commands()
    const answer = await site.apply(site.admin, profile('innocent'), ...resources())
    expect(answer.status).toBe(422)
    const error = errorOf(answer)
    expect(error.code).toBe('invalid')
    const detail = error.details?.find((one) => one.subject === subject) ?? error
    expect(detail.subject).toBe(subject)
    expect(detail.message).toMatch(message)
    if (remedy !== null) expect(detail.remedy).toMatch(remedy)
    expect((await get('/v1/profiles/innocent')).status).toBe(404)
    expect(await site.commands()).toEqual(before)
  })

  test('all that is wrong is told at once, each with its resource', async () => {
    const answer = await site.apply(site.admin, withSpec({ foo: 1, profile: 7 }), {
      ...account('also-bad', 'berlin'),
      spec: { cloud: 'sandbox', gateway: 'berlin', capacity: -1 },
    })
    expect(
      errorOf(answer)
        .details?.map(({ subject, message }) => `${subject} ${message.split(':')[0]}`)
        .sort(),
    ).toEqual(['spec.capacity CloudAccount also-bad', 'spec.foo Cluster bad', 'spec.profile Cluster bad'])
  })

  test('an account keeps its gateway and cloud for good; a cluster its account', async () => {
    await site.apply(site.admin, gateway('rome'), account('fixed', 'berlin'), account('fixed-2', 'berlin'))
    await site.apply(site.admin, cluster('fixed', { account: 'fixed', profile: 'base' }))
    const moved = errorOf(await site.apply(site.admin, account('fixed', 'rome')))
    expect(moved).toMatchObject({ code: 'invalid', subject: 'spec.gateway', remedy: expect.stringContaining('berlin') })
    const changed = errorOf(await site.apply(site.admin, vsphereAccount('fixed', 'berlin')))
    expect(changed).toMatchObject({ subject: 'spec.cloud', message: expect.stringMatching(/from sandbox to vsphere/) })
    const elsewhere = errorOf(await site.apply(site.admin, cluster('fixed', { account: 'fixed-2', profile: 'base' })))
    expect(elsewhere).toMatchObject({
      subject: 'spec.account',
      message: expect.stringMatching(/from fixed to fixed-2/),
    })
  })

  const requests: [what: string, call: Parameters<Site['call']>[1], status: number, message: RegExp][] = [
    ['a body that is not JSON', { method: 'POST', path: '/v1/apply', raw: '{"resources": [' }, 400, /json/i],
    [
      'a body with a prototype in it',
      { method: 'POST', path: '/v1/apply', raw: '{"__proto__": {"x": 1}}' },
      400,
      /not valid JSON/,
    ],
    ['no body', { method: 'POST', path: '/v1/apply' }, 422, /body|required|expected/i],
    [
      'another content type',
      { method: 'POST', path: '/v1/apply', raw: 'x', headers: { 'content-type': 'text/yaml' } },
      415,
      /media type/i,
    ],
    ['too large a body', { method: 'POST', path: '/v1/apply', raw: '{', headers: TOO_LONG }, 413, /too large/i],
    ['no resources', { method: 'POST', path: '/v1/apply', body: { resources: [] } }, 422, /resources: is empty/],
    [
      'an unknown field of the request',
      { method: 'POST', path: '/v1/apply', body: { resources: [{}], dryrun: true } },
      422,
      /dryrun: is not a known field/,
    ],
    ['an unknown parameter', { method: 'GET', path: '/v1/events?last=5' }, 422, /last: is not a known field/],
    [
      'a parameter that is no number',
      { method: 'GET', path: '/v1/events?limit=many' },
      422,
      /limit: must be a whole number/,
    ],
    ['too large a limit', { method: 'GET', path: '/v1/events?limit=100000' }, 422, /limit: must be at most 1000/],
    ['a wrong forget', { method: 'DELETE', path: '/v1/clusters/x?forget=maybe' }, 422, /forget: must be true or false/],
    [
      'an unknown role',
      { method: 'POST', path: '/v1/keys', body: { name: 'x', role: 'god' } },
      422,
      /role: must be one of viewer, operator, admin/,
    ],
    [
      'a token that would last a year',
      { method: 'POST', path: '/v1/gateways/berlin/token', body: { ttlSeconds: 31_536_000 } },
      422,
      /ttlSeconds: must be at most/,
    ],
    ['a path that is not there', { method: 'GET', path: '/v1/nothing' }, 404, /no GET at this path/],
  ]

  test.each(requests)('%s is refused with its reason', async (_, call, status, message) => {
    const answer = await site.call(site.admin, call)
    expect(answer.status).toBe(status)
    expect(errorOf(answer).message).toMatch(message)
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
      results: [{ result: 'created', generation: 1 }],
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

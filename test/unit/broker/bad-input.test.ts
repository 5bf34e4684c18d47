import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  account,
  cluster,
  gateway,
  type OpenstackNames,
  openstackAccount,
  openstackCluster,
  pool,
  profile,
  vsphereAccount,
} from './resources.ts'
import { errorOf, openSite, type Site } from './site.ts'

let site: Site
beforeAll(async () => {
  site = await openSite()
  const applied = await site.apply(site.admin, gateway('berlin'), account('sandbox', 'berlin'), profile('base'))
  expect(applied.status).toBe(200)
})
afterAll(() => site.close())

const get = (path: string) => site.call(site.admin, { method: 'GET', path })

/** Told by its head alone, so that nothing that large has to be sent. */
const TOO_LONG = { 'content-length': String((16 << 20) + 1), connection: 'close' }

describe('bad input', () => {
  const good = () => cluster('bad', { account: 'sandbox', profile: 'base' })
  const withSpec = (change: object) => ({ ...good(), spec: { ...good().spec, ...change } })

  const poolOf = (...ranges: [first: string, last: string][]) => {
    const { spec, ...rest } = pool('bad')
    return { ...rest, spec: { ...spec, ranges: ranges.map(([first, last]) => ({ first, last })) } }
  }

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
    [
      'a pool whose range runs backwards',
      () => [poolOf(['192.0.2.10', '192.0.2.2'])],
      'spec.ranges[0]',
      /IPPool bad: 192\.0\.2\.10-192\.0\.2\.2 runs backwards/,
      /Swap/,
    ],
    [
      "a pool whose range leaves its gateway's subnet",
      () => [poolOf(['192.0.2.10', '192.0.3.20'])],
      'spec.ranges[0]',
      /not within 192\.0\.2\.0\/24/,
      /spec\.prefix/,
    ],
    [
      'a pool whose ranges overlap',
      () => [poolOf(['192.0.2.10', '192.0.2.20'], ['192.0.2.20', '192.0.2.30'])],
      'spec.ranges[1]',
      /overlaps spec\.ranges\[0\]/,
      /once/,
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

  test('what was given for credentials is never repeated', async () => {
    const { spec, ...rest } = vsphereAccount('clear', 'berlin')
    const answer = await site.apply(site.admin, { ...rest, spec: { ...spec, sealed: 'hunter2', password: 'hunter3' } })
    expect(answer.status).toBe(422)
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter/)
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

  test.each<[string, OpenstackNames, string, RegExp]>([
    [
      'another kind of endpoint',
      { account: 'stack', endpoint: { type: 'virtual-ip', address: '10.1.0.5' } },
      'spec.network.endpoint.type',
      /from floating-ip to virtual-ip/,
    ],
    [
      'a network that is there already',
      { account: 'stack', network: { type: 'existing', network: 'net-1' } },
      'spec.placement.network.type',
      /from create to existing/,
    ],
    [
      'another range',
      { account: 'stack', network: { type: 'create', cidr: '10.2.0.0/24' } },
      'spec.placement.network.cidr',
      /from 10\.1\.0\.0\/24 to 10\.2\.0\.0\/24/,
    ],
    [
      'a router after all',
      { account: 'stack', network: { type: 'create', cidr: '10.1.0.0/24', router: 'public' } },
      'spec.placement.network.router',
      /from none to public/,
    ],
  ])(
    'a cluster on OpenStack keeps its network and its kind of endpoint: not %s',
    async (_, names, subject, message) => {
      await site.apply(site.admin, openstackAccount('stack', 'berlin'), openstackCluster('there', { account: 'stack' }))
      const refused = errorOf(await site.apply(site.admin, openstackCluster('there', names)))
      expect(refused).toMatchObject({
        code: 'invalid',
        subject,
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(/Put back/),
      })
    },
  )

  test('a cluster on OpenStack changes whom it lets in, where its floating IP is from, and its nameservers', async () => {
    await site.apply(site.admin, openstackAccount('stack', 'berlin'), openstackCluster('there', { account: 'stack' }))
    const place = { access: { ssh: ['192.0.2.0/24'] } }
    const endpoint = { type: 'floating-ip', network: 'public' }
    const network = { type: 'create', cidr: '10.1.0.0/24', nameservers: ['192.0.2.53'] }
    const next = openstackCluster('there', { account: 'stack', place, endpoint, network })
    expect((await site.apply(site.admin, next)).status).toBe(200)
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

/**
 * What a real OpenStack can't be made to show, played by msw: it takes the place of the network below the client's own connections.
 * (`setupServer` of msw/node listens to Node's fetch only, not to undici's sockets; the network is defined here with the interceptor that does.)
 */
import { HttpRequestInterceptor } from '@mswjs/interceptors/http'
import { type HttpHandler, HttpResponse, http } from 'msw'
import { defineNetwork, InterceptorSource } from 'msw/experimental'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type OpenstackCloud, openCloud } from '../../../../adapters/openstack/client/cloud.ts'
import { faultOf } from '../../../../adapters/openstack/client/openstack-fault.ts'
import { silentLog } from '../../../../runtime/log.ts'
import { FakeClock, PASSWORD, rejection, SIGNAL } from './fake-cloud.ts'

const CLOUD = 'https://cloud.test'
const LOGIN = `${CLOUD}:5000/v3/auth/tokens`
const COMPUTE = `${CLOUD}:8774/v2.1`
const IMAGE = `${CLOUD}:9292/v2`
const NETWORK = `${CLOUD}:9696/v2.0`
const JSON_TYPE = { 'content-type': 'application/json' }

const endpoints = (url: string) => [{ interface: 'public', region_id: 'RegionOne', url }]
const CATALOG = [
  { type: 'compute', endpoints: endpoints(COMPUTE) },
  { type: 'image', endpoints: endpoints(IMAGE) },
  { type: 'network', endpoints: endpoints(NETWORK) },
]

let logins = 0
const keystone = http.post(LOGIN, () => {
  logins++
  const token = {
    issued_at: '2026-11-22T12:00:00.000000Z',
    expires_at: '2026-11-22T13:00:00.000000Z',
    user: { id: 'u1', name: 'pcg' },
    project: { id: 'p1', name: 'demo' },
    roles: [],
    catalog: CATALOG,
  }
  return HttpResponse.json({ token }, { status: 201, headers: { 'X-Subject-Token': `token-${logins}` } })
})
const novaVersion = http.get(`${COMPUTE}/`, () =>
  HttpResponse.json({ version: { id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' } }),
)
const network = defineNetwork({
  sources: [new InterceptorSource({ interceptors: [new HttpRequestInterceptor()] })],
  handlers: [keystone, novaVersion],
  onUnhandledFrame: 'error',
  context: { quiet: true },
})

/** Answers in turn; the last again and again. */
function play(...handlers: readonly HttpHandler[]): void {
  network.use(...handlers)
}
const inTurn = (...answers: readonly (() => Response)[]) => {
  let calls = 0
  return () => answers[Math.min(calls++, answers.length - 1)]?.() ?? HttpResponse.error()
}
const unauthorized = () =>
  HttpResponse.json({ error: { code: 401, title: 'Unauthorized', message: 'no' } }, { status: 401 })
const noServers = () => HttpResponse.json({ servers: [] })

describe('against faults over HTTP the client', () => {
  let cloud: OpenstackCloud
  let clock: FakeClock

  beforeAll(() => network.enable())
  afterAll(() => network.disable())
  beforeEach(() => {
    logins = 0
    clock = new FakeClock()
    cloud = openCloud(
      { authUrl: `${CLOUD}:5000`, interface: 'public', scope: { type: 'project', id: 'p1' } },
      PASSWORD,
      { clock, log: silentLog, random: () => 0.5 },
    )
  })
  afterEach(async () => {
    network.resetHandlers()
    await cloud.close()
  })

  const servers = () => cloud.service('compute').get('/servers', { signal: SIGNAL })
  const create = () => cloud.service('compute').post('/servers', { server: {} }, { signal: SIGNAL })

  it('gets another token on a 401 in the middle, one for all', async () => {
    await cloud.service('compute').version(SIGNAL)
    play(
      http.get(`${COMPUTE}/servers`, ({ request }) =>
        request.headers.get('x-auth-token') === 'token-1' ? unauthorized() : noServers(),
      ),
    )
    expect(await Promise.all([servers(), servers(), servers()])).toEqual([1, 2, 3].map(() => ({ servers: [] })))
    expect(logins).toBe(2)
  })

  it.each([
    [403, { forbidden: { code: 403, message: 'Policy forbids' } }, 'denied', 'forbidden'],
    [403, { forbidden: { code: 403, message: 'Quota exceeded for instances' } }, 'capacity', 'forbidden'],
    [409, { conflictingRequest: { code: 409, message: 'busy' } }, 'conflict', 'conflictingRequest'],
    [409, { NeutronError: { type: 'OverQuota', message: 'full', detail: '' } }, 'capacity', 'OverQuota'],
    [500, { computeFault: { code: 500, message: 'Unexpected API Error' } }, 'internal', 'computeFault'],
  ])('reports a %i %j as %s, after one try', async (status, body, code, type) => {
    let calls = 0
    const answer = () => {
      calls++
      return HttpResponse.json(body, { status, headers: { 'X-Openstack-Request-Id': 'req-9' } })
    }
    play(http.post(`${COMPUTE}/servers`, answer))
    const error = await rejection(create())
    expect(error).toMatchObject({ code })
    expect(faultOf(error)).toMatchObject({ status, type, requestId: 'req-9', method: 'POST', path: '/servers' })
    expect(calls).toBe(1)
  })

  it.each([413, 429, 503])('comes back after the time that a %i asks for', async (status) => {
    const busy = () =>
      HttpResponse.json(
        { overLimit: { code: status, message: 'slow down' } },
        { status, headers: { 'Retry-After': '4' } },
      )
    play(http.get(`${COMPUTE}/servers`, inTurn(busy, busy, noServers)))
    expect(await servers()).toEqual({ servers: [] })
    expect(clock.slept).toEqual([4_000, 4_000])
  })

  it.each([
    [413, 'throttled'],
    [429, 'throttled'],
    [503, 'unavailable'],
  ])('leaves a change that got a %i to its caller, with the time', async (status, code) => {
    const busy = () =>
      HttpResponse.json(
        { overLimit: { code: status, message: 'slow down' } },
        { status, headers: { 'Retry-After': '4' } },
      )
    play(http.post(`${COMPUTE}/servers`, inTurn(busy, noServers)))
    const error = await rejection(create())
    expect(error).toMatchObject({ code })
    expect(faultOf(error)?.retryAfterMs).toBe(4_000)
  })

  it('gives up on a 503 that doesn’t end', async () => {
    play(http.get(`${COMPUTE}/servers`, () => HttpResponse.text('away', { status: 503 })))
    expect(await rejection(servers())).toMatchObject({ code: 'unavailable' })
    expect(clock.slept).toEqual([500, 1_000, 2_000])
  })

  it('survives a lost connection where it only reads', async () => {
    play(
      http.get(
        `${COMPUTE}/servers`,
        inTurn(() => HttpResponse.error(), noServers),
      ),
    )
    expect(await servers()).toEqual({ servers: [] })
  })

  it('does not repeat a creation whose answer was lost', async () => {
    play(
      http.post(
        `${COMPUTE}/servers`,
        inTurn(() => HttpResponse.error(), noServers),
      ),
    )
    expect(await rejection(create())).toMatchObject({ code: 'interrupted' })
  })

  it('takes no truncated JSON for an answer', async () => {
    const cut = () => new HttpResponse('{"servers": [{"id": "a"', { headers: JSON_TYPE })
    play(http.get(`${COMPUTE}/servers`, cut), http.post(`${COMPUTE}/servers`, cut))
    expect(await rejection(servers())).toMatchObject({
      code: 'unavailable',
      message: 'the compute service answered GET /servers with JSON that is cut off or broken (23 characters)',
    })
    expect(await rejection(create())).toMatchObject({ code: 'interrupted' })
  })

  it('takes no page of a proxy for an answer', async () => {
    play(http.get(`${COMPUTE}/servers`, () => HttpResponse.html('<html>Please log in</html>')))
    expect(await rejection(servers())).toMatchObject({
      code: 'unavailable',
      message: 'the compute service answered GET /servers with text/html and not with JSON',
    })
  })

  it('leaves a list whose pages never end', async () => {
    const links = [{ rel: 'next', href: `${COMPUTE}/servers?marker=a` }]
    play(http.get(`${COMPUTE}/servers`, () => HttpResponse.json({ servers: [{ id: 'a' }], servers_links: links })))
    const pages = Array.fromAsync(cloud.service('compute').pages('/servers', 'servers', { signal: SIGNAL }))
    expect((await rejection(pages)).message).toContain('never ends')
  })

  it('names the service that a catalog lacks, and asks nobody for it', async () => {
    const error = await rejection(cloud.service('load-balancer').get('/lbaas/loadbalancers', { signal: SIGNAL }))
    expect(error.message).toBe(
      'the catalog has no load-balancer service with the interface public in any region; it has compute, image, network',
    )
  })

  it('begins an upload anew when its token expires in the middle', async () => {
    const taken: string[] = []
    play(
      http.put(`${IMAGE}/images/i1/file`, async ({ request }) => {
        taken.push(`${request.headers.get('x-auth-token')} ${(await request.arrayBuffer()).byteLength}`)
        return taken.length === 1 ? unauthorized() : new HttpResponse(null, { status: 204 })
      }),
    )
    const source = async function* () {
      for (let i = 0; i < 5; i++) yield Buffer.alloc(1_000)
    }
    await cloud.service('image').upload('/images/i1/file', source, { signal: SIGNAL })
    expect(taken).toEqual(['token-1 5000', 'token-2 5000'])
  })

  it('tries wrong credentials once', async () => {
    let tries = 0
    play(
      http.post(LOGIN, () => {
        tries++
        return unauthorized()
      }),
    )
    for (let i = 0; i < 3; i++) expect(await rejection(servers())).toMatchObject({ code: 'credentials' })
    expect(tries).toBe(1)
  })
})

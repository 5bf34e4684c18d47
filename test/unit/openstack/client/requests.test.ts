/** Calls over real sockets: what is sent, how many at once, what becomes of those whose answer doesn't come. */
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mayHaveBeenDone } from '../../../../adapters/openstack/client/openstack-fault.ts'
import type { Service } from '../../../../adapters/openstack/client/service.ts'
import { FakeCloud, rejection, SIGNAL } from './fake-cloud.ts'

const PORTS = '/network/v2.0/ports'

describe('a call', () => {
  let cloud: FakeCloud
  let network: Service
  beforeEach(async () => {
    cloud = await FakeCloud.open()
    network = cloud.client().service('network')
  })
  afterEach(() => cloud.close())

  const drop = (_: unknown, response: { destroy(): unknown }) => {
    response.destroy()
    return undefined
  }
  const never = () => new Promise<undefined>(() => undefined)

  it('sends JSON, the token, a query and headers, and gives what the answer holds', async () => {
    cloud.on('POST', PORTS, () => ({ status: 201, body: { port: { id: 'p1' } } }))
    const query = { tags: ['a', 'b'], limit: 5, deleted: false, name: undefined, note: 'ä&=' }
    const answer = await network.post(
      PORTS.slice(13),
      { port: {} },
      { signal: SIGNAL, query, headers: { 'x-more': '1' } },
    )
    expect(answer).toEqual({ port: { id: 'p1' } })
    const [asked] = cloud.calls('POST', PORTS)
    expect(asked?.body).toBe('{"port":{}}')
    expect([...(asked?.query ?? [])].join(' ')).toBe('tags,a tags,b limit,5 deleted,false note,ä&=')
    expect(asked?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-more': '1',
      'x-auth-token': expect.stringMatching(/^token-/),
    })
  })

  it('gives undefined for an answer without a body', async () => {
    cloud.on('PUT', `${PORTS}/p1`, () => ({ status: 204 }))
    expect(await network.put('/ports/p1', {}, { signal: SIGNAL })).toBeUndefined()
  })

  it('patches with the content type that its caller says', async () => {
    cloud.on('PATCH', '/image/v2/images/i1', () => ({ body: {} }))
    const contentType = 'application/openstack-images-v2.1-json-patch'
    await cloud.client().service('image').patch('/images/i1', [], { signal: SIGNAL, contentType })
    expect(cloud.asked.at(-1)?.headers['content-type']).toBe(contentType)
  })

  it('deletes what is there and what is gone alike, and says which', async () => {
    cloud.onceEach(
      'DELETE',
      `${PORTS}/p1`,
      () => ({ status: 204 }),
      () => ({ status: 404 }),
    )
    expect(await network.delete('/ports/p1', { signal: SIGNAL })).toBe(true)
    expect(await network.delete('/ports/p1', { signal: SIGNAL })).toBe(false)
  })

  it('finds nothing only where the service itself says so', async () => {
    expect(await network.find('/ports/p1', { signal: SIGNAL })).toBeUndefined()
    for (const method of ['GET', 'DELETE']) {
      cloud.on(method, `${PORTS}/p1`, (_, response) => {
        response.writeHead(404, { 'content-type': 'text/html' }).end('<html><h1>404 Not Found</h1>nginx</html>')
        return undefined
      })
    }
    expect(await rejection(network.find('/ports/p1', { signal: SIGNAL }))).toMatchObject({ code: 'unavailable' })
    expect(await rejection(network.delete('/ports/p1', { signal: SIGNAL }))).toMatchObject({ code: 'unavailable' })
  })

  it('keeps no more in flight than it may, and gets them all done', async () => {
    let now = 0
    let most = 0
    cloud.on('GET', PORTS, async () => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 2))
      now--
      return { body: { ports: [] } }
    })
    const limited = cloud.client({}, undefined, { requestsInFlight: 7 }).service('network')
    await Promise.all(Array.from({ length: 60 }, () => limited.get('/ports', { signal: SIGNAL })))
    expect(most).toBe(7)
  })

  it('retries what reads when its answer is lost, and then says that it can’t be reached', async () => {
    cloud.on('GET', PORTS, drop)
    expect(await rejection(network.get('/ports', { signal: SIGNAL }))).toMatchObject({ code: 'unavailable' })
    expect(cloud.calls('GET', PORTS)).toHaveLength(4)
    expect(cloud.clock.slept).toEqual([500, 1_000, 2_000])
  })

  it('waits longer when it is asked to, but not for ever', async () => {
    const busy = (after: string) => () => ({ status: 503, headers: { 'retry-after': after } })
    const date = new Date(cloud.clock.at + 12_000).toUTCString()
    cloud.onceEach('GET', PORTS, busy('3'), busy('86400'), busy('soon'), () => ({ body: {} }))
    await network.get('/ports', { signal: SIGNAL })
    expect(cloud.clock.slept).toEqual([3_000, 30_000, 2_000])
    cloud.clock.slept.length = 0
    cloud.clock.at = Date.parse(date) - 12_000
    cloud.onceEach('GET', PORTS, busy(date), () => ({ body: {} }))
    await network.get('/ports', { signal: SIGNAL })
    expect(cloud.clock.slept).toEqual([12_000])
  })

  it('sends a change once, and says that it may have been done when its answer is lost', async () => {
    cloud.on('POST', PORTS, drop)
    const error = await rejection(network.post('/ports', {}, { signal: SIGNAL }))
    expect(error).toMatchObject({ code: 'interrupted' })
    expect(mayHaveBeenDone(error)).toBe(true)
    expect(cloud.calls('POST', PORTS)).toHaveLength(1)
  })

  it('says that a change was certainly not done when no connection came about', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => closed.once('listening', resolve))
    const address = closed.address()
    const port = typeof address === 'object' ? address?.port : 0
    await new Promise((resolve) => closed.close(resolve))
    const there = cloud.client({ endpoints: { network: `http://127.0.0.1:${port}/v2.0` } }).service('network')
    const error = await rejection(there.post('/ports', {}, { signal: SIGNAL }))
    expect(error).toMatchObject({ code: 'unavailable', subject: 'spec.endpoints.network' })
    expect(mayHaveBeenDone(error)).toBe(false)
  })

  it('retries a change that its caller made safe', async () => {
    cloud.onceEach(
      'POST',
      PORTS,
      drop,
      () => ({ status: 429 }),
      () => ({ status: 201, body: { port: {} } }),
    )
    expect(await network.post('/ports', {}, { signal: SIGNAL, safe: true })).toEqual({ port: {} })
  })

  it('does not retry what can’t get better', async () => {
    cloud.on('PUT', `${PORTS}/p1`, () => ({ status: 500 }))
    const error = await rejection(network.put('/ports/p1', {}, { signal: SIGNAL }))
    expect(error).toMatchObject({ code: 'internal' })
    expect(mayHaveBeenDone(error)).toBe(true)
    expect(cloud.asked.filter(({ method }) => method === 'PUT')).toHaveLength(1)
  })

  it('ends when no answer comes in time', async () => {
    cloud.on('POST', PORTS, never)
    const error = await rejection(network.post('/ports', {}, { signal: SIGNAL, timeoutMs: 30 }))
    expect(error).toMatchObject({ code: 'interrupted', message: expect.stringMatching(/no answer within 0.03 s/) })
  })

  it('ends with its signal: in flight, waiting for a place, and waiting to try again', async () => {
    const leaving = new AbortController()
    const one = cloud.client({}, undefined, { requestsInFlight: 1 }).service('network')
    await one.find('/warm', { signal: SIGNAL })
    cloud.on('GET', PORTS, () => {
      leaving.abort()
      return never()
    })
    const calls = [1, 2, 3].map(() => rejection(one.get('/ports', { signal: leaving.signal })))
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'cancelled' })
    cloud.on('GET', PORTS, () => ({ status: 503 }))
    const again = new AbortController()
    const clock = { ...cloud.clock, now: () => 0, sleep: async () => again.abort() }
    const waiting = cloud.client({}, undefined, { clock }).service('network')
    expect(await rejection(waiting.get('/ports', { signal: again.signal }))).toMatchObject({ code: 'cancelled' })
    expect(await one.find('/after', { signal: SIGNAL })).toBeUndefined()
  })

  it.each(['get', 'post'] as const)('ends a %s when the client is closed, and sends nothing after', async (method) => {
    const client = cloud.client()
    const ports = client.service('network')
    const options = { signal: SIGNAL }
    const call = () => (method === 'get' ? ports.get('/ports', options) : ports.post('/ports', {}, options))
    cloud.on(method.toUpperCase(), PORTS, () => {
      void client.close()
      return never()
    })
    expect(await rejection(call())).toMatchObject({ code: 'cancelled' })
    const before = cloud.asked.length
    expect(await rejection(call())).toMatchObject({ code: 'cancelled' })
    expect(await rejection(client.identity(SIGNAL))).toMatchObject({ code: 'cancelled' })
    expect(cloud.asked).toHaveLength(before)
  })

  it('refuses an answer that is larger than it takes', async () => {
    cloud.on('GET', PORTS, () => ({ body: { ports: 'x'.repeat(20_000) } }))
    const small = cloud.client({}, undefined, { maxAnswerBytes: 10_000 }).service('network')
    const error = await rejection(small.get('/ports', { signal: SIGNAL }))
    expect(error).toMatchObject({ code: 'internal', message: expect.stringMatching(/answered more than 10000 bytes/) })
  })

  it('shows no token, even where a service repeats it', async () => {
    cloud.on('GET', PORTS, ({ headers }) => ({
      status: 400,
      body: { badRequest: { code: 400, message: `odd token ${headers['x-auth-token']}` } },
    }))
    const error = await rejection(network.get('/ports', { signal: SIGNAL, query: { secret: 'abc' } }))
    expect(error.message).toBe(
      'the network service refused GET /ports: odd token [redacted] (HTTP 400 badRequest, req-1)',
    )
    expect(JSON.stringify(error.cause)).not.toContain('token-1')
  })
})

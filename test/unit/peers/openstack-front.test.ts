import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Front, startFront } from '../../peers/openstack/front.ts'

/** What the service behind the front was asked. */
let asked: string[]
let service: Server
let behind: string
let front: Front
let dispatcher: Agent

beforeEach(async () => {
  asked = []
  service = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['x-forwarded-prefix']}`)
    outgoing.writeHead(200, { 'content-type': 'application/json' })
    const compute = { type: 'compute', endpoints: [{ url: `${behind}/v2.1` }] }
    const balancers = { type: 'load-balancer', endpoints: [{ url: 'http://127.0.0.1:1' }] }
    const catalog = [compute, balancers]
    outgoing.end(JSON.stringify({ endpoint: `${behind}/v2.1`, catalog, text: 'x'.repeat(1_000) }))
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  behind = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  front = await startFront({ services: { nova: behind, keystone: behind } })
  dispatcher = new Agent({ connect: { ca: front.authorityPem } })
})

afterEach(async () => {
  await dispatcher.destroy()
  await front.close()
  await new Promise((resolve) => service.close(resolve))
})

const get = (path: string) => request(`${front.url}${path}`, { dispatcher })

describe('the front of a cloud', () => {
  it('leads to a service by its prefix, over TLS, and tells it by which', async () => {
    const { statusCode, body } = await get('/compute/v2.1/servers?limit=1')
    await body.dump()
    expect(statusCode).toBe(200)
    expect(asked).toEqual(['GET /v2.1/servers?limit=1 /compute'])
    expect((await get('/metering')).statusCode).toBe(404)
  })

  it('shows itself in the catalog, without services that it does not lead to, and leaves other answers as they are', async () => {
    const { body } = await request(`${front.url}/identity/v3/auth/tokens`, { method: 'POST', dispatcher })
    const { catalog } = (await body.json()) as { catalog: unknown }
    expect(catalog).toEqual([{ type: 'compute', endpoints: [{ url: `${front.url}/compute/v2.1` }] }])
    expect((await get('/load-balancer/')).statusCode).toBe(404)
    const other = await get('/compute/v2.1')
    expect(await other.body.json()).toMatchObject({ endpoint: `${behind}/v2.1` })
  })

  it('counts what passes: requests, tokens, and the most that were on their way at once', async () => {
    const hold = front.inject({ api: 'nova' }, { do: 'hold', when: 'before' }, 2)
    const both = [get('/compute/a'), get('/compute/b')]
    await expect.poll(() => front.traffic.inFlight).toBe(2)
    hold.release()
    for (const answer of await Promise.all(both)) await answer.body.dump()
    await (await request(`${front.url}/identity/v3/auth/tokens`, { method: 'POST', dispatcher })).body.dump()
    await expect.poll(() => front.traffic.inFlight).toBe(0)
    expect(front.traffic.mostInFlight).toBe(2)
    expect(front.traffic.tokenRequests).toBe(1)
    expect(front.traffic.count({ api: 'nova', method: 'GET', path: /^\/[ab]$/ })).toBe(2)
  })

  it('loses a reply after the service has done it, once', async () => {
    const lost = front.inject({ api: 'nova', path: /^\/v2.1\/servers/ }, { do: 'cut', when: 'after' })
    await expect(get('/compute/v2.1/servers')).rejects.toThrow()
    expect(asked).toHaveLength(1)
    expect(lost.hits).toBe(1)
    expect((await get('/compute/v2.1/servers')).statusCode).toBe(200)
  })

  it('cuts before the service hears of it', async () => {
    front.inject({}, { do: 'cut', when: 'before' })
    await expect(get('/compute/')).rejects.toThrow()
    expect(asked).toEqual([])
  })

  it('holds a reply back until it is let go', async () => {
    const held = front.inject({}, { do: 'hold', when: 'after' })
    const answer = get('/compute/')
    await held.reached
    expect(asked).toHaveLength(1)
    held.release()
    expect((await answer).statusCode).toBe(200)
  })

  it('answers in place of the service', async () => {
    front.inject({}, { do: 'answer', status: 429, headers: { 'retry-after': '1' }, body: { overLimit: {} } })
    const { statusCode, headers, body } = await get('/compute/')
    expect([statusCode, headers['retry-after'], await body.json()]).toEqual([429, '1', { overLimit: {} }])
    expect(asked).toEqual([])
  })

  it('breaks off in the middle of a reply', async () => {
    front.inject({}, { do: 'truncate' })
    const { statusCode, body } = await get('/compute/')
    expect(statusCode).toBe(200)
    await expect(body.text()).rejects.toThrow()
  })

  it('behaves again when told so, and lets go of what it holds', async () => {
    front.inject({}, { do: 'answer', status: 503 }, 100)
    const held = front.inject({ path: /held/ }, { do: 'hold', when: 'before' })
    front.behave()
    expect((await get('/compute/held')).statusCode).toBe(200)
    expect(held.hits).toBe(0)
  })
})

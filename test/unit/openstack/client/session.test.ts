/** One token for everything: how it is asked for, kept, renewed and given up. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authRequest } from '../../../../adapters/openstack/client/auth-request.ts'
import type { OpenstackCredentials } from '../../../../adapters/openstack/client/credentials.ts'
import type { AuthScope } from '../../../../adapters/openstack/client/endpoint-options.ts'
import { FakeCloud, HOUR_MS, PASSWORD, PROJECT, rejection, SIGNAL } from './fake-cloud.ts'

const LOGIN = '/identity/v3/auth/tokens'
const SERVERS = '/compute/v2.1/servers'

describe('a request for a token', () => {
  const DEFAULT = { name: 'Default' }

  it.each<[string, OpenstackCredentials, object]>([
    [
      'a password and a user by name',
      { type: 'password', username: 'pcg', userDomain: DEFAULT, password: 'p' },
      { methods: ['password'], password: { user: { name: 'pcg', domain: DEFAULT, password: 'p' } } },
    ],
    [
      'a password and a user by id',
      { type: 'password', userId: 'u1', password: 'p' },
      { methods: ['password'], password: { user: { id: 'u1', password: 'p' } } },
    ],
    ['a token', { type: 'token', token: 't' }, { methods: ['token'], token: { id: 't' } }],
    [
      'an application credential by id',
      { type: 'application-credential', id: 'a1', secret: 's' },
      { methods: ['application_credential'], application_credential: { id: 'a1', secret: 's' } },
    ],
    [
      'an application credential by name',
      { type: 'application-credential', name: 'pcg', username: 'u', userDomain: { id: 'd1' }, secret: 's' },
      {
        methods: ['application_credential'],
        application_credential: { name: 'pcg', user: { name: 'u', domain: { id: 'd1' } }, secret: 's' },
      },
    ],
  ])('by %s', (_, credentials, identity) => {
    expect(authRequest(credentials, undefined)).toEqual({ auth: { identity } })
  })

  it.each<[string, AuthScope, object]>([
    ['a project by id', { type: 'project', id: 'p1' }, { project: { id: 'p1' } }],
    [
      'a project by name',
      { type: 'project', name: 'p', domain: { id: 'd' } },
      { project: { name: 'p', domain: { id: 'd' } } },
    ],
    ['a domain', { type: 'domain', domain: { name: 'D' } }, { domain: { name: 'D' } }],
    ['the system', { type: 'system' }, { system: { all: true } }],
    ['a trust', { type: 'trust', id: 't1' }, { 'OS-TRUST:trust': { id: 't1' } }],
  ])('for %s', (_, scope, expected) => {
    expect(authRequest(PASSWORD, scope)).toMatchObject({ auth: { scope: expected } })
  })

  it('refuses a scope beside an application credential, which keystone would take for a wrong secret', () => {
    const credential = { type: 'application-credential', id: 'a1', secret: 's' } as const
    expect(() => authRequest(credential, { type: 'system' })).toThrow('takes no scope')
  })
})

describe('a session', () => {
  let cloud: FakeCloud
  beforeEach(async () => {
    cloud = await FakeCloud.open()
    cloud.on('GET', SERVERS, () => ({ body: { servers: [] } }))
  })
  afterEach(() => cloud.close())

  const servers = (client = cloud.client()) => client.service('compute').get('/servers', { signal: SIGNAL })

  it('tells who it is and what the cloud has for it', async () => {
    const client = cloud.client()
    expect(await client.identity(SIGNAL)).toEqual({
      projectId: PROJECT,
      projectName: 'demo',
      userId: 'u1',
      userName: 'pcg',
      roles: ['member'],
      expiresAt: '2026-11-22T13:00:00.000Z',
      applicationCredential: undefined,
      clockAheadMs: 0,
      services: ['compute', 'network', 'image', 'block-storage', 'identity', 'placement'],
    })
    expect(await client.has('block-storage', SIGNAL)).toBe(true)
    expect(await client.has('load-balancer', SIGNAL)).toBe(false)
  })

  it('sends nothing before it is used', () => {
    cloud.client()
    expect(cloud.asked).toEqual([])
  })

  it.each(['', '/', '/v3', '/v3/', '/v2.0'])('finds keystone by a URL that ends with "%s"', async (end) => {
    await cloud.client({ authUrl: `${cloud.origin}/identity${end}` }).identity(SIGNAL)
    expect(cloud.calls('POST', LOGIN)).toHaveLength(1)
  })

  it('asks for one token however many wait for it', async () => {
    const client = cloud.client()
    await Promise.all(Array.from({ length: 50 }, () => servers(client)))
    expect(cloud.tokens).toBe(1)
    expect(cloud.calls('GET', SERVERS)).toHaveLength(50)
  })

  it('asks for one more when services refuse it, for all that found out at once', async () => {
    const client = cloud.client()
    await servers(client)
    cloud.revokeTokens()
    await Promise.all(Array.from({ length: 30 }, () => servers(client)))
    expect(cloud.tokens).toBe(2)
  })

  it('renews a token before it expires', async () => {
    const client = cloud.client()
    await servers(client)
    cloud.clock.at += HOUR_MS - 61_000
    await servers(client)
    expect(cloud.tokens).toBe(1)
    cloud.clock.at += 2_000
    await servers(client)
    expect(cloud.tokens).toBe(2)
  })

  it('keeps using a token that it could not renew while it lasts', async () => {
    const client = cloud.client()
    await servers(client)
    cloud.clock.at += HOUR_MS - 30_000
    cloud.on('POST', LOGIN, () => ({ status: 503 }))
    await servers(client)
    cloud.clock.at += 30_000
    expect(await rejection(servers(client))).toMatchObject({ code: 'unavailable' })
  })

  it('does not renew a token made from a token early: the new one would end with it', async () => {
    const client = cloud.client({}, { type: 'token', token: 'given' })
    await servers(client)
    cloud.clock.at += HOUR_MS - 1_000
    await servers(client)
    expect(cloud.tokens).toBe(1)
  })

  it('judges the life of a token by its own clock, however wrong keystone’s is', async () => {
    const { at } = cloud.clock
    cloud.clock.at = at - 24 * HOUR_MS
    cloud.on('POST', LOGIN, () => {
      const given = cloud.giveToken()
      cloud.clock.at = at
      return given
    })
    const client = cloud.client()
    await servers(client)
    await servers(client)
    expect(cloud.tokens).toBe(1)
    expect((await client.identity(SIGNAL)).clockAheadMs).toBe(-24 * HOUR_MS)
  })

  it('fails a call whose token is refused twice, without a third try', async () => {
    cloud.on('GET', SERVERS, () => ({
      status: 401,
      body: { error: { code: 401, title: 'Unauthorized', message: 'no' } },
    }))
    const client = cloud.client()
    expect(await rejection(servers(client))).toMatchObject({ code: 'unauthenticated' })
    expect(cloud.calls('GET', SERVERS)).toHaveLength(2)
    expect(cloud.tokens).toBe(2)
  })

  it('tries wrong credentials once, and sends nothing ever after', async () => {
    const body = { error: { code: 401, title: 'Unauthorized', message: 'The password hunter2-very-secret is wrong.' } }
    cloud.on('POST', LOGIN, () => ({ status: 401, body }))
    const client = cloud.client()
    const errors = await Promise.all(Array.from({ length: 20 }, () => rejection(servers(client))))
    errors.push(await rejection(servers(client)), await rejection(client.identity(SIGNAL)))
    for (const error of errors) expect(error).toMatchObject({ code: 'credentials', subject: 'spec.sealed' })
    expect(errors[0]?.message).toBe(
      `keystone ${cloud.origin}/identity refused the password of user pcg: The password [redacted] is wrong.`,
    )
    expect(cloud.asked).toHaveLength(1)
  })

  it('stops the same way when the credentials end in the middle', async () => {
    const client = cloud.client()
    await servers(client)
    cloud.revokeTokens()
    cloud.on('POST', LOGIN, () => ({ status: 401 }))
    expect(await rejection(servers(client))).toMatchObject({ code: 'credentials' })
    expect(await rejection(servers(client))).toMatchObject({ code: 'credentials' })
    expect(cloud.calls('POST', LOGIN)).toHaveLength(2)
  })

  it('does not repeat a login whose answer was lost, which may have been a refusal', async () => {
    cloud.on('POST', LOGIN, (_, response) => {
      response.destroy()
      return undefined
    })
    expect(await rejection(servers())).toMatchObject({ code: 'interrupted' })
    expect(cloud.calls('POST', LOGIN)).toHaveLength(1)
  })

  it('waits for a keystone that is busy', async () => {
    cloud.onceEach(
      'POST',
      LOGIN,
      () => ({ status: 503, headers: { 'retry-after': '7' } }),
      () => cloud.giveToken(),
    )
    await servers()
    expect(cloud.clock.slept).toEqual([7_000])
  })

  it('lets one caller go without ending what the others wait for', async () => {
    const leaving = new AbortController()
    cloud.on('POST', LOGIN, async () => {
      leaving.abort()
      await new Promise((resolve) => setTimeout(resolve, 20))
      return cloud.giveToken()
    })
    const client = cloud.client()
    const [left, stayed] = await Promise.all([
      rejection(client.service('compute').get('/servers', { signal: leaving.signal })),
      servers(client),
    ])
    expect(left).toMatchObject({ code: 'cancelled' })
    expect(stayed).toEqual({ servers: [] })
    expect(cloud.tokens).toBe(1)
  })

  it('says that what answers is not keystone', async () => {
    cloud.on('POST', LOGIN, () => ({ status: 200, body: { hello: 'world' } }))
    expect(await rejection(servers())).toMatchObject({ code: 'unavailable', subject: 'spec.authUrl' })
  })
})

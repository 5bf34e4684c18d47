/** The client against keystone, nova, neutron, glance, cinder and placement themselves, behind a front that ends TLS. */
import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type OpenstackCloud, openCloud } from '../../adapters/openstack/client/cloud.ts'
import type { OpenstackCredentials } from '../../adapters/openstack/client/credentials.ts'
import type { AuthScope, CloudOptions } from '../../adapters/openstack/client/endpoint-options.ts'
import { faultOf } from '../../adapters/openstack/client/openstack-fault.ts'
import type { ServiceType } from '../../adapters/openstack/client/service-type.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { OpenstackCloud as Peer } from '../peers/openstack/cloud.ts'
import { startOpenstack } from '../peers/openstack/cloud.ts'
import type { OpenstackProject } from '../peers/openstack/project.ts'
import { peer, title } from '../peers/peer.ts'

interface Named {
  readonly id: string
  readonly name: string
}

const openstack = await peer('openstack')
const DEFAULT = { name: 'Default' }

describe.skipIf(!openstack.available)(title('the client of OpenStack', openstack), () => {
  let site: Peer
  let project: OpenstackProject
  beforeAll(async () => {
    site = await startOpenstack()
    project = await site.newProject()
  })
  afterEach(() => site.front.behave())
  afterAll(() => site?.close())

  function open(
    credentials: OpenstackCredentials,
    scope?: AuthScope,
    options: Partial<CloudOptions> = {},
  ): OpenstackCloud {
    const authority = site.authorityPem
    const cloud = openCloud(
      { authUrl: site.authUrl, region: site.region, interface: 'public', scope, authority, ...options },
      credentials,
      { clock: systemClock, log: silentLog },
    )
    onTestFinished(() => cloud.close())
    return cloud
  }
  const user = (password = project.password): OpenstackCredentials => {
    return { type: 'password', username: project.username, userDomain: DEFAULT, password }
  }
  const member = () => open(user(), { type: 'project', name: project.name, domain: DEFAULT })
  const admin = (scope: AuthScope) =>
    open({ type: 'password', username: site.admin.username, userDomain: DEFAULT, password: site.admin.password }, scope)

  async function namesOf(
    cloud: OpenstackCloud,
    type: ServiceType,
    path: string,
    key: string,
    signal: AbortSignal,
    limit = 2,
  ) {
    const pages: string[][] = []
    for await (const page of cloud.service(type).pages<Named>(path, key, { signal, query: { limit } }))
      pages.push(page.map(({ name }) => name))
    return pages
  }

  it('finds every service and the newest version that both know', async ({ signal }) => {
    const cloud = member()
    expect(await cloud.identity(signal)).toMatchObject({ projectId: project.id, userName: project.username })
    const versions = await Promise.all(
      (['compute', 'network', 'image', 'block-storage', 'identity', 'placement'] as const).map(async (type) => [
        type,
        await cloud.service(type).version(signal),
      ]),
    )
    expect(Object.fromEntries(versions)).toMatchObject({
      compute: { version: 'v2.1', microversion: expect.stringMatching(/^2\.\d+$/) },
      network: { version: 'v2.0' },
      image: { version: 'v2' },
      'block-storage': { version: 'v3', microversion: expect.stringMatching(/^3\.\d+$/) },
      identity: { version: 'v3' },
      placement: { microversion: expect.stringMatching(/^1\.\d+$/) },
    })
  })

  it('logs in by an application credential, by its id or its name, and by a token', async ({ signal }) => {
    const { id, name, secret } = await project.applicationCredential()
    const byName = {
      type: 'application-credential',
      name,
      username: project.username,
      userDomain: DEFAULT,
      secret,
    } as const
    for (const credentials of [{ type: 'application-credential', id, secret } as const, byName]) {
      const cloud = open(credentials)
      expect((await cloud.identity(signal)).projectId).toBe(project.id)
      expect(await cloud.service('compute').get('/limits', { signal })).toHaveProperty('limits')
    }
    const token = await tokenOf(signal)
    const cloud = open({ type: 'token', token }, { type: 'project', id: project.id })
    expect((await cloud.identity(signal)).projectId).toBe(project.id)
  })

  /** As a user gets it by `openstack token issue`. */
  async function tokenOf(signal: AbortSignal): Promise<string> {
    const agent = new Agent({ connect: { ca: site.authorityPem } })
    const { userId, password } = project
    const identity = { methods: ['password'], password: { user: { id: userId, password } } }
    const reply = await request(`${site.authUrl}/auth/tokens`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity } }),
      signal,
    })
    await reply.body.dump()
    await agent.close()
    return String(reply.headers['x-subject-token'])
  }

  it('has a token for the system, which has no project', async ({ signal }) => {
    const identity = await admin({ type: 'system' }).identity(signal)
    expect(identity).toMatchObject({ projectId: undefined, roles: expect.arrayContaining(['admin']) })
  })

  it('tries a wrong password once', async ({ signal }) => {
    site.front.traffic.reset()
    const cloud = open(user('wrong'), { type: 'project', id: project.id })
    for (const call of [
      cloud.identity(signal),
      cloud.service('compute').get('/servers', { signal }),
      cloud.identity(signal),
    ])
      await expect(call).rejects.toMatchObject({ code: 'credentials' })
    expect(site.front.traffic.tokenRequests).toBe(1)
    expect(site.front.traffic.requests).toHaveLength(1)
  })

  it('asks for one token and keeps to twenty requests in flight', async ({ signal }) => {
    site.front.traffic.reset()
    const cloud = member()
    await Promise.all(Array.from({ length: 30 }, () => cloud.service('network').get('/networks', { signal })))
    expect(site.front.traffic.tokenRequests).toBe(1)
    expect(site.front.traffic.mostInFlight).toBeLessThanOrEqual(20)
  })

  it('gets one new token when its own is revoked', async ({ signal }) => {
    const cloud = member()
    const { userId } = await cloud.identity(signal)
    await cloud.service('network').get('/networks', { signal })
    site.front.traffic.reset()
    // Neutron itself would go on for as long as it remembers that keystone knew the token.
    site.front.inject(
      { api: 'neutron' },
      { do: 'answer', status: 401, body: { error: { code: 401, message: 'revoked' } } },
      3,
    )
    const lists = [1, 2, 3].map(() => cloud.service('network').get('/networks', { signal }))
    expect(await Promise.all(lists)).toHaveLength(3)
    expect(site.front.traffic.tokenRequests).toBe(1)
    expect((await cloud.identity(signal)).userId).toBe(userId)
  })

  it.for([
    ['compute', '/flavors', 'flavors'],
    ['network', '/security-group-rules', 'security_group_rules'],
    ['block-storage', '/types', 'volume_types'],
    ['image', '/images', 'images'],
  ] as const)('reads a list of %s%s in pages as it does in one', async ([type, path, key], { signal }) => {
    const cloud = member()
    await cloud.service('network').get('/security-groups', { signal })
    const [whole] = await namesOf(cloud, type, path, key, signal, 500)
    const paged = await namesOf(cloud, type, path, key, signal, 1)
    expect(whole?.length).toBeGreaterThan(0)
    expect(paged.flat().toSorted()).toEqual(whole?.toSorted())
    expect(Math.max(...paged.map((page) => page.length))).toBe(1)
  })

  it('tells absence, conflict and a wrong field in each service’s words', async ({ signal }) => {
    const cloud = member()
    for (const [type, path] of [
      ['compute', '/servers/none'],
      ['network', '/networks/none'],
      ['image', '/images/none'],
      ['block-storage', '/volumes/none'],
    ] as const) {
      expect(await cloud.service(type).find(path, { signal })).toBeUndefined()
      expect(await cloud.service(type).delete(path, { signal })).toBe(false)
      const fault = faultOf(
        await cloud
          .service(type)
          .get(path, { signal })
          .catch((error: unknown) => error),
      )
      expect(fault).toMatchObject({ status: 404, method: 'GET', path, requestId: expect.stringMatching(/^req-/) })
      expect(fault?.message).toContain('none')
    }
    const wrong = cloud.service('network').post('/networks', { network: { bogus: 1 } }, { signal })
    await expect(wrong).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining("'bogus'") })
    await project.setQuota({ network: { network: 0 } })
    const full = cloud.service('network').post('/networks', { network: {} }, { signal })
    await expect(full).rejects.toMatchObject({ code: 'capacity' })
  })

  it('uploads an image whose bytes are those of its source, and begins anew when its token expires meanwhile', async ({
    signal,
  }) => {
    const images = member().service('image')
    const image = { name: 'upload', disk_format: 'raw', container_format: 'bare', visibility: 'private' }
    const { id } = await images.post<Named>('/images', image, { signal })
    const expired = { error: { code: 401, title: 'Unauthorized', message: 'expired' } }
    const injected = site.front.inject({ api: 'glance', method: 'PUT' }, { do: 'answer', status: 401, body: expired })
    const chunk = Buffer.alloc(100_000, 'pcg')
    let started = 0
    const source = async function* () {
      started++
      for (let i = 0; i < 10; i++) yield chunk
    }
    await images.upload(`/images/${id}/file`, source, { signal })
    expect([started, injected.hits]).toEqual([2, 1])
    const hash = createHash('sha512')
    for (let i = 0; i < 10; i++) hash.update(chunk)
    expect(await images.get(`/images/${id}`, { signal })).toMatchObject({
      status: 'active',
      size: 1_000_000,
      os_hash_value: hash.digest('hex'),
    })
    await expect(images.upload(`/images/${id}/file`, source, { signal })).rejects.toMatchObject({ code: 'conflict' })
    expect(await images.delete(`/images/${id}`, { signal })).toBe(true)
  })

  it('reads again what was cut off, and leaves a creation alone whose answer was', async ({ signal }) => {
    const network = member().service('network')
    await network.get('/networks', { signal })
    site.front.inject({ api: 'neutron', method: 'GET' }, { do: 'cut', when: 'after' }, 2)
    expect(await network.get('/networks', { signal })).toHaveProperty('networks')
    site.front.inject({ api: 'neutron', method: 'POST' }, { do: 'cut', when: 'after' })
    const group = { security_group: { name: 'lost' } }
    await expect(network.post('/security-groups', group, { signal })).rejects.toMatchObject({ code: 'interrupted' })
    const found = await network.get<{ security_groups: Named[] }>('/security-groups', {
      signal,
      query: { name: 'lost' },
    })
    expect(found.security_groups).toHaveLength(1)
  })

  it('trusts nobody else’s authority', async ({ signal }) => {
    const cloud = open(user(), { type: 'project', id: project.id }, { authority: undefined })
    await expect(cloud.identity(signal)).rejects.toMatchObject({ code: 'unavailable', subject: 'spec.authority' })
  })
})

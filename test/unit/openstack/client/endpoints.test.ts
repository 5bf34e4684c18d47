/** Where a service is: the catalog, its types, regions and interfaces; the version in a URL; microversions. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findEndpoint } from '../../../../adapters/openstack/client/catalog.ts'
import { splitEndpoint } from '../../../../adapters/openstack/client/endpoint-url.ts'
import { negotiate } from '../../../../adapters/openstack/client/microversion.ts'
import type { ServiceType } from '../../../../adapters/openstack/client/service-type.ts'
import { FakeCloud, PROJECT, rejection, SIGNAL } from './fake-cloud.ts'

const at = (url: string, region = 'R1', face = 'public') => ({ interface: face, region, url })
const PUBLIC = { interface: 'public', region: 'R1' } as const

describe('a catalog', () => {
  it.each([
    ['block-storage', 'volumev3'],
    ['block-storage', 'block-store'],
    ['block-storage', 'volume'],
    ['compute', 'compute'],
    ['load-balancer', 'load-balancer'],
  ] as const)('has %s as %s', (type, catalogType) => {
    expect(findEndpoint([{ type: catalogType, endpoints: [at('http://a')] }], type, PUBLIC)).toBe('http://a')
  })

  it('gives the official type before its aliases, and the newer alias first', () => {
    const volume = { type: 'volume', endpoints: [at('http://old')] }
    const volumev3 = { type: 'volumev3', endpoints: [at('http://v3')] }
    const official = { type: 'block-storage', endpoints: [at('http://official')] }
    expect(findEndpoint([volume, volumev3], 'block-storage', PUBLIC)).toBe('http://v3')
    expect(findEndpoint([volume, volumev3, official], 'block-storage', PUBLIC)).toBe('http://official')
  })

  it('gives the endpoint of the region and the interface', () => {
    const endpoints = [at('http://1', 'R2'), at('http://2', 'R1', 'internal'), at('http://3')]
    expect(findEndpoint([{ type: 'compute', endpoints }], 'compute', PUBLIC)).toBe('http://3')
    expect(findEndpoint([{ type: 'compute', endpoints }], 'compute', { ...PUBLIC, interface: 'internal' })).toBe(
      'http://2',
    )
  })

  it('gives way to an endpoint of the account', () => {
    const catalog = [{ type: 'compute', endpoints: [at('http://a')] }]
    const endpoints = { compute: 'http://b', 'load-balancer': 'http://lb' }
    expect(findEndpoint(catalog, 'compute', { ...PUBLIC, endpoints })).toBe('http://b')
    expect(findEndpoint(catalog, 'load-balancer', { ...PUBLIC, endpoints })).toBe('http://lb')
  })

  it('does not choose among regions by itself', () => {
    const endpoints = [at('http://1', 'R1'), at('http://2', 'R2')]
    expect(() => findEndpoint([{ type: 'compute', endpoints }], 'compute', { interface: 'public' })).toThrow(
      'the catalog has the compute service in several regions: R1, R2',
    )
  })

  it('names what is missing and what there is', () => {
    const catalog = [
      { type: 'compute', endpoints: [at('http://1', 'R2', 'internal')] },
      { type: 'image', endpoints: [] },
    ]
    expect(() => findEndpoint(catalog, 'network', PUBLIC)).toThrow(
      'the catalog has no network service with the interface public in region R1; it has compute, image',
    )
    expect(() => findEndpoint(catalog, 'compute', PUBLIC)).toThrow(
      'the catalog has no compute service with the interface public in region R1; it has internal in region R2',
    )
  })
})

describe('the URL of an endpoint', () => {
  it.each([
    ['http://h:8774/v2.1', 'http://h:8774', 'v2.1', ''],
    ['http://h:8774/v2.1/', 'http://h:8774', 'v2.1', ''],
    ['https://h/volume/v3/abc', 'https://h/volume', 'v3', '/abc'],
    ['https://h/compute/', 'https://h/compute', undefined, ''],
    ['http://h:9292', 'http://h:9292', undefined, ''],
    ['http://h/v1/compute/v2.1', 'http://h/v1/compute', 'v2.1', ''],
  ])('%s is taken apart', (url, root, version, rest) => {
    expect(splitEndpoint(url, 'spec.x')).toEqual({ root, version, rest })
  })

  it('that is none is an error which names its field', () => {
    expect(() => splitEndpoint('ftp://h', 'spec.endpoints.image')).toThrow('ftp://h is not an http or https URL')
  })
})

describe('microversions', () => {
  const known = { header: 'compute', min: '2.53', max: '2.93' }
  it.each([
    ['the newest of ours', { min: '2.1', max: '2.100' }, undefined, '2.93'],
    ['the newest of theirs', { min: '2.1', max: '2.60' }, undefined, '2.60'],
    ['what a call needs beyond ours', { min: '2.1', max: '2.100' }, '2.96', '2.96'],
    ['no less than usual for a call that needs less', { min: '2.1', max: '2.93' }, '2.60', '2.93'],
  ])('%s', (_, supported, needed, expected) => {
    expect(negotiate('compute', known, supported, needed)).toBe(expected)
  })

  it.each([
    ['a service that is too old', { min: '2.1', max: '2.9' }, undefined, 'up to 2.9; 2.53 is needed'],
    ['a call that needs more', { min: '2.1', max: '2.93' }, '2.94', 'up to 2.93; 2.94 is needed'],
    ['a service that is too new', { min: '2.95', max: '2.99' }, undefined, 'from 2.95; this client up to 2.93'],
  ])('%s is an error that names both', (_, supported, needed, message) => {
    expect(() => negotiate('compute', known, supported, needed)).toThrow(message)
  })
})

describe('discovery', () => {
  let cloud: FakeCloud
  beforeEach(async () => {
    cloud = await FakeCloud.open()
  })
  afterEach(() => cloud.close())

  const version = (type: ServiceType) => cloud.client().service(type).version(SIGNAL)
  const urlOf = async (type: ServiceType, path: string) => {
    await cloud.client().service(type).find(path, { signal: SIGNAL })
    return cloud.asked.at(-1)?.path
  }
  const locate = (type: string, url: string) => {
    cloud.catalog = [...cloud.catalog.filter((entry) => entry.type !== type), { type, url }]
  }

  it.each<[ServiceType, string, string]>([
    ['compute', '/x', '/compute/v2.1/x'],
    ['network', '/x', '/network/v2.0/x'],
    ['image', '/x', '/image/v2/x'],
    ['identity', '/x', '/identity/v3/x'],
    ['block-storage', '/x', `/volume/v3/${PROJECT}/x`],
    ['placement', '/x', '/placement/x'],
  ])('finds %s below the catalog’s own host and prefix, whatever host its documents name', async (type, path, url) => {
    expect(await urlOf(type, path)).toBe(url)
  })

  it.each([
    ['compute', '/compute/v2.1/', '/compute/v2.1/x'],
    ['compute', `/compute/v2.1/${PROJECT}`, `/compute/v2.1/${PROJECT}/x`],
    ['network', '/network/v2.0/', '/network/v2.0/x'],
  ] as const)('takes %s at %s as it is', async (type, url, expected) => {
    locate(type, url)
    expect(await urlOf(type, '/x')).toBe(expected)
  })

  it('asks the root where the endpoint is of another version, or of none', async () => {
    const versions = [
      { id: 'v2.0', status: 'SUPPORTED', version: '', min_version: '', links: [{ rel: 'self', href: 'http://x/v2/' }] },
      {
        id: 'v2.1',
        status: 'CURRENT',
        version: '2.90',
        min_version: '2.1',
        links: [{ rel: 'self', href: 'http://x/v2.1/' }],
      },
    ]
    cloud.on('GET', '/compute/', () => ({ status: 300, body: { versions } }))
    cloud.on('GET', '/compute/v2/', () => ({ body: { version: versions[0] } }))
    for (const url of ['/compute', '/compute/v2', '/compute/v1.1']) {
      locate('compute', url)
      expect(await urlOf('compute', '/x')).toBe('/compute/v2.1/x')
    }
    expect(await version('compute')).toEqual({ version: 'v2.1', microversion: '2.90' })
    locate('volumev3', '/volume/v2/abc')
    cloud.on('GET', '/volume/', () => ({
      status: 300,
      body: { versions: [{ id: 'v3.0', version: '3.59', min_version: '3.0', links: [{ href: 'http://x/v3/' }] }] },
    }))
    expect(await urlOf('block-storage', '/x')).toBe(`/volume/v3/${PROJECT}/x`)
  })

  it('asks each service once, however many call it', async () => {
    const compute = cloud.client().service('compute')
    await Promise.all(Array.from({ length: 30 }, () => compute.find('/x', { signal: SIGNAL })))
    await compute.version(SIGNAL)
    expect(cloud.calls('GET', '/compute/v2.1/')).toHaveLength(1)
  })

  it('asks again after it failed', async () => {
    const document = { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } }
    const busy = () => ({ status: 500 })
    cloud.onceEach('GET', '/compute/v2.1/', busy, () => ({ body: document }))
    const compute = cloud.client().service('compute')
    expect(await rejection(compute.version(SIGNAL))).toMatchObject({ code: 'internal' })
    expect(await compute.version(SIGNAL)).toEqual({ version: 'v2.1', microversion: '2.93' })
  })

  it('does without a root that nobody may read, where no microversion is needed', async () => {
    cloud.on('GET', '/network/', () => ({ status: 403, body: '<html>Forbidden</html>' }))
    cloud.on('GET', '/image/', () => ({ body: 'welcome', headers: { 'content-type': 'text/html' } }))
    expect(await urlOf('network', '/x')).toBe('/network/v2.0/x')
    expect(await urlOf('image', '/x')).toBe('/image/v2/x')
  })

  it('says which version it lacks', async () => {
    cloud.on('GET', '/image/', () => ({ status: 300, body: { versions: [{ id: 'v1.1', links: [] }] } }))
    cloud.on('GET', '/volume/v3/', () => ({ status: 404 }))
    expect((await rejection(version('image'))).message).toContain('offers v1.1; v2 is needed')
    expect((await rejection(version('block-storage'))).message).toContain(
      'does not say which versions it has; v3 with microversion 3.0 is needed',
    )
  })

  it('asks for the microversion in the words of each service', async () => {
    const client = cloud.client()
    const asked = async (type: ServiceType, microversion?: string) => {
      await client.service(type).find('/x', { signal: SIGNAL, microversion })
      const headers = cloud.asked.at(-1)?.headers
      return [headers?.['openstack-api-version'], headers?.['x-openstack-nova-api-version']]
    }
    expect(await asked('compute')).toEqual(['compute 2.93', '2.93'])
    expect(await asked('block-storage', '3.60')).toEqual(['volume 3.70', undefined])
    expect(await asked('placement')).toEqual(['placement 1.39', undefined])
    expect(await asked('network')).toEqual([undefined, undefined])
    await expect(asked('compute', '2.94')).rejects.toThrow('up to 2.93; 2.94 is needed')
  })
})

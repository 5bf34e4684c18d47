/** Whose certificates count, on both sides. */
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Signed, type TestAuthority, testAuthority } from './certificates.ts'
import { FakeCloud, PASSWORD, rejection, SIGNAL } from './fake-cloud.ts'

describe('a cloud over TLS', () => {
  let authority: TestAuthority
  let server: Signed
  let cloud: FakeCloud
  beforeAll(async () => {
    authority = await testAuthority('site')
    server = await authority.sign('cloud')
  })
  afterEach(() => cloud.close())

  const images = (client = cloud.client()) => client.service('image').find('/images/i1', { signal: SIGNAL })
  const UNTRUSTED = { code: 'unavailable', subject: 'spec.authority' }

  it('is trusted by the account’s authority, for keystone and every other service', async () => {
    cloud = await FakeCloud.open(server)
    expect(await images(cloud.client({ authority: authority.cert }))).toBeUndefined()
    expect(cloud.asked.map(({ path }) => path)).toEqual(['/identity/v3/auth/tokens', '/image/', '/image/v2/images/i1'])
  })

  it.each(['no authority', 'another authority'])(
    'is sent nothing by who trusts %s, and not tried again',
    async (which) => {
      cloud = await FakeCloud.open(server)
      const other = which === 'no authority' ? undefined : (await testAuthority('other')).cert
      expect(await rejection(images(cloud.client({ authority: other })))).toMatchObject(UNTRUSTED)
      expect(cloud.asked).toEqual([])
      expect(cloud.clock.slept).toEqual([])
    },
  )

  it('is sent nothing where its certificate is for another host', async () => {
    cloud = await FakeCloud.open(server)
    const authUrl = `${cloud.origin.replace('127.0.0.1', 'localhost')}/identity`
    expect(await rejection(images(cloud.client({ authority: authority.cert, authUrl })))).toMatchObject(UNTRUSTED)
    expect(cloud.asked).toEqual([])
  })

  it('is shown the client’s certificate', async () => {
    cloud = await FakeCloud.open({ ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true })
    let shown = ''
    cloud.on('GET', '/image/v2/images/i1', (_, response) => {
      shown = String((response.socket as TLSSocket).getPeerCertificate().subject.CN)
      return { body: {} }
    })
    const clientCertificate = await authority.sign('gateway-7')
    await images(cloud.client({ authority: authority.cert }, { ...PASSWORD, clientCertificate }))
    expect(shown).toBe('gateway-7')
  })

  it('is not asked with a key that can’t be read, which isn’t shown', async () => {
    cloud = await FakeCloud.open(server)
    const clientCertificate = {
      cert: server.cert,
      key: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----',
    }
    const error = await rejection(
      images(cloud.client({ authority: authority.cert }, { ...PASSWORD, clientCertificate })),
    )
    expect(error).toMatchObject(UNTRUSTED)
    expect(error.message).not.toContain('c2VjcmV0')
  })
})

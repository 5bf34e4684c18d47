import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { DAY_MS, newSerial, openAuthority } from '../../../tunnel/certificate-authority.ts'
import { createCertificateRequest, createKeyPem, readCertificateRequest } from '../../../tunnel/certificate-request.ts'
import { enrol } from '../../../tunnel/enrol.ts'
import { EnrollmentService } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { openIdentityStore } from '../../../tunnel/identity-store.ts'
import { createJoinToken } from '../../../tunnel/join-token.ts'
import { certificatesOf } from '../../../tunnel/peer-verification.ts'
import { openServerCertificate } from '../../../tunnel/server-certificate.ts'
import { EDGE, movedClock, Site } from './site.ts'

vi.setConfig({ testTimeout: 20_000 })

const signal = new AbortController().signal

async function failureOf(work: Promise<unknown>): Promise<PcgError> {
  try {
    await work
  } catch (cause) {
    if (cause instanceof PcgError) return cause
    throw cause
  }
  throw new Error('it succeeded')
}

describe('enrolment', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  const tryToken = (token: string) =>
    enrol({ token, identityStore: site.identityStore, sealingKey: new Uint8Array(32), version: 'test', signal })

  test('trades a token for a certificate that names tenant and gateway, on the gateway’s own key', async () => {
    expect(await tryToken(site.token())).toEqual(EDGE)
    const stored = await site.identityStore.read()
    const [leaf] = certificatesOf(stored?.chainPem ?? '')
    expect(leaf?.subjectAltName).toBe('URI:pcg://acme/gateways/edge')
    expect(leaf?.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(leaf?.publicKey.equals(createPublicKey(stored?.keyPem ?? ''))).toBe(true)
    expect(stored?.broker).toBe(site.proxy.address)
  })

  test('leaves files that only their owner can read', async () => {
    await tryToken(site.token())
    for (const file of ['key.pem', 'certificate.pem', 'authorities.pem', 'broker']) {
      expect((await stat(join(site.folder, 'identity', file))).mode & 0o777).toBe(0o600)
    }
    expect((await stat(join(site.folder, 'identity'))).mode & 0o777).toBe(0o700)
  })

  test('refuses a token the second time, from a gateway with another key', async () => {
    const token = site.token()
    await tryToken(token)
    const identityStore = openIdentityStore(join(site.folder, 'other'))
    const other = enrol({ token, identityStore, sealingKey: new Uint8Array(32), version: 'test', signal })
    const error = await failureOf(other)
    expect(error).toMatchObject({ code: 'unauthenticated', message: 'the join token was used already' })
    expect(error.remedy).toContain('new join token')
  })

  test('refuses an expired and an unknown token, and says which it was', async () => {
    expect(await failureOf(tryToken(site.token({ expired: true })))).toMatchObject({
      message: 'the join token has expired',
    })
    const unknown = createJoinToken(site.proxy.address, site.authority.fingerprint)
    expect(await failureOf(tryToken(unknown))).toMatchObject({ message: 'the join token is unknown' })
  })

  test('keeps its key through every failure', async () => {
    await failureOf(tryToken(site.token({ expired: true })))
    const key = await site.identityStore.key()
    site.proxy.refuse()
    await failureOf(tryToken(site.token()))
    site.proxy.resume()
    await tryToken(site.token())
    expect((await site.identityStore.read())?.keyPem).toBe(key)
  })

  test('does not send the token to a broker of another authority', async () => {
    const token = createJoinToken(site.proxy.address, 'ab'.repeat(32))
    site.broker.allow(token, EDGE)
    const error = await failureOf(tryToken(token))
    expect(error).toMatchObject({ code: 'unauthenticated', subject: 'join token' })
    expect(error.message).toContain('not the broker that the join token is of')
    expect(site.broker.serials.size).toBe(0)
  })

  test('slows down who tries tokens', async () => {
    const unknown = createJoinToken(site.proxy.address, site.authority.fingerprint)
    const codes: string[] = []
    for (let n = 0; n < 22; n += 1) codes.push((await failureOf(tryToken(unknown))).code)
    expect(codes[0]).toBe('unauthenticated')
    expect(codes.at(-1)).toBe('throttled')
  })

  describe('of a certificate request that is not right', () => {
    async function enroll(csr: Buffer): Promise<PcgError> {
      const channel = await site.rawChannel(null)
      const request = { token: site.token(), csr, sealingKey: Buffer.alloc(32), version: 'test' }
      const result = await channel.call(EnrollmentService.enroll, request)
      channel.close()
      if (result.ok) throw new Error('it was granted')
      return result.error
    }

    test('refuses one that names an identity, and spends no token on it', async () => {
      const csr = await createCertificateRequest(await createKeyPem(), { tenant: 'acme', gateway: 'other' })
      const error = await enroll(csr)
      expect(error).toMatchObject({ code: 'invalid', subject: 'certificate request' })
      expect(error.message).toContain('url:pcg://acme/gateways/other')
      expect(site.broker.serials.size).toBe(0)
    })

    test('refuses one whose signature is broken, and one that is no request at all', async () => {
      const csr = await createCertificateRequest(await createKeyPem(), null)
      const last = csr.length - 1
      csr[last] = (csr[last] ?? 0) ^ 1
      expect((await enroll(csr)).message).toContain('not signed with its own key')
      expect((await enroll(Buffer.from('nonsense'))).message).toContain('not a PKCS#10 request')
      expect(site.broker.serials.size).toBe(0)
    })
  })
})

describe('the authority and its certificates', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pcg-authority-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('stays the same when it is opened again, with a key that only its owner can read', async () => {
    const made = await openAuthority({ folder, clock: systemClock })
    const again = await openAuthority({ folder, clock: systemClock })
    expect(again.fingerprint).toBe(made.fingerprint)
    expect((await stat(join(folder, 'ca-key.pem'))).mode & 0o777).toBe(0o600)
  })

  test('is never replaced when a part of it is missing or wrong', async () => {
    await openAuthority({ folder, clock: systemClock })
    const certificate = await readFile(join(folder, 'ca.pem'), 'utf8')
    await chmod(join(folder, 'ca-key.pem'), 0o600)
    await writeFile(join(folder, 'ca-key.pem'), await createKeyPem())
    const error = await failureOf(openAuthority({ folder, clock: systemClock }))
    expect(error.remedy).toContain('backup')
    expect(await readFile(join(folder, 'ca.pem'), 'utf8')).toBe(certificate)
    await rm(join(folder, 'ca-key.pem'))
    await failureOf(openAuthority({ folder, clock: systemClock }))
  })

  test('issues nothing that outlives it', async () => {
    const authority = await openAuthority({ folder, clock: systemClock })
    const csr = await createCertificateRequest(await createKeyPem(), null)
    const publicKey = await readCertificateRequest(csr, null)
    const issued = await authority.issueGateway({
      publicKey,
      identity: EDGE,
      serial: newSerial(),
      lifeMs: 20_000 * DAY_MS,
    })
    const own = new X509Certificate(authority.certificatePem)
    expect(issued.endsMs).toBe(own.validToDate.getTime())
  })

  test('takes ECDSA P-256 keys only', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    await expect(createCertificateRequest(pem, null)).rejects.toThrow()
  })

  test('keeps the broker’s certificate while it serves, and makes a new one for other names and past two thirds', async () => {
    const authority = await openAuthority({ folder, clock: systemClock })
    const open = (names: string[], clock = systemClock) => openServerCertificate({ folder, names, authority, clock })
    const first = await open(['broker.example.com', '127.0.0.1', '::1'])
    expect((await open(['::1', 'broker.example.com'])).cert).toBe(first.cert)
    expect((await open(['other.example.com'])).cert).not.toBe(first.cert)
    const second = await open(['other.example.com'])
    expect((await open(['other.example.com'], movedClock(1_200 * DAY_MS))).cert).toBe(second.cert)
    expect((await open(['other.example.com'], movedClock(1_250 * DAY_MS))).cert).not.toBe(second.cert)
    expect((await stat(join(folder, 'server.pem'))).mode & 0o777).toBe(0o600)
  })
})

describe('the identity on disk', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
    await site.enrol()
  })
  afterEach(() => site.close())

  test('refuses a certificate for another key and keeps the one that it has', async () => {
    const before = await site.identityStore.read()
    const csr = await createCertificateRequest(await createKeyPem(), null)
    const issued = await site.authority.issueGateway({
      publicKey: await readCertificateRequest(csr, null),
      identity: EDGE,
      serial: newSerial(),
      lifeMs: DAY_MS,
    })
    const error = await failureOf(
      site.identityStore.store({
        chainPem: issued.chainPem,
        authoritiesPem: site.authority.certificatePem,
        broker: 'broker:1',
      }),
    )
    expect(error.message).toContain("not for this gateway's key")
    expect(await site.identityStore.read()).toEqual(before)
  })

  test('names the file that is damaged and what helps', async () => {
    const folder = join(site.folder, 'identity')
    await writeFile(join(folder, 'certificate.pem'), 'nonsense')
    const error = await failureOf(site.identityStore.read())
    expect(error.message).toContain('certificate.pem')
    expect(error.remedy).toContain('backup')
    expect(await openIdentityStore(join(site.folder, 'none')).read()).toBeNull()
  })
})

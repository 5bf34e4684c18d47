/** Whose certificate counts, and how it is renewed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { parseAddress } from '../../../tunnel/address.ts'
import { DAY_MS, newSerial, openAuthority } from '../../../tunnel/certificate-authority.ts'
import { createCertificateRequest, createKeyPem, readCertificateRequest } from '../../../tunnel/certificate-request.ts'
import { EnrollmentService } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { certificatesOf, serialOf } from '../../../tunnel/peer-verification.ts'
import { openServerCertificate } from '../../../tunnel/server-certificate.ts'
import { attachRaw } from './raw-gateway.ts'
import { EDGE, movedClock, pause, Site, until } from './site.ts'

vi.setConfig({ testTimeout: 20_000 })

const LIFE_MS = 30 * DAY_MS
const GRACE_MS = 90 * DAY_MS

describe('a certificate', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open({ certificateLifeMs: LIFE_MS, graceMs: GRACE_MS })
    await site.enrol()
  })
  afterEach(() => site.close())

  /** Lets this much time pass at the broker. */
  function later(byMs: number): void {
    site.clock.aheadMs += byMs
  }

  /** The state in which the link waits for a person. */
  async function refusal(): Promise<{ message: string; remedy: string }> {
    const link = site.link()
    await until(() => link.state().phase === 'refused')
    const state = link.state()
    if (state.phase !== 'refused') throw new Error(state.phase)
    return state
  }

  const serialOnDisk = async () => {
    const [leaf] = certificatesOf((await site.identityStore.read())?.chainPem ?? '')
    return leaf === undefined ? '' : serialOf(leaf)
  }

  test('that is missing is refused', async () => {
    const raw = attachRaw(site.endpoint.address, null, site.authority.certificatePem)
    raw.hello()
    await until(() => raw.ended !== undefined)
    raw.close()
    expect(raw.ended).toEqual({ code: 16, details: 'the gateway presented no certificate' })
  })

  test('of a foreign authority is refused with its issuer and the remedy', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pcg-foreign-'))
    const foreign = await openAuthority({ folder, clock: systemClock })
    await rm(folder, { recursive: true })
    const keyPem = await site.identityStore.key()
    const issued = await foreign.issueGateway({
      publicKey: await readCertificateRequest(await createCertificateRequest(keyPem, null), null),
      identity: EDGE,
      serial: newSerial(),
      lifeMs: DAY_MS,
    })
    const own = { keyPem, chainPem: issued.chainPem, authoritiesPem: '' }
    const raw = attachRaw(site.endpoint.address, own, site.authority.certificatePem)
    raw.hello()
    await until(() => raw.ended !== undefined)
    raw.close()
    expect(raw.ended?.code).toBe(16)
    expect(raw.ended?.details).toContain("not by this broker's authority")
    expect(site.broker.attached).toEqual([])
  })

  test('that the broker itself uses cannot play a gateway', async () => {
    const own = { keyPem: site.tls.key, chainPem: site.tls.cert, authoritiesPem: '' }
    const raw = attachRaw(site.endpoint.address, own, site.authority.certificatePem)
    raw.hello()
    await until(() => raw.ended !== undefined)
    raw.close()
    expect(raw.ended?.details).toContain("it is not a gateway's")
  })

  test('that is revoked is refused at the next attach, slowly tried again', async () => {
    site.broker.revoked.add('acme/edge')
    const state = await refusal()
    expect(state.message).toBe('the certificate was revoked')
    expect(state.remedy).toContain('new join token')
    const dials = site.proxy.accepted
    await pause(150)
    expect(site.proxy.accepted).toBe(dials)
  })

  test('that is revoked while attached is disconnected at once', async () => {
    const link = site.link()
    await until(() => link.state().phase === 'attached')
    site.broker.revoked.add('acme/edge')
    site.endpoint.disconnect(EDGE)
    await until(() => site.broker.detached.length === 1, 500)
    await until(() => link.state().phase === 'refused')
  })

  test('past two thirds is renewed by the gateway on the same key, which then attaches with the new one', async () => {
    const before = await site.identityStore.read()
    later(20 * DAY_MS)
    const link = site.link({ random: () => 0 })
    await until(() => site.broker.attached.length === 2)
    await until(() => link.state().phase === 'attached')
    const after = await site.identityStore.read()
    expect(after?.keyPem).toBe(before?.keyPem)
    expect(after?.endsMs).toBeGreaterThan((before?.endsMs ?? 0) + 19 * DAY_MS)
    expect(site.broker.attached[1]?.certificateEnds).toBe(new Date(after?.endsMs ?? 0).toISOString())
  })

  test('before two thirds is left alone', async () => {
    const serial = await serialOnDisk()
    later(19 * DAY_MS)
    const link = site.link({ random: () => 0 })
    await until(() => link.state().phase === 'attached')
    await pause(1_200)
    expect(await serialOnDisk()).toBe(serial)
  })

  test('that expired within the grace period is renewed with the same key, and the site comes back by itself', async () => {
    const before = await site.identityStore.read()
    later(LIFE_MS + GRACE_MS - DAY_MS)
    const link = site.link()
    await until(() => link.state().phase === 'attached')
    const after = await site.identityStore.read()
    expect(after?.keyPem).toBe(before?.keyPem)
    expect(site.states).toContainEqual(
      expect.objectContaining({ phase: 'connecting', lastError: expect.stringContaining('certificate ended at') }),
    )
  })

  test('that expired longer ago than the grace period is refused, and nothing on disk is touched', async () => {
    const before = await site.identityStore.read()
    later(LIFE_MS + GRACE_MS + DAY_MS)
    const state = await refusal()
    expect(state.message).toContain('longer ago than the grace period of 90 days allows')
    expect(state.remedy).toContain('enrol it again')
    expect(await site.identityStore.read()).toEqual(before)
  })

  test('of a revoked gateway is not renewed, expired or not', async () => {
    site.broker.revoked.add('acme/edge')
    const serial = await serialOnDisk()
    later(LIFE_MS + DAY_MS)
    expect((await refusal()).message).toContain('the certificate was revoked')
    expect(await serialOnDisk()).toBe(serial)
    expect(site.broker.serials.size).toBe(1)
  })

  test('is not renewed for another key, nor for another name', async () => {
    const own = await site.identityStore.read()
    const channel = await site.rawChannel(own)
    const refusalOf = async (csr: Buffer): Promise<string> => {
      const result = await channel.call(EnrollmentService.renew, { csr })
      return result.ok ? 'granted' : result.error.message
    }
    expect(await refusalOf(await createCertificateRequest(await createKeyPem(), EDGE))).toContain('for another key')
    const otherName = await createCertificateRequest(own?.keyPem ?? '', { tenant: 'acme', gateway: 'other' })
    expect(await refusalOf(otherName)).toContain('url:pcg://acme/gateways/other')
    channel.close()
    expect(site.broker.serials.size).toBe(1)
  })

  test('that ends while the gateway is attached ends the stream', async () => {
    const raw = attachRaw(site.endpoint.address, await site.identityStore.read(), site.authority.certificatePem)
    raw.hello()
    await until(() => raw.received.length === 1)
    later(LIFE_MS + 1_000)
    await until(() => raw.ended !== undefined)
    raw.close()
    expect(raw.ended?.details).toContain("the gateway's certificate ended at")
  })
})

describe('a wrong clock', () => {
  const YEAR_MS = 365 * DAY_MS
  let site: Site
  afterEach(() => site.close())

  test('a year ahead at the gateway does not keep it from attaching, nor makes it renew', async () => {
    site = await Site.open()
    await site.enrol()
    const link = site.link({ clock: movedClock(YEAR_MS) })
    await until(() => link.state().phase === 'attached')
    await pause(1_200)
    expect(site.broker.serials.size).toBe(1)
    const state = link.state()
    expect(state.phase === 'attached' ? state.clockOffsetMs : 0).toBeLessThan(-YEAR_MS + 60_000)
  })

  test.each([
    ['a year behind', -YEAR_MS],
    ['ten years ahead', 10 * YEAR_MS],
  ])(
    '%s at the gateway is named with the range of the certificate and the remedy, without a hot loop',
    async (_what, byMs) => {
      site = await Site.open()
      await site.enrol()
      const before = await site.identityStore.read()
      const link = site.link({ clock: movedClock(byMs) })
      await until(() => link.state().phase === 'refused')
      const dials = site.proxy.accepted
      await pause(150)
      expect(site.proxy.accepted).toBe(dials)
      const state = link.state()
      if (state.phase !== 'refused') throw new Error(state.phase)
      const year = new Date(Date.now() + byMs).getUTCFullYear()
      expect(state.message).toContain(`by the local clock, ${year}-`)
      expect(state.message).toMatch(/it is for \d{4}-.* to \d{4}-/)
      expect(state.remedy).toContain("Set the gateway's clock")
      expect(await site.identityStore.read()).toEqual(before)
    },
  )

  test('months ahead at both ends renews once and goes on, without a hot loop', async () => {
    site = await Site.open()
    await site.enrol()
    site.clock.aheadMs = YEAR_MS / 4
    const link = site.link({ clock: site.clock, random: () => 0 })
    await until(() => link.state().phase === 'attached')
    await pause(1_200)
    expect(site.broker.serials.size).toBe(2)
    expect(link.state().phase).toBe('attached')
  })
})

describe('the tunnel port', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  /** Null when the handshake succeeded, else why it did not. */
  function handshake(options: ConnectionOptions): Promise<string | null> {
    const { host, port } = parseAddress(site.endpoint.address)
    return new Promise((resolve) => {
      const socket = connect({ host, port, rejectUnauthorized: false, ...options })
      const settle = (result: string | null): void => {
        resolve(result)
        socket.destroy()
      }
      socket.once('secureConnect', () => settle(null))
      socket.once('error', (cause) => settle(cause.message))
      socket.once('close', () => settle('closed'))
    })
  }

  test('speaks TLS 1.3 and the protocols of the tunnel, nothing else', async () => {
    expect(await handshake({ ALPNProtocols: ['h2'] })).toBeNull()
    expect(await handshake({ ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' })).toContain('protocol version')
    expect(await handshake({ ALPNProtocols: ['http/1.1'] })).toContain('no application protocol')
  })
})

describe('a broker that is not ours', () => {
  let site: Site
  let folder: string
  beforeEach(async () => {
    site = await Site.open()
    await site.enrol()
    folder = await mkdtemp(join(tmpdir(), 'pcg-foreign-'))
  })
  afterEach(async () => {
    await site.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('is refused by the gateway, which says who issued its certificate', async () => {
    const foreign = await openAuthority({ folder, clock: systemClock })
    const tls = await openServerCertificate({ folder, names: ['127.0.0.1'], authority: foreign, clock: systemClock })
    await site.endpoint.close()
    await site.startBroker({ tls })
    const link = site.link()
    await until(() => link.state().phase === 'refused')
    expect(link.state()).toMatchObject({
      message: expect.stringContaining('not by the authority that this gateway enrolled with'),
      remedy: expect.stringContaining('inspects TLS'),
    })
    expect(site.broker.attached).toEqual([])
  })

  test('is refused when it is another host, or a gateway', async () => {
    const { authority, endpoint } = site
    const tls = await openServerCertificate({ folder, names: ['other.example.com'], authority, clock: systemClock })
    endpoint.replaceCertificate(tls)
    const link = site.link()
    await until(() => link.state().phase === 'refused')
    expect(link.state()).toMatchObject({ message: expect.stringContaining('is not for "127.0.0.1"') })
    await link.close()
    const own = await site.identityStore.read()
    endpoint.replaceCertificate({ key: own?.keyPem ?? '', cert: own?.chainPem ?? '', ca: authority.certificatePem })
    const second = site.link()
    await until(() => second.state().phase === 'refused')
    expect(second.state()).toMatchObject({ message: expect.stringContaining("is not a broker's") })
  })
})

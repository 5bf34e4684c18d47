import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { createJoinToken, hashJoinToken, parseJoinToken } from '../../../tunnel/join-token.ts'
import { gateway } from './resources.ts'
import { BERLIN, openSite, type Site } from './site.ts'

const KEY = Buffer.alloc(32, 9)
/** SHA-256 of gateways' public keys. */
const OURS = 'aa'.repeat(32)
const THEIRS = 'bb'.repeat(32)

let site: Site
beforeEach(async () => {
  site = await openSite()
  await site.apply(site.admin, gateway('berlin'))
})
afterEach(() => site.close())

const newToken = async (ttlSeconds?: number) => {
  const path = '/v1/gateways/berlin/token'
  const { body } = await site.call(site.admin, {
    method: 'POST',
    path,
    body: ttlSeconds === undefined ? {} : { ttlSeconds },
  })
  return body as { token: string; expiresAt: string }
}
const refused = (message: RegExp) => (thrown: unknown) =>
  thrown instanceof PcgError &&
  thrown.code === 'unauthenticated' &&
  message.test(thrown.message) &&
  thrown.remedy !== undefined

describe('a join token', () => {
  test('tells where to dial and what proves the broker, and enrols its own gateway', async () => {
    const { token, expiresAt } = await newToken()
    expect(parseJoinToken(token)).toMatchObject({ address: 'broker.example.com:7443' })
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(3_500_000)
    expect(await site.enrolment.redeem(token, 'aa01', KEY, OURS)).toEqual(BERLIN)
    await site.sessions.authorize(BERLIN, 'aa01')
    expect((await site.call(site.admin, { method: 'GET', path: '/v1/gateways/berlin' })).body).toMatchObject({
      status: { sealingKey: KEY.toString('base64') },
    })
  })

  test('counts once, also when two come at the same time', async () => {
    const { token } = await newToken()
    const both = await Promise.allSettled([
      site.enrolment.redeem(token, 'aa01', KEY, OURS),
      site.enrolment.redeem(token, 'aa02', KEY, THEIRS),
    ])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expect(site.enrolment.redeem(token, 'aa03', KEY, THEIRS)).rejects.toSatisfy(refused(/used already/))
    await expect(site.sessions.authorize(BERLIN, 'aa02')).rejects.toSatisfy(refused(/replaced/))
  })

  test('counts again for the key that it was spent for, and voids the certificate from before', async () => {
    const { token } = await newToken()
    await site.enrolment.redeem(token, 'aa01', KEY, OURS)
    expect(await site.enrolment.redeem(token, 'aa02', KEY, OURS)).toEqual(BERLIN)
    await site.sessions.authorize(BERLIN, 'aa02')
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toSatisfy(refused(/replaced/))
    site.clock.byMs += 3_601_000
    await expect(site.enrolment.redeem(token, 'aa03', KEY, OURS)).rejects.toSatisfy(refused(/expired at/))
    await site.sessions.authorize(BERLIN, 'aa02')
  })

  test('counts no more for its key once another enrolled the gateway: the old one would throw it out', async () => {
    const [first, second] = [await newToken(), await newToken()]
    await site.enrolment.redeem(first.token, 'aa01', KEY, OURS)
    await site.enrolment.redeem(second.token, 'aa02', KEY, THEIRS)
    await expect(site.enrolment.redeem(first.token, 'aa03', KEY, OURS)).rejects.toSatisfy(refused(/used already/))
    await site.sessions.authorize(BERLIN, 'aa02')
  })

  test('counts no more for its key once the gateway is revoked', async () => {
    const { token } = await newToken()
    await site.enrolment.redeem(token, 'aa01', KEY, OURS)
    await site.enrolment.revoke(BERLIN)
    await expect(site.enrolment.redeem(token, 'aa02', KEY, OURS)).rejects.toSatisfy(refused(/not known/))
  })

  test('counts until its end', async () => {
    const { token } = await newToken(60)
    site.clock.byMs += 61_000
    await expect(site.enrolment.redeem(token, 'aa01', KEY, OURS)).rejects.toSatisfy(refused(/expired at/))
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toThrow()
  })

  test('that nobody made is refused', async () => {
    await expect(
      site.enrolment.redeem(createJoinToken('broker.example.com:7443', 'ab'.repeat(32)), 'aa01', KEY, OURS),
    ).rejects.toSatisfy(refused(/not known/))
  })

  test('and an API key are nowhere in the database, but their hashes are', async () => {
    const { token } = await newToken()
    const { secret } = parseJoinToken(token)
    site.store.database.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const file = await readFile(site.path)
    for (const shown of [token, secret, site.admin, site.admin.slice(5)]) expect(file.includes(shown)).toBe(false)
    expect(file.includes(Buffer.from(secret, 'base64url'))).toBe(false)
    expect(file.includes(hashJoinToken(token))).toBe(true)
    expect(file.includes(createHash('sha256').update(site.admin).digest())).toBe(true)
  })
})

describe('certificates', () => {
  test('an older one counts until the newer one is used: the reply that brings it may be lost', async () => {
    await site.enrolment.redeem((await newToken()).token, 'aa01', KEY, OURS)
    await site.enrolment.renewed(BERLIN, 'aa01', 'aa02')
    await site.enrolment.renewed(BERLIN, 'aa01', 'aa03')
    await site.sessions.authorize(BERLIN, 'aa01')
    await site.sessions.authorize(BERLIN, 'aa03')
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toSatisfy(refused(/replaced by a newer/))
    await expect(site.sessions.authorize(BERLIN, 'aa02')).rejects.toSatisfy(refused(/replaced by a newer/))
    await expect(site.enrolment.renewed(BERLIN, 'aa01', 'aa04')).rejects.toSatisfy(refused(/replaced/))
  })

  test('enrolling again makes the earlier one void', async () => {
    await site.enrolment.redeem((await newToken()).token, 'aa01', KEY, OURS)
    await site.enrolment.redeem((await newToken()).token, 'aa02', KEY, OURS)
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toSatisfy(refused(/replaced/))
    await site.sessions.authorize(BERLIN, 'aa02')
  })

  test("are a gateway's own: the serial of another is none", async () => {
    await site.apply(site.admin, gateway('paris'))
    await site.enrolment.redeem((await newToken()).token, 'aa01', KEY, OURS)
    await expect(site.sessions.authorize({ tenant: 'acme', gateway: 'paris' }, 'aa01')).rejects.toThrow()
    await expect(site.sessions.authorize({ tenant: 'rival', gateway: 'berlin' }, 'aa01')).rejects.toSatisfy(
      refused(/not known/),
    )
  })
})

describe('revoking', () => {
  test('voids certificates and unused tokens, cuts the tunnel and shows it; a new token ends it', async () => {
    await site.enrolment.redeem((await newToken()).token, 'aa01', KEY, OURS)
    const unused = (await newToken()).token
    const { epoch } = await site.attach()
    const answer = await site.call(site.admin, { method: 'POST', path: '/v1/gateways/berlin/revoke' })
    expect(answer).toMatchObject({ status: 200, body: { status: { phase: 'Revoked' } } })
    expect(site.disconnected).toEqual(['acme/berlin'])
    expect(site.sessions.current(BERLIN, epoch)).toBe(false)
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toSatisfy(refused(/is revoked/))
    await expect(site.enrolment.renewed(BERLIN, 'aa01', 'aa02')).rejects.toSatisfy(refused(/is revoked/))
    await expect(site.enrolment.redeem(unused, 'aa02', KEY, OURS)).rejects.toSatisfy(refused(/not known/))

    await site.enrolment.redeem((await newToken()).token, 'aa03', KEY, OURS)
    await site.sessions.authorize(BERLIN, 'aa03')
    await expect(site.sessions.authorize(BERLIN, 'aa01')).rejects.toThrow()
  })
})

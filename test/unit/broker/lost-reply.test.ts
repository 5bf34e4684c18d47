/** Enrolling through the real tunnel, over a connection that breaks when the token is spent already. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { parseAddress } from '../../../tunnel/address.ts'
import { type Endpoint, startEndpoint } from '../../../tunnel/endpoint.ts'
import { enrol } from '../../../tunnel/enrol.ts'
import { openIdentityStore } from '../../../tunnel/identity-store.ts'
import { certificatesOf } from '../../../tunnel/peer-verification.ts'
import { type FaultProxy, startFaultProxy } from '../../peers/fault-proxy.ts'
import { gateway } from './resources.ts'
import { BERLIN, NO_SIGNAL, openSite, type Site } from './site.ts'

let site: Site
let endpoint: Endpoint
let proxy: FaultProxy
let spent: string[]
let afterSpending: () => void

beforeEach(async () => {
  site = await openSite()
  spent = []
  afterSpending = () => undefined
  const { enrolment, sessions, tls, authority } = site
  endpoint = await startEndpoint({
    host: '127.0.0.1',
    port: 0,
    tls,
    authority,
    sessions,
    records: {
      redeem: async (token, serial, sealingKey, keyHash) => {
        const identity = await enrolment.redeem(token, serial, sealingKey, keyHash)
        spent.push(serial)
        afterSpending()
        return identity
      },
      renewed: (...facts) => enrolment.renewed(...facts),
    },
    log: silentLog,
    clock: systemClock,
  })
  proxy = await startFaultProxy(parseAddress(endpoint.address))
  site.reachAt(proxy.address)
  await site.apply(site.admin, gateway('berlin'))
})
afterEach(async () => {
  await proxy.close()
  await endpoint.close()
  await site.close()
})

const newToken = async () => {
  const { body } = await site.call(site.admin, { method: 'POST', path: '/v1/gateways/berlin/token' })
  return (body as { token: string }).token
}
const storeIn = (folder: string) => openIdentityStore(join(site.path, '..', folder))
const enrolBy = (token: string, folder: string) =>
  enrol({
    token,
    identityStore: storeIn(folder),
    sealingKey: new Uint8Array(32),
    version: '1.0.0',
    signal: NO_SIGNAL,
  })

test('a gateway that never got its certificate enrols by the same token, and the lost one does not count', async () => {
  const token = await newToken()
  afterSpending = () => proxy.cut()
  await expect(enrolBy(token, 'ours')).rejects.toMatchObject({ code: 'interrupted' })
  expect(await storeIn('ours').read()).toBeNull()

  afterSpending = () => undefined
  expect(await enrolBy(token, 'ours')).toEqual(BERLIN)
  const [lost, current] = spent
  const [leaf] = certificatesOf((await storeIn('ours').read())?.chainPem ?? '')
  expect(leaf?.serialNumber.toLowerCase()).toBe(current)
  await site.sessions.authorize(BERLIN, current ?? '')
  await expect(site.sessions.authorize(BERLIN, lost ?? '')).rejects.toThrow(/replaced/)
})

test('who found the token in the meantime gets nothing by it', async () => {
  const token = await newToken()
  afterSpending = () => proxy.cut()
  await expect(enrolBy(token, 'ours')).rejects.toMatchObject({ code: 'interrupted' })
  afterSpending = () => undefined
  await expect(enrolBy(token, 'theirs')).rejects.toMatchObject({
    code: 'unauthenticated',
    message: expect.stringMatching(/used already/),
  })
  expect(await enrolBy(token, 'ours')).toEqual(BERLIN)
})

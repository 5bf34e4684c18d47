/** A whole broker, with gateways that come through the real tunnel. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type AdminAccess,
  type BrokerOptions,
  createTenant,
  type RunningBroker,
  startBroker,
} from '../../../broker/compose.ts'
import type { Command } from '../../../resources/command.ts'
import type { Report } from '../../../resources/report.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { parseAddress } from '../../../tunnel/address.ts'
import { enrol } from '../../../tunnel/enrol.ts'
import { openIdentityStore } from '../../../tunnel/identity-store.ts'
import { type Link, startLink } from '../../../tunnel/link.ts'
import type { Answers, Inbox, Outbox, OutgoingEvent, ReceivedDelivery } from '../../../tunnel/link-ports.ts'
import { account, cluster, gateway, profile } from './resources.ts'
import { MovedClock, NO_SIGNAL } from './site.ts'

const SEALING_KEY = Buffer.alloc(32, 5)

/** A gateway's end in memory. */
class Appliance implements Inbox, Outbox, Answers {
  readonly journalId = 'journal-1'
  readonly received: ReceivedDelivery[] = []
  readonly #events: OutgoingEvent[] = []
  readonly #listeners = new Set<() => void>()

  commands(): Command[] {
    return this.received.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))
  }
  say(report: Report): void {
    const payload = Buffer.from(JSON.stringify(report))
    this.#events.push({ sequence: this.#events.length + 1, payload, timeMs: Date.now() })
    for (const listener of this.#listeners) listener()
  }
  lastDelivery(): number {
    return this.received.at(-1)?.sequence ?? 0
  }
  async accept(deliveries: readonly ReceivedDelivery[]): Promise<number> {
    for (const delivery of deliveries) if (delivery.sequence > this.lastDelivery()) this.received.push(delivery)
    return this.lastDelivery()
  }
  read(after: number, limit: number): OutgoingEvent[] {
    return this.#events.slice(after, after + limit)
  }
  async acknowledged(): Promise<void> {}
  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  async answer(payload: Uint8Array): Promise<Uint8Array> {
    const query = JSON.parse(Buffer.from(payload).toString())
    return Buffer.from(JSON.stringify({ items: [{ kind: 'zone', name: query.account, path: '/', detail: {} }] }))
  }
}

const DAY_MS = 86_400_000

/** The system's clock, whose sleeps of a day end when the test says so. */
class DayClock extends MovedClock {
  readonly #sleepers = new Set<() => void>()

  override readonly sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    if (ms < DAY_MS) return systemClock.sleep(ms, signal)
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        this.#sleepers.delete(wake)
        resolve()
      }
      this.#sleepers.add(wake)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  pass(days: number): void {
    this.byMs += days * DAY_MS
    for (const wake of [...this.#sleepers]) wake()
  }

  get sleepers(): number {
    return this.#sleepers.size
  }
}

/** The serial number of the certificate that is shown there. */
function serialAt(address: string): Promise<string> {
  const { host, port } = parseAddress(address)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ALPNProtocols: ['h2', 'http/1.1'], rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

let folder: string
let running: RunningBroker | undefined
let link: Link | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pcg-compose-'))
})
afterEach(async () => {
  await link?.close()
  await running?.close()
  link = undefined
  running = undefined
  await rm(folder, { recursive: true })
})

async function start(options: Partial<BrokerOptions> = {}): Promise<RunningBroker> {
  running = await startBroker({
    stateDir: join(folder, 'broker'),
    api: { host: '127.0.0.1', port: 0 },
    tunnel: { host: '127.0.0.1', port: 0 },
    names: ['127.0.0.1'],
    log: silentLog,
    clock: systemClock,
    heartbeatMs: 200,
    ...options,
  })
  return running
}

const access = async (): Promise<AdminAccess> =>
  JSON.parse(await readFile(join(folder, 'broker', 'admin.json'), 'utf8'))

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const { server, authority, apiKey } = await access()
  const headers = {
    authorization: `Bearer ${apiKey}`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(`${server}${path}`, { method, ca: authority, headers, agent: false }, async (message) => {
      const chunks: Buffer[] = []
      for await (const chunk of message) chunks.push(chunk)
      resolve({ status: message.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) })
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function joinBroker(appliance: Appliance): Promise<Link> {
  const { body } = await call('POST', '/v1/gateways/berlin/token')
  const identityStore = openIdentityStore(join(folder, 'identity'))
  const { token } = body as { token: string }
  await enrol({ token, identityStore, sealingKey: SEALING_KEY, version: '1.0.0', signal: NO_SIGNAL })
  link = startLink({
    identityStore,
    inbox: appliance,
    outbox: appliance,
    answers: appliance,
    sealingKey: SEALING_KEY,
    version: '1.0.0',
    log: silentLog,
    clock: systemClock,
    onState: () => undefined,
    timing: {
      backoff: { firstMs: 20, maxMs: 100, factor: 2 },
      refusedBackoff: { firstMs: 50, maxMs: 50, factor: 1 },
      minUptimeMs: 50,
    },
  })
  return link
}

const phase = async () =>
  ((await call('GET', '/v1/gateways/berlin')).body as { status: { phase: string } }).status.phase
const SETUP = { resources: [gateway('berlin'), account('sandbox', 'berlin'), profile('base')] }
const PROD = { resources: [cluster('prod', { account: 'sandbox', profile: 'base' })] }

test('a gateway joins by its token, gets what is applied, reports, answers, and comes back after a restart', async () => {
  const first = await start()
  await call('POST', '/v1/apply', SETUP)
  const appliance = new Appliance()
  await joinBroker(appliance)
  await expect.poll(phase).toBe('Connected')

  await call('POST', '/v1/apply', PROD)
  await expect.poll(() => appliance.commands().at(-1)).toMatchObject({ type: 'put', resource: { kind: 'Cluster' } })
  appliance.say({ type: 'status', kind: 'Cluster', name: 'prod', status: { phase: 'Provisioning' } })
  await expect
    .poll(async () => (await call('GET', '/v1/clusters/prod')).body)
    .toMatchObject({ status: { phase: 'Provisioning' } })
  expect(await call('GET', '/v1/accounts/sandbox/inventory')).toMatchObject({
    status: 200,
    body: { items: [{ name: 'sandbox' }] },
  })

  const { port } = parseAddress(first.tunnelAddress)
  const key = (await access()).apiKey
  await first.close()
  await start({ tunnel: { host: '127.0.0.1', port } })
  expect(await access()).toMatchObject({ apiKey: key, server: running?.apiUrl })
  await expect.poll(phase, { timeout: 5_000 }).toBe('Connected')
  const before = appliance.received.length
  await call('DELETE', '/v1/clusters/prod')
  await expect.poll(() => appliance.commands().at(-1)).toMatchObject({ type: 'delete', name: 'prod' })
  expect(appliance.received.length).toBe(before + 1)
  appliance.say({ type: 'gone', kind: 'Cluster', name: 'prod', left: [] })
  await expect.poll(async () => (await call('GET', '/v1/clusters/prod')).status).toBe(404)
})

test('a revoked gateway is cut off at once, and told why', async () => {
  await start()
  await call('POST', '/v1/apply', SETUP)
  const joined = await joinBroker(new Appliance())
  await expect.poll(phase).toBe('Connected')
  await call('POST', '/v1/gateways/berlin/revoke')
  expect(await phase()).toBe('Revoked')
  await expect.poll(() => joined.state(), { timeout: 5_000 }).toMatchObject({ phase: 'refused' })
})

test('what it keeps, only its owner can read', async () => {
  await start()
  const state = join(folder, 'broker')
  expect((await stat(state)).mode & 0o777).toBe(0o700)
  for (const entry of await readdir(state, { withFileTypes: true, recursive: true })) {
    const { mode } = await stat(join(entry.parentPath, entry.name))
    expect([entry.name, mode & 0o077]).toEqual([entry.name, 0])
  }
})

test('a tenant can be added while it runs, and its admin gets in', async () => {
  const broker = await start()
  const key = await createTenant(join(folder, 'broker'), 'acme', systemClock)
  await expect(createTenant(join(folder, 'broker'), 'acme', systemClock)).rejects.toMatchObject({ code: 'conflict' })
  const status = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` }
    request(`${broker.apiUrl}/v1/keys`, { ca: broker.authorityPem, headers, agent: false }, (message) => {
      message.resume()
      resolve(message.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(200)
})

test('the certificates of the API and of the tunnel are renewed at two thirds of their life, while it runs', async () => {
  const clock = new DayClock()
  // So that what is made at the end counts today.
  clock.byMs = -1_232 * DAY_MS
  const { apiUrl, tunnelAddress } = await start({ clock })
  await call('POST', '/v1/apply', SETUP)
  const shown = () => Promise.all([serialAt(new URL(apiUrl).host), serialAt(tunnelAddress)])
  const [first] = await shown()
  const checked = () => expect.poll(() => clock.sleepers).toBe(1)
  const later = async (days: number) => {
    await checked()
    clock.pass(days)
    await checked()
  }
  await later(1_200)
  await later(1)
  expect(await shown()).toEqual([first, first])

  // The disk is in the way for a day.
  const stored = join(folder, 'broker', 'server', 'server.pem')
  await rename(stored, `${stored}.aside`)
  await mkdir(stored)
  await later(30)
  expect(await shown()).toEqual([first, first])
  await rmdir(stored)
  await rename(`${stored}.aside`, stored)

  await later(1)
  const [api, tunnel] = await shown()
  expect(api).not.toBe(first)
  expect(api).toBe(tunnel)
  await joinBroker(new Appliance())
  await expect.poll(phase).toBe('Connected')
})

test('a second broker does not start on the same state', async () => {
  await start()
  await expect(start()).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/another broker/) })
  expect((await call('GET', '/v1/clusters')).status).toBe(200)
})

test('a port that is taken is told, and nothing is left running', async () => {
  const { tunnelAddress, apiUrl } = await start()
  const other = { stateDir: join(folder, 'other'), names: ['127.0.0.1'], log: silentLog, clock: systemClock }
  const any = { host: '127.0.0.1', port: 0 }
  const api = { host: '127.0.0.1', port: Number(new URL(apiUrl).port) }
  await expect(startBroker({ ...other, api, tunnel: any })).rejects.toMatchObject({
    code: 'conflict',
    remedy: expect.stringMatching(/another port/),
  })
  const tunnel = parseAddress(tunnelAddress)
  await expect(startBroker({ ...other, api: any, tunnel })).rejects.toThrow()
  const next = await startBroker({ ...other, api: any, tunnel: any })
  await next.close()
})

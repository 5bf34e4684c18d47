import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { machineUrl } from '../../../gateway/bootstrap/machine-url.ts'
import {
  type LeftReport,
  type PhoneHomeReport,
  type PhoneHomeServer,
  type PhoneHomeSink,
  startPhoneHome,
  type Wanted,
} from '../../../gateway/bootstrap/phone-home.ts'
import { sameHash } from '../../../gateway/bootstrap/token-hash.ts'
import { systemClock } from '../../../runtime/clock.ts'

const UID = '0b54a1ac-6a4c-4a5c-8f0e-3f9d6a3d2c11'
const TOKEN = 'the-right-token'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

let folder: string
let server: PhoneHomeServer
let agent: Agent
let reports: PhoneHomeReport[]
let logged: string
let left: LeftReport[]

const leaving: Wanted['leaving'] = [{ name: 'prod-cp-2', role: 'control-plane', how: 'drain' }]

const sink: PhoneHomeSink = {
  report: async (uid, tokenHash, report) => {
    if (uid !== UID || !sameHash(tokenHash, HASH)) return 'refused'
    if (report.message === 'make the journal fail') throw new Error('disk full')
    reports.push(report)
    return 'accepted'
  },
  joinWanted: async (uid, tokenHash) =>
    uid === UID && sameHash(tokenHash, HASH)
      ? { tokens: ['abcdef.0123456789abcdef'], certificateKey: 'ff00', leaving, againSeconds: 10 }
      : 'refused',
  left: async (uid, tokenHash, report) => {
    if (uid !== UID || !sameHash(tokenHash, HASH)) return 'refused'
    left.push(report)
    return 'accepted'
  },
}

async function start(): Promise<PhoneHomeServer> {
  const write = (line: string) => {
    logged += line
  }
  const log = pino({ level: 'trace' }, { write })
  return startPhoneHome({ host: '127.0.0.1', port: 0, folder, sink, log, clock: systemClock })
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phone-home-'))
  reports = []
  left = []
  logged = ''
  server = await start()
  agent = new Agent({ connect: { ca: server.authority } })
})
afterEach(async () => {
  await agent.destroy()
  await server.close()
  await rm(folder, { recursive: true })
})

async function post(body: unknown, { token = TOKEN, uid = UID }: { token?: string; uid?: string } = {}) {
  const response = await request(machineUrl(server.url, uid), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    dispatcher: agent,
  })
  return { status: response.statusCode, text: await response.body.text() }
}

describe('a machine that phones home', () => {
  it('is heard by the sink, over TLS that its authority vouches for', async () => {
    expect(await post({ phase: 'ready', addresses: ['10.0.0.11'] })).toEqual({ status: 204, text: '' })
    expect(reports).toEqual([{ phase: 'ready', addresses: ['10.0.0.11'] }])
  })

  it('can say why it failed', async () => {
    await post({ phase: 'failed', message: 'kubeadm: "no space left"', addresses: [] })
    expect(reports).toEqual([{ phase: 'failed', message: 'kubeadm: "no space left"', addresses: [] }])
  })

  it('is told to come again when its report could not be kept', async () => {
    expect((await post({ phase: 'ready', message: 'make the journal fail' })).status).toBe(503)
    expect((await post({ phase: 'ready' })).status).toBe(204)
  })

  it('finds the server at the same place, with the same authority, after a restart', async () => {
    const before = { url: server.url, authority: server.authority }
    await server.close()
    server = await start()
    expect({ url: server.url, authority: server.authority }).toEqual(before)
    expect((await post({ phase: 'ready' })).status).toBe(204)
  })

  it('that is refused learns nothing of why', async () => {
    const wrongToken = await post({ phase: 'ready' }, { token: 'wrong' })
    const wrongMachine = await post({ phase: 'ready' }, { uid: UID.replace('0b', '0c') })
    expect(wrongToken).toEqual({ status: 401, text: '' })
    expect(wrongMachine).toEqual(wrongToken)
    expect(reports).toEqual([])
  })

  it('that goes on with a wrong token is turned away, and others are not', async () => {
    const other = UID.replace('0b', '0c')
    const answers = await Promise.all(Array.from({ length: 40 }, () => post({ phase: 'ready' }, { uid: other })))
    await post({ phase: 'ready' }, { uid: other }).then(({ status }) => expect(status).toBe(429))
    expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true)
    expect((await post({ phase: 'ready' })).status).toBe(204)
  })

  it.each<[string, unknown, number]>([
    ['no JSON', '{', 400],
    ['an unknown phase', { phase: 'perfect' }, 400],
    ['an address that is none', { phase: 'ready', addresses: ['$(reboot)'] }, 400],
    ['a body that is too large', { phase: 'ready', message: 'x'.repeat(100_000) }, 413],
  ])('is refused with %s', async (_, body, status) => {
    expect((await post(body)).status).toBe(status)
    expect(reports).toEqual([])
  })

  it('leaves no token in the log', async () => {
    await post({ phase: 'ready' })
    await post({ phase: 'ready', message: 'make the journal fail' })
    await post({ phase: 'ready' }, { token: 'a-wrong-token' })
    expect(logged).toContain('phone-home')
    expect(logged).not.toContain(TOKEN)
    expect(logged).not.toContain('a-wrong-token')
  })
})

describe('what a control plane asks', () => {
  const ask = (token: string, accept: string) =>
    request(`${machineUrl(server.url, UID)}/join-wanted`, {
      headers: { authorization: `Bearer ${token}`, accept },
      dispatcher: agent,
    })

  it('is answered as JSON, or in lines for a shell', async () => {
    const json = await ask(TOKEN, 'application/json')
    expect(await json.body.json()).toEqual({
      tokens: ['abcdef.0123456789abcdef'],
      certificateKey: 'ff00',
      leaving: [{ name: 'prod-cp-2', role: 'control-plane', how: 'drain' }],
      againSeconds: 10,
    })
    const plain = await ask(TOKEN, 'text/plain')
    expect(await plain.body.text()).toBe(
      'token abcdef.0123456789abcdef\ncertificate-key ff00\nleaving prod-cp-2 control-plane drain\nagain 10\n',
    )
  })

  it('is refused with a wrong token', async () => {
    const { statusCode, body } = await ask('wrong', 'text/plain')
    expect([statusCode, await body.text()]).toEqual([401, ''])
  })
})

describe('what a control plane tells of a machine that was to leave', () => {
  const tell = async (body: unknown, token = TOKEN) => {
    const response = await request(`${machineUrl(server.url, UID)}/left`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      dispatcher: agent,
    })
    await response.body.dump()
    return response.statusCode
  }

  it('is heard by the sink', async () => {
    expect(await tell({ machine: 'prod-cp-2', outcome: 'left' })).toBe(204)
    expect(await tell({ machine: 'prod-cp-3', outcome: 'failed', message: 'no quorum' })).toBe(204)
    expect(left).toEqual([
      { machine: 'prod-cp-2', outcome: 'left' },
      { machine: 'prod-cp-3', outcome: 'failed', message: 'no quorum' },
    ])
  })

  it('is refused with a wrong token, or in another form', async () => {
    expect(await tell({ machine: 'prod-cp-2', outcome: 'left' }, 'wrong')).toBe(401)
    expect(await tell({ machine: 'prod-cp-2' })).toBe(400)
    expect(left).toEqual([])
  })
})

describe('the server', () => {
  it('knows no other paths and methods', async () => {
    const { statusCode } = await request(`${server.url}/machines`, { dispatcher: agent })
    expect(statusCode).toBe(404)
    const got = await request(machineUrl(server.url, UID), { dispatcher: agent })
    expect(got.statusCode).toBe(405)
  })

  it('closes while a client holds a connection open and says nothing', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const ended = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve) => socket.once('connect', resolve))
    await server.close()
    socket.destroy()
    await ended
  })

  it('says which address is taken', async () => {
    const port = Number(new URL(server.url).port)
    const options = { host: '127.0.0.1', port, folder, sink, log: pino({ level: 'silent' }), clock: systemClock }
    await expect(startPhoneHome(options)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
  })

  it('takes a burst of machines at once', async () => {
    const many = new Agent({ connect: { ca: server.authority }, connections: 50 })
    const send = () =>
      request(machineUrl(server.url, UID), {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
        body: '{"phase":"ready"}',
        dispatcher: many,
      }).then(({ statusCode, body }) => body.dump().then(() => statusCode))
    const statuses = await Promise.all(Array.from({ length: 500 }, send))
    expect(new Set(statuses)).toEqual(new Set([204]))
    await many.destroy()
  })
})

/** A broker without its tunnel: the API over real HTTPS on a real database, and gateways that the test plays. */
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApi } from '../../../broker/api/api.ts'
import { DesiredState } from '../../../broker/desired-state.ts'
import { Enrolment } from '../../../broker/enrolment.ts'
import { GatewayQuestions } from '../../../broker/gateway-questions.ts'
import { Items } from '../../../broker/items.ts'
import { commandTopic } from '../../../broker/log/message-log.ts'
import { SqliteLog } from '../../../broker/log/sqlite-log.ts'
import { ReportWriter } from '../../../broker/reports.ts'
import { Sessions } from '../../../broker/sessions.ts'
import { openStore } from '../../../broker/store/broker-store.ts'
import { CommandOutbox } from '../../../broker/store/command-outbox.ts'
import type { Role } from '../../../broker/store/tenant-store.ts'
import type { Command } from '../../../resources/command.ts'
import type { Query } from '../../../resources/query.ts'
import type { Report } from '../../../resources/report.ts'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { openAuthority } from '../../../tunnel/certificate-authority.ts'
import type { GatewayQueries } from '../../../tunnel/endpoint-ports.ts'
import { type GatewayIdentity, gatewayKey } from '../../../tunnel/identity.ts'
import { createJoinToken } from '../../../tunnel/join-token.ts'
import { openServerCertificate } from '../../../tunnel/server-certificate.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed; undefined where there is none. */
  readonly body: unknown
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** Sent in the place of `body`, as it is. */
  readonly raw?: string | Buffer
  readonly headers?: Record<string, string>
}

export const BERLIN: GatewayIdentity = { tenant: 'acme', gateway: 'berlin' }
export const NO_SIGNAL = new AbortController().signal

/** The system's clock, which a test moves. */
export class MovedClock implements Clock {
  byMs = 0
  readonly sleep = systemClock.sleep
  now(): number {
    return systemClock.now() + this.byMs
  }
}

/** Answers gateways' questions as the test says; a gateway without a say isn't connected. */
export class PlayedGateways implements GatewayQueries {
  readonly asked: { gateway: string; query: Query; traceId: string }[] = []
  readonly says = new Map<string, (query: Query) => unknown>()

  async ask(identity: GatewayIdentity, payload: Uint8Array, options: { traceId: string }): Promise<Uint8Array> {
    const gateway = gatewayKey(identity)
    const query = JSON.parse(Buffer.from(payload).toString()) as Query
    this.asked.push({ gateway, query, traceId: options.traceId })
    const say = this.says.get(gateway)
    if (say === undefined) throw new PcgError('unavailable', `gateway ${identity.gateway} is not connected`)
    return Buffer.from(JSON.stringify(say(query)))
  }
}

export interface SiteOptions {
  readonly pingMs?: number
}

export type Site = Awaited<ReturnType<typeof openSite>>

export async function openSite(options: SiteOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-broker-'))
  const clock = new MovedClock()
  const path = join(folder, 'broker.db')
  const store = openStore(path, clock)
  const messages = new SqliteLog({ db: store.database.db, commits: store.database.commits, clock })
  const outbox = new CommandOutbox({ database: store.database, messages, clock, log: silentLog })
  const disconnected: string[] = []
  const desired = new DesiredState({
    store,
    outbox,
    clock,
    gatewayRemoved: (identity) => {
      sessions.fence(identity)
      disconnected.push(gatewayKey(identity))
    },
  })
  const reports = new ReportWriter({ store, desired, log: silentLog })
  const sessions = new Sessions({ store, messages, outbox, desired, reports, clock, log: silentLog })
  const gateways = new PlayedGateways()
  const authority = await openAuthority({ folder: join(folder, 'authority'), clock })
  const tls = await openServerCertificate({ folder: join(folder, 'server'), names: ['127.0.0.1'], authority, clock })
  let reachedAt = 'broker.example.com:7443'
  const enrolment = new Enrolment({
    store,
    sessions,
    clock,
    makeToken: () => createJoinToken(reachedAt, authority.fingerprint),
    disconnect: (identity) => disconnected.push(gatewayKey(identity)),
  })
  const items = new Items({ store, sessions })
  const questions = new GatewayQuestions({ store, desired, queries: gateways })
  const api = await startApi({
    host: '127.0.0.1',
    port: 0,
    tls,
    version: '0.0.0',
    log: silentLog,
    services: { store, desired, items, enrolment, questions, clock },
    ...options,
  })
  const agent = new Agent({ ca: authority.certificatePem, keepAlive: true })
  const admin = await store.tenants.create('acme')

  const open = (key: string | null, call: Call): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = call.raw ?? (call.body === undefined ? undefined : JSON.stringify(call.body))
      const headers = {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(sent !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
        ...call.headers,
      }
      const outgoing = request({
        host: '127.0.0.1',
        port: api.port,
        agent,
        method: call.method,
        path: call.path,
        headers,
      })
      outgoing.on('response', resolve)
      outgoing.on('error', reject)
      outgoing.end(sent)
    })
  const call = async (key: string | null, what: Call): Promise<Answer> => {
    const message = await open(key, what)
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const body = text === '' ? undefined : JSON.parse(text)
    return { status: message.statusCode ?? 0, headers: message.headers, body }
  }

  let serial = 0
  let event = 0
  return {
    path,
    clock,
    authority,
    tls,
    store,
    messages,
    outbox,
    desired,
    sessions,
    enrolment,
    gateways,
    disconnected,
    api,
    /** Where the join tokens that are made from now on say to dial. */
    reachAt: (address: string) => {
      reachedAt = address
    },
    /** The admin key of the tenant `acme`. */
    admin,
    open,
    call,
    key: async (role: Role, tenant = 'acme') => (await store.tenants.addKey(tenant, `a-${role}-${++serial}`, role)).key,
    apply: (key: string, ...resources: unknown[]) =>
      call(key, { method: 'POST', path: '/v1/apply', body: { resources } }),
    /** The commands that a gateway's topic holds. */
    commands: async (identity = BERLIN): Promise<Command[]> => {
      await outbox.drain()
      const topic = commandTopic(identity.tenant, identity.gateway)
      const found = await messages.read(topic, { after: 0, limit: 10_000, maxBytes: 1 << 30 })
      return found.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))
    },
    attach: (identity = BERLIN, info: { journalId?: string; lastDelivery?: number } = {}) =>
      sessions.attach(identity, {
        version: '1.0.0',
        journalId: 'journal-1',
        lastDelivery: 0,
        sealingKey: Buffer.alloc(32, 7),
        certificateEnds: '2026-12-31T00:00:00.000Z',
        ...info,
      }),
    /** What a gateway says, behind what it said before. */
    report: async (epoch: number, reported: readonly (Report | string)[], identity = BERLIN) => {
      const batch = reported.map((one) => ({
        sequence: ++event,
        payload: Buffer.from(typeof one === 'string' ? one : JSON.stringify(one)),
        timeMs: clock.now(),
      }))
      return sessions.events(identity, epoch, 'journal-1', batch)
    },
    close: async () => {
      agent.destroy()
      await api.close()
      await outbox.close()
      await messages.close()
      store.database.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** The error of an answer, to compare parts of. */
export function errorOf(answer: Answer): {
  code: string
  message: string
  subject?: string
  remedy?: string
  details?: { subject: string; message: string; remedy?: string }[]
} {
  return (answer.body as { error: ReturnType<typeof errorOf> }).error
}

/**
 * The one HTTPS address that a cloud of ours shows, with a path for each service (/identity, /compute, …), as many real
 * clouds do. It counts what passes, and misbehaves on demand. Each test file may have one of its own before a cloud
 * that it shares with others: the catalog is told in terms of the front that a token was asked through.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../runtime/clock.ts'
import { openAuthority } from '../../../tunnel/certificate-authority.ts'
import type { ApiName } from './configuration.ts'
import { type Fault, FrontFaults, type Injection, type RequestMatch } from './front-faults.ts'
import { FrontTraffic } from './front-traffic.ts'

export interface FrontOptions {
  /** Of the services behind it; without a version. */
  readonly services: Readonly<Partial<Record<ApiName, string>>>
  /** True if not given; plain HTTP otherwise. */
  readonly tls?: boolean
}

export interface Front {
  /** `https://127.0.0.1:PORT`; a service is at `/` and its name of PREFIXES below. */
  readonly url: string
  /** Of the authority that signed its certificate; '' without TLS. */
  readonly authorityPem: string
  readonly traffic: FrontTraffic
  /** The next requests that match (one, unless `times` says more) meet with this. */
  inject(match: RequestMatch, fault: Fault, times?: number): Injection
  /** Takes back what was injected and has not come about; what is held goes on. */
  behave(): void
  close(): Promise<void>
}

/** By which path the front leads to a service. */
export const PREFIXES: Readonly<Record<ApiName, string>> = {
  keystone: 'identity',
  glance: 'image',
  placement: 'placement',
  nova: 'compute',
  neutron: 'network',
  cinder: 'volume',
  octavia: 'load-balancer',
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const traffic = new FrontTraffic()
  const faults = new FrontFaults()
  // Ended before the services would, so that no request meets a connection that is being closed.
  const agent = new Agent({ keepAlive: true, timeout: 30_000 })
  const identity = options.tls === false ? null : await serverIdentity()
  let url = ''

  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  }
  const server =
    identity === null ? createServer(serve) : createTlsServer({ cert: identity.chainPem, key: identity.keyPem }, serve)

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const [api, path] = destination(incoming.url ?? '/')
    if (api === null || options.services[api] === undefined) {
      incoming.resume()
      outgoing.writeHead(404).end()
      return
    }
    const entry = traffic.begin(api, incoming.method ?? 'GET', path)
    outgoing.once('close', () => traffic.end(entry, outgoing.headersSent ? outgoing.statusCode : null))
    const injection = faults.take(entry)
    if (injection !== null && (await before(injection, incoming, outgoing)) === 'answered') return
    const reply = await forward(api, path, incoming)
    const token = reply.headers['x-subject-token']
    if (typeof token === 'string') traffic.noteToken(token)
    // A reader that went away takes the service's answer with it, but not what the service did.
    outgoing.once('close', () => reply.destroy())
    if (injection !== null && (await after(injection, reply, outgoing)) === 'answered') return
    if (api === 'keystone' && CATALOGS.test(path)) await replyWithCatalog(reply, outgoing)
    else {
      outgoing.writeHead(reply.statusCode ?? 502, passedOn(reply))
      reply.pipe(outgoing)
      reply.once('error', () => outgoing.destroy())
    }
  }

  async function forward(api: ApiName, path: string, incoming: IncomingMessage): Promise<IncomingMessage> {
    const target = new URL(options.services[api] ?? '')
    const upstream = request({
      agent,
      host: target.hostname,
      port: target.port,
      method: incoming.method,
      path,
      headers: {
        ...incoming.headers,
        'x-forwarded-proto': identity === null ? 'http' : 'https',
        'x-forwarded-host': incoming.headers.host ?? '',
        'x-forwarded-prefix': `/${PREFIXES[api]}`,
      },
    })
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    upstream.once('response', resolve)
    upstream.once('error', reject)
    incoming.once('error', () => upstream.destroy())
    incoming.pipe(upstream)
    return promise
  }

  /** The endpoints of the services themselves become ours; a service that we don't lead to isn't shown. */
  async function replyWithCatalog(reply: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    let text = (await bytesOf(reply)).toString('utf8')
    for (const [api, address] of Object.entries(options.services)) {
      text = text.replaceAll(address, `${url}/${PREFIXES[api as ApiName]}`)
    }
    const body = Buffer.from(withoutOthers(text, url))
    outgoing.writeHead(reply.statusCode ?? 502, { ...passedOn(reply), 'content-length': body.length })
    outgoing.end(body)
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  url = `${identity === null ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    authorityPem: identity?.authorityPem ?? '',
    traffic,
    inject: (match, fault, times = 1) => faults.inject(match, fault, times),
    behave: () => faults.clear(),
    async close() {
      faults.clear()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
}

const CATALOGS = /^\/v3\/(auth\/tokens|auth\/catalog|endpoints)\b/
const APIS_BY_PREFIX = new Map(Object.entries(PREFIXES).map(([api, prefix]) => [prefix, api as ApiName]))

function destination(url: string): [ApiName | null, string] {
  const [, prefix = '', rest = ''] = /^\/([a-z-]+)(.*)$/.exec(url) ?? []
  return [APIS_BY_PREFIX.get(prefix) ?? null, rest.startsWith('/') ? rest : `/${rest}`]
}

interface Catalog {
  readonly endpoints: readonly { readonly url: string }[]
}

function withoutOthers(text: string, front: string): string {
  const answer: { token?: { catalog?: Catalog[] }; catalog?: Catalog[] } = JSON.parse(text)
  const holder = answer.token ?? answer
  if (holder.catalog === undefined) return text
  holder.catalog = holder.catalog.filter(({ endpoints }) => endpoints.every(({ url }) => url.startsWith(`${front}/`)))
  return JSON.stringify(answer)
}

async function before(
  injection: Injection,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<'answered' | 'passed'> {
  const { fault } = injection
  if (fault.do === 'delay') await sleep(fault.ms)
  if (fault.do === 'answer') {
    incoming.resume()
    const body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {})
    outgoing.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(body)
    return 'answered'
  }
  if (!('when' in fault) || fault.when !== 'before') return 'passed'
  if (fault.do === 'cut') {
    incoming.socket.destroy()
    return 'answered'
  }
  await injection.held()
  return incoming.socket.destroyed ? 'answered' : 'passed'
}

/** The service has done what it was asked. */
async function after(
  injection: Injection,
  reply: IncomingMessage,
  outgoing: ServerResponse,
): Promise<'answered' | 'passed'> {
  const { fault } = injection
  if (fault.do === 'truncate') {
    const body = await bytesOf(reply)
    outgoing.writeHead(reply.statusCode ?? 502, { ...passedOn(reply), 'content-length': body.length })
    outgoing.write(body.subarray(0, body.length >> 1), () => outgoing.destroy())
    return 'answered'
  }
  if (!('when' in fault) || fault.when !== 'after') return 'passed'
  if (fault.do === 'cut') {
    await bytesOf(reply)
    outgoing.destroy()
    return 'answered'
  }
  await injection.held()
  return 'passed'
}

/** Headers that are between two neighbours stay between them. */
function passedOn(reply: IncomingMessage): Record<string, string | string[] | undefined> {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = reply.headers
  return headers
}

async function bytesOf(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of reply) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function serverIdentity(): Promise<{ chainPem: string; keyPem: string; authorityPem: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-front-'))
  try {
    const authority = await openAuthority({ folder, clock: systemClock })
    const { chainPem, keyPem } = await authority.issueServer(['127.0.0.1', 'localhost'])
    return { chainPem, keyPem, authorityPem: authority.certificatePem }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

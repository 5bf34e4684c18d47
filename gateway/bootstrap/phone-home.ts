/**
 * Where machines report that they are up, and control planes ask what to do for their clusters: a small HTTPS server with an
 * authority of its own, which each machine has in its user-data.
 *
 * Invariants
 * 1. A machine's token goes no further than its hash: into no log, and to nobody behind this file.
 * 2. Who has no right token learns nothing: not whether the machine exists, nor why it was refused.
 * 3. No client holds anything for long: header, body, handshake and idle times are bounded, as is the body.
 * 4. `accepted` is answered only after the sink said so, which is when it is in the journal.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { isIPv6, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { MachineRole } from '../../resources/machine.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { AttemptLimiter } from '../../tunnel/attempt-limiter.ts'
import { openAuthority } from '../../tunnel/certificate-authority.ts'
import { readSecretFile, replaceSecretFile } from '../../tunnel/secret-file.ts'
import { openServerCertificate, type ServerTls } from '../../tunnel/server-certificate.ts'
import { startRotation } from '../../tunnel/server-certificate-rotation.ts'
import { parseMachinePath } from './machine-url.ts'

const MAX_BODY_BYTES = 16_384

const reportSchema = z.object({
  phase: z.enum(['booting', 'ready', 'failed']),
  message: z.string().max(8_000).optional(),
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(20)
    .optional(),
})

export type PhoneHomeReport = z.infer<typeof reportSchema>

const leftSchema = z.object({
  /** The name of the one that was to leave. */
  machine: z.string().min(1).max(253),
  outcome: z.enum(['left', 'failed']),
  /** Why it failed, or what was left undone. */
  message: z.string().max(8_000).optional(),
})

export type LeftReport = z.infer<typeof leftSchema>

/** A machine to be taken out of its cluster: `drain` moves its pods first, and `remove` does without. */
export interface Leaver {
  readonly name: string
  readonly role: MachineRole
  readonly how: 'drain' | 'remove'
}

/** What a control-plane machine is to do for its cluster besides keeping join tokens valid. */
export interface Duties {
  readonly leaving: readonly Leaver[]
  /** It should ask again so soon; null: at its usual time. */
  readonly againSeconds: number | null
}

export interface Wanted extends Duties {
  /** Join tokens that the cluster should accept now. */
  readonly tokens: readonly string[]
  readonly certificateKey: string
}

/** Who takes the reports. Tokens come as their SHA-256 in hex; compare with `sameHash`. */
export interface PhoneHomeSink {
  /** Resolves when it is in the journal; `refused` if there is no such machine, or the token isn't its. */
  report(uid: string, tokenHash: string, report: PhoneHomeReport): Promise<'accepted' | 'refused'>
  /** Asked by the control-plane machines of a cluster. */
  joinWanted(uid: string, tokenHash: string): Promise<Wanted | 'refused'>
  /** As `report`: what became of a machine that this one was to take out of the cluster. */
  left(uid: string, tokenHash: string, report: LeftReport): Promise<'accepted' | 'refused'>
}

export interface PhoneHomeOptions {
  readonly host: string
  /** 0 takes a free one, and the same again after a restart if it can. */
  readonly port: number
  /** `host` or `host:port` by which machines reach it, where that isn't its own address. */
  readonly advertise?: string
  /** For its authority and certificate. */
  readonly folder: string
  readonly sink: PhoneHomeSink
  readonly log: Log
  readonly clock: Clock
}

export interface PhoneHomeServer {
  /** `https://host:port`; a machine's own is `machineUrl(url, uid)`. */
  readonly url: string
  /** PEM. */
  readonly authority: string
  close(): Promise<void>
}

export async function startPhoneHome(options: PhoneHomeOptions): Promise<PhoneHomeServer> {
  const { folder, clock, log } = options
  const authority = await openAuthority({ folder, clock })
  const advertised = hostAndPort(options.advertise ?? reachableHost(options.host))
  const certificate = () => openServerCertificate({ folder, names: [advertised.host], authority, clock })

  const current = await certificate()
  const secure = ({ key, cert }: ServerTls) => ({ key, cert, minVersion: 'TLSv1.2' as const })
  const server = createServer(
    {
      ...secure(current),
      handshakeTimeout: 10_000,
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 10_000,
      maxHeaderSize: 8_192,
    },
    requestHandler(options),
  )
  server.maxConnections = 4_000
  server.on('tlsClientError', (cause) => log.debug({ err: cause }, 'phone-home handshake failed'))
  // Also those whose handshake has not ended, which the server itself does not know yet.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const port = await listen(server, options)

  const renewed = (tls: ServerTls): void => server.setSecureContext(secure(tls))
  const endRotation = startRotation({ open: certificate, current, renewed, clock, log })

  const host = isIPv6(advertised.host) ? `[${advertised.host}]` : advertised.host
  return {
    url: `https://${host}:${advertised.port ?? port}`,
    authority: authority.certificatePem,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await Promise.all([closed, endRotation()])
    },
  }
}

function requestHandler(options: PhoneHomeOptions) {
  const { sink, log } = options
  const limiter = new AttemptLimiter()
  return (request: IncomingMessage, response: ServerResponse): void => {
    const answer = (status: number, body = '', type = 'text/plain') => {
      if (response.headersSent) return
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      // What is left of a body that nobody wants is not read (invariant 3).
      response.writeHead(status, headers).end(body, () => {
        if (!request.complete) request.destroy()
      })
    }
    handle(request, sink, limiter)
      .then(({ status, body, type }) => answer(status, body, type))
      .catch((cause: unknown) => {
        if (request.destroyed && !request.complete) return
        log.error({ err: cause }, 'phone-home could not be taken')
        answer(503)
      })
  }
}

interface Answer {
  readonly status: number
  readonly body?: string
  readonly type?: string
}

async function handle(request: IncomingMessage, sink: PhoneHomeSink, limiter: AttemptLimiter): Promise<Answer> {
  const target = parseMachinePath(request.url ?? '')
  if (target === null) return { status: 404 }
  if (request.method !== (target.resource === 'join-wanted' ? 'GET' : 'POST')) return { status: 405 }
  // By machine as well, so that one with a wrong token doesn't shut out others behind the same address.
  const source = `${request.socket.remoteAddress} ${target.uid}`
  if (!limiter.allows(source, performance.now())) return { status: 429 }
  const refused = (): Answer => {
    limiter.failed(source, performance.now())
    return { status: 401 }
  }
  const tokenHash = bearerHash(request.headers.authorization)
  if (tokenHash === null) return refused()

  if (target.resource === 'join-wanted') {
    const wanted = await sink.joinWanted(target.uid, tokenHash)
    return wanted === 'refused' ? refused() : wantedAnswer(wanted, request.headers.accept === 'text/plain')
  }
  const body = await readBody(request)
  if (body === null) return { status: 413 }
  const posted = parseJson(body)
  return target.resource === 'report'
    ? take(reportSchema.safeParse(posted), (parsed) => sink.report(target.uid, tokenHash, parsed), refused)
    : take(leftSchema.safeParse(posted), (parsed) => sink.left(target.uid, tokenHash, parsed), refused)
}

async function take<T>(
  parsed: z.ZodSafeParseResult<T>,
  sink: (report: T) => Promise<'accepted' | 'refused'>,
  refused: () => Answer,
): Promise<Answer> {
  if (!parsed.success) return { status: 400, body: `${z.prettifyError(parsed.error)}\n` }
  return (await sink(parsed.data)) === 'accepted' ? { status: 204 } : refused()
}

/** As JSON, or in lines of words for a shell. */
function wantedAnswer(wanted: Wanted, plain: boolean): Answer {
  if (!plain) return { status: 200, type: 'application/json', body: JSON.stringify(wanted) }
  const lines = [
    ...wanted.tokens.map((token) => `token ${token}`),
    `certificate-key ${wanted.certificateKey}`,
    ...wanted.leaving.map(({ name, role, how }) => `leaving ${name} ${role} ${how}`),
    ...(wanted.againSeconds === null ? [] : [`again ${wanted.againSeconds}`]),
  ]
  return { status: 200, body: `${lines.join('\n')}\n` }
}

function bearerHash(authorization: string | undefined): string | null {
  const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
  return token === undefined ? null : createHash('sha256').update(token).digest('hex')
}

/** The body, or null if it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return null
  let size = 0
  const limited = request.iterator({ destroyOnReturn: false })
  const chunks: Buffer[] = []
  for await (const chunk of limited) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

async function listen(server: Server, options: PhoneHomeOptions): Promise<number> {
  if (options.port !== 0) return tryListen(server, options.host, options.port)
  const path = join(options.folder, 'port')
  const last = Number((await readSecretFile(path)) ?? 0)
  const port = await tryListen(server, options.host, last).catch((cause: unknown) => {
    if (last === 0) throw cause
    return tryListen(server, options.host, 0)
  })
  if (port !== last) await replaceSecretFile(path, `${port}\n`)
  return port
}

function tryListen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(
        new PcgError('unavailable', `phone-home cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          remedy: 'Choose another phone-home port, or end what uses this one.',
        }),
      )
    server.once('error', failed)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', failed)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/** An address of this machine by which others reach it, where it listens on all of them. */
function reachableHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. */
function hostAndPort(advertise: string): { host: string; port: number | null } {
  if (isIPv6(advertise)) return { host: advertise, port: null }
  const match = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(advertise)
  return { host: match?.[1] ?? advertise, port: match?.[2] === undefined ? null : Number(match[2]) }
}

/**
 * One HTTPS request to the broker, and what its failures mean. On node:https rather than on an HTTP library, because
 * that loads in a fraction of the time, and a command line is judged by how soon it answers.
 */
import { type Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { type Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { type ErrorCode, type ErrorDetail, PcgError } from '../runtime/pcg-error.ts'
import { isObject } from './is-object.ts'

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
  readonly apiKey: string
  readonly body?: unknown
  readonly authority?: string
  readonly agent?: HttpAgent | HttpsAgent
  /** Where the server, the authority and the key come from, for remedies: a file that has them, or an option. */
  readonly source: string
  readonly authoritySource: string
  readonly keySource: string
  readonly signal: AbortSignal
}

/** Sends it, and resolves with the head of the answer whatever its status. Rejects with a PcgError that names the broker. */
export function send(wire: WireRequest): Promise<IncomingMessage> {
  const body = wire.body === undefined ? undefined : Buffer.from(JSON.stringify(wire.body))
  const options = {
    method: wire.method,
    signal: wire.signal,
    headers: {
      accept: 'application/json, application/x-ndjson',
      authorization: `Bearer ${wire.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
    },
    ...(wire.agent === undefined ? {} : { agent: wire.agent }),
  }
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(unreachable(error, wire))
    const secure = wire.authority === undefined ? {} : { ca: wire.authority }
    const outgoing =
      wire.url.protocol === 'http:'
        ? requestHttp(wire.url, options, resolve)
        : requestHttps(wire.url, { ...options, ...secure }, resolve)
    outgoing.on('error', failed)
    outgoing.end(body)
  })
}

/** The JSON of a good answer; the broker's error of any other. */
export async function readJson(message: IncomingMessage, wire: WireRequest): Promise<unknown> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of message) if (chunk instanceof Buffer) chunks.push(chunk)
  } catch (cause) {
    throw unreachable(cause, wire)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const status = message.statusCode ?? 0
  let value: unknown
  try {
    value = text === '' ? null : JSON.parse(text)
  } catch {
    throw notABroker(wire, `answered ${status} with something that isn't JSON`)
  }
  if (status >= 200 && status < 300) return value
  throw brokerError(value, status, wire)
}

interface ErrorBody {
  readonly code?: unknown
  readonly message?: unknown
  readonly subject?: unknown
  readonly remedy?: unknown
  readonly details?: unknown
}

function brokerError(value: unknown, status: number, wire: WireRequest): PcgError {
  const body: ErrorBody = isObject(value) && isObject(value.error) ? value.error : {}
  if (typeof body.message !== 'string') throw notABroker(wire, `answered ${status} without an error of ours`)
  const code = isErrorCode(body.code) ? body.code : 'internal'
  const details = Array.isArray(body.details) ? body.details.filter(isDetail) : []
  // Of the key the API speaks as of an HTTP header, which nobody here has typed.
  if (code === 'unauthenticated' || (code === 'denied' && body.subject === 'authorization'))
    return new PcgError(code, body.message, { remedy: keyRemedy(code, wire), details })
  return new PcgError(code, body.message, {
    ...(typeof body.subject === 'string' ? { subject: body.subject } : {}),
    ...(typeof body.remedy === 'string' ? { remedy: body.remedy } : {}),
    details,
  })
}

function keyRemedy(code: 'unauthenticated' | 'denied', wire: WireRequest): string {
  if (code === 'denied') return 'Ask an admin for a key with that role: `pcg keys create NAME --role …`.'
  return `Check the API key in ${wire.keySource}; an admin makes new ones with \`pcg keys create\`.`
}

function notABroker(wire: WireRequest, what: string): PcgError {
  return new PcgError('unavailable', `${what}: is it a broker?`, {
    subject: wire.url.origin,
    remedy: check('server', wire.source),
  })
}

const CERTIFICATE_CODES: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]

/** `Check server in ./config.yaml.`, or `Check --server.` */
function check(field: string, source: string): string {
  return source.startsWith('--') ? `Check ${source}.` : `Check ${field} in ${source}.`
}

/** What Node says of a connection, in words that name the broker. */
function unreachable(thrown: unknown, wire: WireRequest): PcgError {
  if (wire.signal.aborted) return PcgError.from(wire.signal.reason)
  const error = PcgError.from(thrown)
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const options = { subject: wire.url.origin, cause: thrown }
  if (code === 'ECONNREFUSED')
    return new PcgError('unavailable', 'the broker refuses the connection', {
      ...options,
      remedy: `Is it running? \`pcg broker\` or \`pcg quickstart\` starts one. Or does it listen elsewhere? ${check('server', wire.source)}`,
    })
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new PcgError('unavailable', `the name ${wire.url.hostname} is not known to DNS`, {
      ...options,
      remedy: check('server', wire.source),
    })
  if (CERTIFICATE_CODES.includes(code))
    return new PcgError('unavailable', 'its certificate is not from the authority of this context', {
      ...options,
      remedy: `${check('authority', wire.authoritySource)} A broker that was set up anew has another one. Someone in between might also answer in its place.`,
    })
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new PcgError('unavailable', `its certificate is not for ${wire.url.hostname}`, {
      ...options,
      remedy: 'Start the broker with --name for every name and address by which it is reached.',
    })
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return new PcgError('unavailable', 'its certificate is out of date', {
      ...options,
      remedy: 'Check the clocks of both machines; restart the broker, which then makes itself a new one.',
    })
  if (code === 'ECONNRESET' && error.message === 'socket hang up')
    return new PcgError('unavailable', 'something listens there, but answers no HTTP request of ours', {
      ...options,
      remedy: `Is it https, and the port of the API (8443, if not told otherwise; 8444 is for gateways)? ${check('server', wire.source)}`,
    })
  const known = error.code === 'internal' ? 'unavailable' : error.code
  return new PcgError(known, `the broker can't be reached: ${error.message}`, {
    ...options,
    remedy: check('server', wire.source),
  })
}

const ERROR_CODES: Readonly<Record<ErrorCode, true>> = {
  invalid: true,
  'not-found': true,
  conflict: true,
  unauthenticated: true,
  denied: true,
  credentials: true,
  capacity: true,
  throttled: true,
  unavailable: true,
  interrupted: true,
  timeout: true,
  cancelled: true,
  internal: true,
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value)
}

function isDetail(value: unknown): value is ErrorDetail {
  return isObject(value) && typeof value.subject === 'string' && typeof value.message === 'string'
}

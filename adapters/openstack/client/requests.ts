/**
 * Calls to the services of one cloud: each with the token, the endpoint and the microversion, retried where that is allowed,
 * and every answer but a success thrown.
 *
 * Invariants
 * 1. A call whose token was refused is made once more with a new one, and not a third time.
 * 2. Only calls that may be done twice are retried: GET, HEAD, PUT, DELETE, and what its caller calls safe.
 */
import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { type Discovery, type Located, microversionFor } from './discovery.ts'
import { decodeJson } from './json-answer.ts'
import { faultError, isRead, readFault } from './openstack-fault.ts'
import { isTransient, persist } from './retry.ts'
import type { CallOptions, QueryValue } from './service.ts'
import { SERVICES, type ServiceType } from './service-type.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'
import type { Method, Outgoing, Reply, Transport } from './transport.ts'

export interface Call {
  readonly type: ServiceType
  readonly method: Method
  /** Below the service's endpoint. */
  readonly path: string
  readonly options: CallOptions
  readonly body?: unknown
  readonly contentType?: string | undefined
  readonly safe?: boolean | undefined
}

export interface RequestsOptions {
  readonly transport: Transport
  readonly session: Session
  readonly clock: Clock
  readonly log: Log
  readonly random: (() => number) | undefined
  /** Never to be shown. */
  readonly secrets: readonly string[]
}

interface Stream {
  readonly chunks: AsyncIterable<Uint8Array>
}

export class Requests {
  readonly #options: RequestsOptions

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** What a successful answer holds. */
  async call(discovery: Discovery, call: Call): Promise<unknown> {
    const { type, method, path, options } = call
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const reply = await this.#authenticated(options.signal, async (token) => {
      const located = await discovery.locate(type, token, options.signal)
      return this.#persist(call, () => this.#send(outgoing(call, located, token, body), token, path))
    })
    return decodeJson(nameOf(type), method, path, reply)
  }

  /** @param source called for each try */
  async upload(discovery: Discovery, call: Call, source: () => Stream, lifeMs: number): Promise<void> {
    const { signal } = call.options
    await this.#authenticated(
      signal,
      async (token) => {
        const located = await discovery.locate(call.type, token, signal)
        return this.#send(outgoing(call, located, token, source().chunks), token, call.path)
      },
      lifeMs,
    )
  }

  /** A document about versions. */
  async document(type: ServiceType, url: string): Promise<unknown> {
    const signal = this.#options.transport.closing
    const { pathname } = new URL(url)
    const call: Call = { type, method: 'GET', path: pathname, options: { signal } }
    const reply = await this.#authenticated(signal, (token) => {
      const headers = { accept: 'application/json', 'x-auth-token': token.value }
      const to = { to: nameOf(type), subject: `spec.endpoints.${type}`, method: 'GET', url, headers, signal } as const
      return this.#persist(call, () => this.#send(to, token, pathname))
    })
    return decodeJson(nameOf(type), 'GET', pathname, reply)
  }

  async #persist(call: Call, attempt: () => Promise<Reply>): Promise<Reply> {
    const { clock, random, log, transport } = this.#options
    const { method, path } = call
    const repeatable = call.safe === true || (method !== 'POST' && method !== 'PATCH')
    if (!repeatable) return attempt()
    try {
      return await persist(attempt, {
        clock,
        random,
        signals: [call.options.signal, transport.closing],
        mayRetry: isTransient,
        onRetry: ({ message }, delayMs) =>
          log.debug({ reason: message, method, path, delayMs }, 'a call failed; trying again'),
      })
    } catch (thrown) {
      const error = PcgError.from(thrown)
      // What only reads was not "maybe done": there was nothing to do.
      if (error.code !== 'interrupted' || !isRead(method)) throw error
      throw new PcgError('unavailable', error.message, { cause: error })
    }
  }

  /** Invariant 1. */
  async #authenticated(signal: AbortSignal, work: (token: Token) => Promise<Reply>, lifeMs?: number): Promise<Reply> {
    const { session } = this.#options
    const used = await session.token(signal, lifeMs)
    try {
      return await work(used)
    } catch (error) {
      if (!(error instanceof PcgError) || error.code !== 'unauthenticated') throw error
      session.expire(used)
      return work(await session.token(signal, lifeMs))
    }
  }

  /** Throws the fault unless the answer is a success, or several versions to choose from. */
  async #send(to: Outgoing, token: Token, path: string): Promise<Reply> {
    const { transport, clock, secrets } = this.#options
    const reply = await transport.send(to)
    if (reply.status < 300 || (reply.status === 300 && to.method === 'GET')) return reply
    const asked = { method: to.method, path, secrets: [...secrets, token.value] }
    throw faultError(to.to, readFault(reply, asked, clock.now()))
  }
}

export function nameOf(type: ServiceType): string {
  return `the ${type} service`
}

function outgoing(call: Call, located: Located, token: Token, body: Outgoing['body']): Outgoing {
  const { type, method, path, options } = call
  return {
    to: nameOf(type),
    subject: `spec.endpoints.${type}`,
    method,
    url: `${located.base}${path}${queryText(options.query)}`,
    headers: {
      accept: 'application/json',
      'x-auth-token': token.value,
      ...(body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      ...microversionHeaders(type, microversionFor(type, located, options.microversion)),
      ...options.headers,
    },
    body,
    signal: options.signal,
    timeoutMs: options.timeoutMs,
  }
}

/** Novas before microversion 2.27 know only their own header. */
function microversionHeaders(type: ServiceType, microversion: string | undefined): Record<string, string> {
  const range = SERVICES[type].microversions
  if (range === undefined || microversion === undefined) return {}
  const header = { 'openstack-api-version': `${range.header} ${microversion}` }
  return type === 'compute' ? { ...header, 'x-openstack-nova-api-version': microversion } : header
}

function queryText(query: Readonly<Record<string, QueryValue>> | undefined): string {
  if (query === undefined) return ''
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const one of typeof value === 'object' ? value : [value]) search.append(name, String(one))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

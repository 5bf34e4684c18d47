/** A cloud over real sockets: keystone that gives tokens, and services below one address that answer what a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type CloudDependencies, type OpenstackCloud, openCloud } from '../../../../adapters/openstack/client/cloud.ts'
import type { OpenstackCredentials } from '../../../../adapters/openstack/client/credentials.ts'
import type { CloudOptions } from '../../../../adapters/openstack/client/endpoint-options.ts'
import type { Clock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'

export const HOUR_MS = 3_600_000
export const SIGNAL: AbortSignal = new AbortController().signal
export const PASSWORD: OpenstackCredentials = {
  type: 'password',
  username: 'pcg',
  userDomain: { name: 'Default' },
  password: 'hunter2-very-secret',
}
export const PROJECT = 'f00dfeed'

/** Doesn't wait, and keeps for how long it should have. */
export class FakeClock implements Clock {
  at = Date.parse('2026-11-22T12:00:00Z')
  readonly slept: number[] = []

  now(): number {
    return this.at
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.slept.push(ms)
    this.at += ms
  }
}

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object as JSON, a string as it is. */
  readonly body?: object | string
}

/** An answer, or what to do with the connection instead. */
export type Handler = (asked: Asked, response: ServerResponse) => Answer | Promise<Answer | undefined> | undefined

export interface FakeEndpoint {
  readonly type: string
  /** An URL, or a path on this server. */
  readonly url: string
  readonly region?: string
  readonly interface?: string
}

const VERSIONS = (id: string, path: string, more: object = {}) => ({
  id,
  status: 'CURRENT',
  links: [{ rel: 'self', href: `http://10.0.0.1:1234${path}` }],
  ...more,
})

export class FakeCloud {
  readonly asked: Asked[] = []
  readonly clock = new FakeClock()
  /** How long new tokens live. */
  tokenLifeMs = HOUR_MS
  tokens = 0
  /** Answers 401 without reading what is sent. */
  refusesEarly = false
  catalog: FakeEndpoint[] = [
    { type: 'identity', url: '/identity/v3' },
    { type: 'compute', url: '/compute/v2.1' },
    { type: 'network', url: '/network' },
    { type: 'image', url: '/image' },
    { type: 'volumev3', url: `/volume/v3/${PROJECT}` },
    { type: 'placement', url: '/placement' },
  ]
  readonly #routes = new Map<string, Handler>()
  readonly #valid = new Set<string>()
  readonly #server: ReturnType<typeof createServer>
  readonly #clients: OpenstackCloud[] = []
  readonly #scheme: string

  private constructor(tls: ServerOptions | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    this.#scheme = tls === undefined ? 'http' : 'https'
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    this.on('POST', '/identity/v3/auth/tokens', () => this.giveToken())
    this.on('GET', '/compute/v2.1/', () => ({
      body: { version: VERSIONS('v2.1', '/v2.1/', { version: '2.93', min_version: '2.1' }) },
    }))
    this.on('GET', '/volume/v3/', () => ({
      body: { versions: [VERSIONS('v3.0', '/v3/', { version: '3.70', min_version: '3.0' })] },
    }))
    this.on('GET', '/placement/', () => ({
      body: { versions: [{ ...VERSIONS('v1.0', '', { max_version: '1.39', min_version: '1.0' }), links: [] }] },
    }))
    this.on('GET', '/network/', () => ({ body: { versions: [VERSIONS('v2.0', '/v2.0/')] } }))
    this.on('GET', '/image/', () => ({
      status: 300,
      body: { versions: [VERSIONS('v2.15', '/v2/'), VERSIONS('v2.9', '/v2/'), VERSIONS('v1.1', '/v1/')] },
    }))
  }

  static async open(tls?: ServerOptions): Promise<FakeCloud> {
    const cloud = new FakeCloud(tls)
    await new Promise<void>((resolve) => cloud.#server.listen(0, '127.0.0.1', resolve))
    return cloud
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  on(method: string, path: string, handler: Handler): void {
    this.#routes.set(`${method} ${path}`, handler)
  }

  /** Each call gets the next; the last is kept. */
  onceEach(method: string, path: string, ...handlers: readonly Handler[]): void {
    let calls = 0
    this.on(method, path, (asked, response) => handlers[Math.min(calls++, handlers.length - 1)]?.(asked, response))
  }

  /** Of one method and path, in order. */
  calls(method: string, path: string): Asked[] {
    return this.asked.filter((asked) => asked.method === method && asked.path === path)
  }

  /** No token given so far counts any more. */
  revokeTokens(): void {
    this.#valid.clear()
  }

  giveToken(): Answer {
    this.tokens++
    const value = `token-${this.tokens}-gAAAA`
    this.#valid.add(value)
    const catalog = this.catalog.map(({ type, url, region = 'RegionOne', interface: face = 'public' }) => ({
      type,
      endpoints: [{ interface: face, region_id: region, url: url.startsWith('/') ? `${this.origin}${url}` : url }],
    }))
    const token = {
      issued_at: new Date(this.clock.at).toISOString(),
      expires_at: new Date(this.clock.at + this.tokenLifeMs).toISOString(),
      user: { id: 'u1', name: 'pcg' },
      project: { id: PROJECT, name: 'demo' },
      roles: [{ name: 'member' }],
      catalog,
    }
    return { status: 201, headers: { 'x-subject-token': value }, body: { token } }
  }

  client(
    options: Partial<CloudOptions> = {},
    credentials: OpenstackCredentials = PASSWORD,
    dependencies: Partial<CloudDependencies> = {},
  ): OpenstackCloud {
    const client = openCloud(
      {
        authUrl: `${this.origin}/identity`,
        interface: 'public',
        scope: { type: 'project', name: 'demo', domain: { name: 'Default' } },
        ...options,
      },
      credentials,
      { clock: this.clock, log: silentLog, random: () => 0.5, ...dependencies },
    )
    this.#clients.push(client)
    return client
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://cloud')
    const method = request.method ?? 'GET'
    const early = this.refusesEarly && !this.#valid.has(String(request.headers['x-auth-token']))
    const unread = early && method === 'PUT'
    const chunks = unread ? [] : await Array.fromAsync<Buffer>(request).catch(() => [])
    const body = Buffer.concat(chunks).toString('utf8')
    const asked = { method, path: pathname, query: searchParams, headers: request.headers, body }
    this.asked.push(asked)
    const answer = await this.#answer(asked, response)
    if (answer === undefined) return
    const text = typeof answer.body === 'object' ? JSON.stringify(answer.body) : (answer.body ?? '')
    const type = typeof answer.body === 'object' ? { 'content-type': 'application/json' } : {}
    response.writeHead(answer.status ?? 200, { 'x-openstack-request-id': 'req-1', ...type, ...answer.headers })
    response.end(text)
  }

  #answer(asked: Asked, response: ServerResponse): ReturnType<Handler> {
    const isLogin = asked.path === '/identity/v3/auth/tokens'
    if (!isLogin && !this.#valid.has(String(asked.headers['x-auth-token']))) {
      return { status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'wrong token' } } }
    }
    const handler = this.#routes.get(`${asked.method} ${asked.path}`)
    if (handler === undefined) return { status: 404, body: { itemNotFound: { code: 404, message: 'no such thing' } } }
    return handler(asked, response)
  }
}

/** What a call was rejected with. */
export async function rejection(call: Promise<unknown>): Promise<Error> {
  try {
    await call
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('the call did not reject')
}

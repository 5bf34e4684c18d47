/** A small client of the real APIs for what tests do from outside: it shares nothing with the adapter that is tested. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiName } from './configuration.ts'

export interface AdminApiOptions {
  /** Base URLs, without a version. */
  readonly urls: Readonly<Record<ApiName, string>>
  readonly username: string
  readonly password: string
  readonly project: string
}

export class OpenstackFault extends Error {
  readonly status: number

  constructor(request: string, status: number, body: string) {
    super(`${request}: HTTP ${status} ${body}`)
    this.status = status
  }
}

/** With a microversion where one is needed: nova's and cinder's newest. */
const NEWEST: Readonly<Partial<Record<ApiName, string>>> = {
  nova: 'compute 2.93',
  cinder: 'volume 3.70',
  placement: 'placement 1.39',
}
const TOKEN_LIFE_MS = 30 * 60_000
const AGAIN_MS = 100

export class AdminApi {
  readonly #options: AdminApiOptions
  #token: { readonly value: Promise<string>; readonly untilMs: number } | null = null

  constructor(options: AdminApiOptions) {
    this.#options = options
  }

  get<T>(api: ApiName, path: string): Promise<T> {
    return this.request<T>('GET', api, path)
  }

  post<T>(api: ApiName, path: string, body: unknown): Promise<T> {
    return this.request<T>('POST', api, path, body)
  }

  put<T>(api: ApiName, path: string, body?: unknown): Promise<T> {
    return this.request<T>('PUT', api, path, body)
  }

  /** That it is gone already is as good. */
  async delete(api: ApiName, path: string): Promise<void> {
    try {
      await this.request('DELETE', api, path)
    } catch (error) {
      if (!(error instanceof OpenstackFault && error.status === 404)) throw error
    }
  }

  /** Throws OpenstackFault for a status of 400 and above. A service that is still busy starting (503) is asked again. */
  async request<T>(method: string, api: ApiName, path: string, body?: unknown): Promise<T> {
    const binary = body instanceof Uint8Array
    const contents = body === undefined ? {} : { body: binary ? new Uint8Array(body) : JSON.stringify(body) }
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${this.#options.urls[api]}${path}`, {
        method,
        ...contents,
        headers: {
          'x-auth-token': await this.#authenticated(),
          'content-type': binary ? 'application/octet-stream' : contentType(api, method),
          ...(NEWEST[api] === undefined ? {} : { 'openstack-api-version': NEWEST[api] }),
        },
      })
      const text = await response.text()
      if (response.status === 503 && attempt < 20) {
        await sleep(AGAIN_MS)
        continue
      }
      if (response.status === 401 && attempt === 1) {
        // A user's tokens end with any change to the user.
        this.#token = null
        continue
      }
      if (response.status >= 400) throw new OpenstackFault(`${method} ${api} ${path}`, response.status, text)
      return (text === '' || !/json/.test(response.headers.get('content-type') ?? '') ? null : JSON.parse(text)) as T
    }
  }

  #authenticated(): Promise<string> {
    if (this.#token === null || this.#token.untilMs < Date.now()) {
      this.#token = { value: this.#authenticate(), untilMs: Date.now() + TOKEN_LIFE_MS }
    }
    return this.#token.value
  }

  async #authenticate(): Promise<string> {
    const { urls, username, password, project } = this.#options
    const domain = { id: 'default' }
    const identity = { methods: ['password'], password: { user: { name: username, domain, password } } }
    const response = await fetch(`${urls.keystone}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
    })
    const text = await response.text()
    const token = response.headers.get('x-subject-token')
    if (token === null) throw new OpenstackFault(`a token for ${username}`, response.status, text)
    return token
  }
}

function contentType(api: ApiName, method: string): string {
  return api === 'glance' && method === 'PATCH' ? 'application/openstack-images-v2.1-json-patch' : 'application/json'
}

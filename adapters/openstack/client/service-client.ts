import { type Discovery, microversionFor } from './discovery.ts'
import { isNotFound } from './openstack-fault.ts'
import { readPages } from './pages.ts'
import { nameOf, type Requests } from './requests.ts'
import type { CallOptions, ChangeOptions, PatchOptions, Service, ServiceVersion, UploadOptions } from './service.ts'
import type { ServiceType } from './service-type.ts'
import type { Session } from './session.ts'
import type { Method } from './transport.ts'

/** Without a chunk taken or an answer for this long an upload has failed; a store may take minutes for what it was sent. */
const UPLOAD_IDLE_MS = 5 * 60_000
/** A token that ends sooner is renewed first, so that few uploads have to begin anew. */
const UPLOAD_TOKEN_LIFE_MS = 15 * 60_000

export interface ServiceParts {
  readonly requests: Requests
  readonly discovery: Discovery
  readonly session: Session
}

/** Answers are typed by who asks: a list of thousands isn't checked field by field. */
export class ServiceClient implements Service {
  readonly #type: ServiceType
  readonly #parts: ServiceParts

  constructor(type: ServiceType, parts: ServiceParts) {
    this.#type = type
    this.#parts = parts
  }

  get<T = unknown>(path: string, options: CallOptions): Promise<T> {
    return this.#call('GET', path, undefined, options)
  }

  async find<T = unknown>(path: string, options: CallOptions): Promise<T | undefined> {
    try {
      return await this.get<T>(path, options)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  post<T = unknown>(path: string, body: unknown, options: ChangeOptions): Promise<T> {
    return this.#call('POST', path, body, options)
  }

  put<T = unknown>(path: string, body: unknown, options: CallOptions): Promise<T> {
    return this.#call('PUT', path, body, options)
  }

  patch<T = unknown>(path: string, body: unknown, options: PatchOptions): Promise<T> {
    return this.#call('PATCH', path, body, options, options.contentType)
  }

  async delete(path: string, options: CallOptions): Promise<boolean> {
    try {
      await this.#call('DELETE', path, undefined, options)
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  pages<T = unknown>(path: string, key: string, options: CallOptions): AsyncIterable<readonly T[]> {
    const get = (query: CallOptions['query']) => this.get(path, { ...options, query })
    return readPages<T>(key, options.query, get, `GET ${path} of ${nameOf(this.#type)}`)
  }

  async version(signal: AbortSignal): Promise<ServiceVersion> {
    const { session, discovery } = this.#parts
    const located = await discovery.locate(this.#type, await session.token(signal), signal)
    return { version: located.version, microversion: microversionFor(this.#type, located) }
  }

  async upload(path: string, source: () => AsyncIterable<Uint8Array>, options: UploadOptions): Promise<void> {
    const { signal, microversion, size, onProgress } = options
    const headers = size === undefined ? options.headers : { ...options.headers, 'content-length': String(size) }
    const call = {
      type: this.#type,
      method: 'PUT',
      path,
      options: { signal, microversion, headers, timeoutMs: UPLOAD_IDLE_MS },
      contentType: 'application/octet-stream',
    } as const
    const stream = () => ({ chunks: counted(source(), onProgress) })
    await this.#parts.requests.upload(this.#parts.discovery, call, stream, UPLOAD_TOKEN_LIFE_MS)
  }

  async #call<T>(
    method: Method,
    path: string,
    body: unknown,
    options: ChangeOptions,
    contentType?: string,
  ): Promise<T> {
    const call = { type: this.#type, method, path, body, options, contentType, safe: options.safe }
    const answer = await this.#parts.requests.call(this.#parts.discovery, call)
    return answer as T
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onProgress: ((sentBytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of source) {
    yield chunk
    // The next one is asked for once the connection took this one.
    sent += chunk.byteLength
    onProgress?.(sent)
  }
}

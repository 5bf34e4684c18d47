import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { KIND_NAMES } from '../resources/kind-names.ts'
import type { TimelineEntry } from '../resources/machine.ts'
import { nearName } from '../resources/near-name.ts'
import type { Finding, InventoryItem, LedgerEntry, PlanAnswer } from '../resources/query.ts'
import type { ReportedKind, Resource } from '../resources/resource.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import {
  type ApiKey,
  type ApplyResult,
  type EventRecord,
  type Item,
  type JoinToken,
  nameOf,
  type ResourceItem,
  type Role,
} from './api-types.ts'
import type { Context } from './config.ts'
import { isObject } from './is-object.ts'
import { readJson, send, type WireRequest } from './wire.ts'

/** For answers that the broker gives by itself. */
const SHORT_MS = 30_000
/** For answers that a gateway must ask its cloud for. */
const LONG_MS = 180_000

export interface EventFilter {
  readonly kind?: ReportedKind
  readonly name?: string
  readonly after?: number
  readonly limit?: number
}

/** The tenant API. Every method rejects with a PcgError: the broker's own, or what kept it from being asked. */
export class Client {
  readonly context: Context
  readonly #agent: HttpAgent | HttpsAgent

  constructor(context: Context) {
    this.context = context
    const keep = { keepAlive: true }
    this.#agent = context.server.startsWith('http:') ? new HttpAgent(keep) : new HttpsAgent(keep)
  }

  async apply(resources: readonly Resource[], dryRun: boolean, signal: AbortSignal): Promise<ApplyResult[]> {
    const body = { resources, ...(dryRun ? { dryRun } : {}) }
    return await this.#list('POST', '/apply', 'results', signal, { body })
  }

  async plan(resources: readonly Resource[], signal: AbortSignal): Promise<PlanAnswer> {
    const answer = await this.#call('POST', '/plan', signal, { body: { resources }, timeoutMs: LONG_MS })
    return answer as PlanAnswer
  }

  async list(kind: ReportedKind, signal: AbortSignal, query: Record<string, string> = {}): Promise<Item[]> {
    return await this.#pages(`/${KIND_NAMES[kind].plural}`, query, signal)
  }

  async get(kind: ReportedKind, name: string, signal: AbortSignal): Promise<Item> {
    return (await this.#about(kind, name, signal, this.#call('GET', resourcePath(kind, name), signal))) as Item
  }

  async has(kind: ReportedKind, name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call('GET', resourcePath(kind, name), signal)
      return true
    } catch (error) {
      if (error instanceof PcgError && error.code === 'not-found') return false
      throw error
    }
  }

  /** Marks it for deletion; it is gone when its gateway has undone all that it stands for. */
  async delete(kind: ReportedKind, name: string, forget: boolean, signal: AbortSignal): Promise<ResourceItem> {
    const query = forget ? { forget: 'true' } : {}
    const call = this.#call('DELETE', resourcePath(kind, name), signal, { query })
    return (await this.#about(kind, name, signal, call)) as ResourceItem
  }

  async timeline(name: string, signal: AbortSignal, kind: 'Cluster' | 'Machine' = 'Machine'): Promise<TimelineEntry[]> {
    return await this.#list('GET', `${resourcePath(kind, name)}/timeline`, 'entries', signal)
  }

  async events(filter: EventFilter, signal: AbortSignal): Promise<EventRecord[]> {
    const query = Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)]))
    return await this.#list('GET', '/events', 'events', signal, { query })
  }

  async joinToken(gateway: string, ttlSeconds: number | undefined, signal: AbortSignal): Promise<JoinToken> {
    const body = ttlSeconds === undefined ? {} : { ttlSeconds }
    return (await this.#call('POST', `${resourcePath('Gateway', gateway)}/token`, signal, { body })) as JoinToken
  }

  async revoke(gateway: string, signal: AbortSignal): Promise<void> {
    const call = this.#call('POST', `${resourcePath('Gateway', gateway)}/revoke`, signal, { body: {} })
    await this.#about('Gateway', gateway, signal, call)
  }

  async ledger(gateway: string, cluster: string | undefined, signal: AbortSignal): Promise<LedgerEntry[]> {
    const query = cluster === undefined ? {} : { cluster }
    const path = `${resourcePath('Gateway', gateway)}/ledger`
    const list = this.#list<LedgerEntry>('GET', path, 'entries', signal, { query, timeoutMs: LONG_MS })
    return await this.#about('Gateway', gateway, signal, list)
  }

  async inventory(account: string, signal: AbortSignal): Promise<InventoryItem[]> {
    const path = `${resourcePath('CloudAccount', account)}/inventory`
    const list = this.#list<InventoryItem>('GET', path, 'items', signal, { timeoutMs: LONG_MS })
    return await this.#about('CloudAccount', account, signal, list)
  }

  async verify(account: string, signal: AbortSignal): Promise<Finding[]> {
    const path = `${resourcePath('CloudAccount', account)}/verify`
    const list = this.#list<Finding>('POST', path, 'findings', signal, { body: {}, timeoutMs: LONG_MS })
    return await this.#about('CloudAccount', account, signal, list)
  }

  async createKey(name: string, role: Role, signal: AbortSignal): Promise<{ id: string; key: string }> {
    return (await this.#call('POST', '/keys', signal, { body: { name, role } })) as { id: string; key: string }
  }

  async keys(signal: AbortSignal): Promise<ApiKey[]> {
    return await this.#pages('/keys', {}, signal)
  }

  async deleteKey(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', `/keys/${encodeURIComponent(id)}`, signal)
  }

  /** What the watch opens its stream with; see watch-stream.ts. */
  watchRequest(after: number | undefined, signal: AbortSignal): WireRequest {
    return this.#request('GET', '/watch', after === undefined ? {} : { after: String(after) }, undefined, signal)
  }

  /** Closes kept connections, so that the process can end. */
  close(): void {
    this.#agent.destroy()
  }

  /** What is asked of one resource: should there be none of that name, the error says which was probably meant. */
  async #about<T>(kind: ReportedKind, name: string, signal: AbortSignal, call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      if (!(error instanceof PcgError) || error.code !== 'not-found') throw error
      const names = (await this.list(kind, signal).catch(() => [])).map(nameOf)
      // Then it is something else that there is not.
      if (names.includes(name)) throw error
      const near = nearName(name, names)
      const lists = `\`pcg get ${KIND_NAMES[kind].plural}\` lists those that there are.`
      const remedy = near === undefined ? lists : `Did you mean ${near}? ${lists}`
      throw new PcgError('not-found', error.message, {
        ...(error.subject === undefined ? {} : { subject: error.subject }),
        remedy,
        cause: error,
      })
    }
  }

  #request(
    method: WireRequest['method'],
    path: string,
    query: Record<string, string>,
    body: unknown,
    signal: AbortSignal,
  ): WireRequest {
    const url = new URL(`/v1${path}`, this.context.server)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const { apiKey, authority, source, authoritySource, keySource } = this.context
    return {
      method,
      url,
      apiKey,
      source,
      authoritySource,
      keySource,
      signal,
      agent: this.#agent,
      ...(authority === undefined ? {} : { authority }),
      ...(body === undefined ? {} : { body }),
    }
  }

  async #call(
    method: WireRequest['method'],
    path: string,
    signal: AbortSignal,
    options: { query?: Record<string, string>; body?: unknown; timeoutMs?: number } = {},
  ): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? SHORT_MS
    const limit = AbortSignal.timeout(timeoutMs)
    const request = this.#request(method, path, options.query ?? {}, options.body, AbortSignal.any([signal, limit]))
    try {
      return await readJson(await send(request), request)
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error
      throw new PcgError('timeout', `the broker did not answer within ${timeoutMs / 1000} s`, {
        subject: this.context.server,
        remedy: 'Try again; if it stays so, look at the log of the broker, and of the gateway that it asks.',
      })
    }
  }

  /** All of a list that the broker answers in parts, by names. */
  async #pages<T>(path: string, query: Record<string, string>, signal: AbortSignal): Promise<T[]> {
    const items: T[] = []
    let after: string | undefined
    do {
      const from = after === undefined ? query : { ...query, after }
      const answer = await this.#call('GET', path, signal, { query: from })
      items.push(...this.#listIn<T>(answer, 'items'))
      after = isObject(answer) && typeof answer.next === 'string' ? answer.next : undefined
    } while (after !== undefined)
    return items
  }

  /** The list in the answer's field. */
  async #list<T>(
    method: WireRequest['method'],
    path: string,
    field: string,
    signal: AbortSignal,
    options: { query?: Record<string, string>; body?: unknown; timeoutMs?: number } = {},
  ): Promise<T[]> {
    return this.#listIn(await this.#call(method, path, signal, options), field)
  }

  /** The API is this product's own, so its entries are taken for what they say they are. */
  #listIn<T>(answer: unknown, field: string): T[] {
    const list = isObject(answer) ? answer[field] : undefined
    if (Array.isArray(list)) return list as T[]
    throw new PcgError('unavailable', `answered without ${field}: is it a broker of this version?`, {
      subject: this.context.server,
    })
  }
}

function resourcePath(kind: ReportedKind, name: string): string {
  return `/${KIND_NAMES[kind].plural}/${encodeURIComponent(name)}`
}

import type { ApiName } from './configuration.ts'

export interface RequestMatch {
  readonly api?: ApiName
  readonly method?: string
  /** Of the path and query as the service sees them: `/v2.1/servers`. */
  readonly path?: RegExp
}

export type Fault =
  /** The connection breaks: before the service hears of it, or after it has done it (the reply is lost). */
  | { readonly do: 'cut'; readonly when: 'before' | 'after' }
  /** Nothing goes on until `release`. */
  | { readonly do: 'hold'; readonly when: 'before' | 'after' }
  | { readonly do: 'delay'; readonly ms: number }
  /** Instead of asking the service. A body that is no string becomes JSON. */
  | {
      readonly do: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: unknown
    }
  /** The second half of the reply is missing. */
  | { readonly do: 'truncate' }

/** A fault that waits for its request. */
export class Injection {
  readonly fault: Fault
  readonly #match: RequestMatch
  readonly #reached = Promise.withResolvers<void>()
  readonly #released = Promise.withResolvers<void>()
  #left: number
  #hits = 0

  constructor(match: RequestMatch, fault: Fault, times: number) {
    this.#match = match
    this.fault = fault
    this.#left = times
  }

  /** How many requests met with it. */
  get hits(): number {
    return this.#hits
  }

  /** Resolves when the first request is held, or has met with it. */
  get reached(): Promise<void> {
    return this.#reached.promise
  }

  /** Lets requests that are held go on. */
  release(): void {
    this.#released.resolve()
  }

  async held(): Promise<void> {
    this.#reached.resolve()
    await this.#released.promise
  }

  /** Whether this request meets with it. */
  takes(request: { readonly api: ApiName; readonly method: string; readonly path: string }): boolean {
    const { api, method, path } = this.#match
    if (this.#left <= 0) return false
    if (api !== undefined && api !== request.api) return false
    if (method !== undefined && method !== request.method) return false
    if (path !== undefined && !path.test(request.path)) return false
    this.#left -= 1
    this.#hits += 1
    if (this.fault.do !== 'hold') this.#reached.resolve()
    return true
  }
}

export class FrontFaults {
  #waiting: Injection[] = []

  inject(match: RequestMatch, fault: Fault, times: number): Injection {
    const injection = new Injection(match, fault, times)
    this.#waiting.push(injection)
    return injection
  }

  take(request: { readonly api: ApiName; readonly method: string; readonly path: string }): Injection | null {
    return this.#waiting.find((injection) => injection.takes(request)) ?? null
  }

  clear(): void {
    for (const injection of this.#waiting) injection.release()
    this.#waiting = []
  }
}

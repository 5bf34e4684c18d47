import type { ApiName } from './configuration.ts'

export interface PassedRequest {
  readonly api: ApiName
  readonly method: string
  /** With its query, as the service sees it. */
  readonly path: string
  /** Null while it is on its way, and for good if no answer was given. */
  readonly status: number | null
}

/** What passed a front since it was started or `reset`. */
export class FrontTraffic {
  #requests: { api: ApiName; method: string; path: string; status: number | null }[] = []
  readonly #tokens = new Set<string>()
  #inFlight = 0
  #mostInFlight = 0

  /** In the order in which they came. */
  get requests(): readonly PassedRequest[] {
    return this.#requests
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get mostInFlight(): number {
    return this.#mostInFlight
  }

  /** Requests for a token, also those that were refused. */
  get tokenRequests(): number {
    return this.count({ api: 'keystone', method: 'POST', path: /^\/v3\/auth\/tokens/ })
  }

  /** Every token that keystone gave, since the front was started: what must be found nowhere. */
  get tokens(): ReadonlySet<string> {
    return this.#tokens
  }

  count(match: { readonly api?: ApiName; readonly method?: string; readonly path?: RegExp }): number {
    return this.#requests.filter(
      ({ api, method, path }) =>
        (match.api ?? api) === api && (match.method ?? method) === method && (match.path?.test(path) ?? true),
    ).length
  }

  reset(): void {
    this.#requests = []
    this.#mostInFlight = this.#inFlight
  }

  begin(api: ApiName, method: string, path: string): PassedRequest {
    const entry = { api, method, path, status: null }
    this.#requests.push(entry)
    this.#inFlight += 1
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight)
    return entry
  }

  noteToken(token: string): void {
    this.#tokens.add(token)
  }

  end(entry: PassedRequest, status: number | null): void {
    this.#inFlight -= 1
    const found = this.#requests.find((candidate) => candidate === entry)
    if (found !== undefined) found.status = status
  }
}

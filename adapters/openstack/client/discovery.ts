/**
 * Where each service's API is, and which microversions it knows.
 *
 * Invariants
 * 1. Each service is asked once; what it said is kept until the process ends. A failure isn't kept.
 * 2. Scheme, host and path prefix are the catalog's. A service behind a proxy that ends TLS names itself wrongly in its documents: of their
 *    links only the version counts.
 */
import { PcgError } from '../../../runtime/pcg-error.ts'
import { abortable } from './cancellation.ts'
import { findEndpoint, type Wanted } from './catalog.ts'
import { type EndpointUrl, majorOf, splitEndpoint } from './endpoint-url.ts'
import { negotiate, type Supported } from './microversion.ts'
import { faultOf } from './openstack-fault.ts'
import { SERVICES, type ServiceKind, type ServiceType } from './service-type.ts'
import type { Token } from './token.ts'
import { newestOf, type OfferedVersion, readVersions } from './version-document.ts'

/** Where a service's API is. */
export interface Located {
  /** Calls' paths follow it; no slash at its end. */
  readonly base: string
  /** `v2.1` */
  readonly version: string
  readonly microversions: Supported | undefined
}

/** GETs a document about versions: its JSON, whether the status is 200 or 300. */
export type ReadDocument = (type: ServiceType, url: string) => Promise<unknown>

export class Discovery {
  readonly #found = new Map<ServiceType, Promise<Located>>()
  readonly #wanted: Wanted
  readonly #read: ReadDocument

  constructor(wanted: Wanted, read: ReadDocument) {
    this.#wanted = wanted
    this.#read = read
  }

  locate(type: ServiceType, token: Token, signal: AbortSignal): Promise<Located> {
    const known = this.#found.get(type)
    if (known !== undefined) return abortable(known, signal)
    const asking = this.#ask(type, token)
    this.#found.set(type, asking)
    asking.catch(() => this.#found.delete(type))
    return abortable(asking, signal)
  }

  async #ask(type: ServiceType, token: Token): Promise<Located> {
    const kind = SERVICES[type]
    const url = splitEndpoint(findEndpoint(token.catalog, type, this.#wanted), `spec.endpoints.${type}`)
    const here = url.version === undefined || majorOf(url.version) !== kind.major ? undefined : url.version
    if (here !== undefined && kind.microversions === undefined) return at(url, kind, token, here, undefined)
    const places = here === undefined ? [`${url.root}/`] : [`${url.root}/${here}/`, `${url.root}/`]
    let seen: readonly OfferedVersion[] = []
    let failure: PcgError | undefined
    for (const place of places) {
      try {
        const offered = readVersions(await this.#read(type, place)) ?? []
        seen = [...seen, ...offered]
        const found = newestOf(offered, kind.major)
        const fits = found !== undefined && (kind.microversions === undefined || found.microversions !== undefined)
        if (fits) return at(url, kind, token, found.path ?? kind.versionPath, found)
      } catch (error) {
        if (!saysNothing(error)) throw error
        failure = PcgError.from(error)
      }
    }
    // Some sites let nobody read a service's root. What needs no microversion is where it always is.
    if (seen.length === 0 && kind.microversions === undefined) return at(url, kind, token, kind.versionPath, undefined)
    throw unfit(type, kind, url, seen, failure)
  }
}

/** The microversion that calls ask for, undefined where the service has none. */
export function microversionFor(type: ServiceType, { microversions }: Located, needed?: string): string | undefined {
  const known = SERVICES[type].microversions
  return known === undefined || microversions === undefined ? undefined : negotiate(type, known, microversions, needed)
}

function at(
  url: EndpointUrl,
  kind: ServiceKind,
  token: Token,
  segment: string,
  found: OfferedVersion | undefined,
): Located {
  const project = token.project === undefined ? '' : `/${token.project.id}`
  const rest = segment === url.version ? url.rest : ''
  const below = rest === '' && kind.projectInPath ? project : rest
  return {
    base: segment === '' ? url.root : `${url.root}/${segment}${below}`,
    version: segment || (found?.id ?? `v${kind.major}`),
    microversions: found?.microversions,
  }
}

/** There is no document at this place; that says nothing about the next one. */
function saysNothing(error: unknown): boolean {
  const status = faultOf(error)?.status
  if (status !== undefined) return status >= 400 && status < 500 && status !== 429
  return error instanceof PcgError && error.code === 'unavailable' && error.cause === undefined
}

function unfit(
  type: ServiceType,
  kind: ServiceKind,
  url: EndpointUrl,
  seen: readonly OfferedVersion[],
  cause: PcgError | undefined,
): PcgError {
  const offers =
    seen.length > 0 ? `offers ${seen.map(({ id }) => id).join(', ')}` : 'does not say which versions it has'
  const needs = kind.microversions === undefined ? '' : ` with microversion ${kind.microversions.min}`
  const why = cause === undefined ? '' : ` (${cause.message})`
  return new PcgError(
    'invalid',
    `the ${type} service at ${url.root} ${offers}; v${kind.major}${needs} is needed${why}`,
    {
      cause,
      subject: `spec.endpoints.${type}`,
      remedy: `Check the endpoint in keystone's catalog, or set spec.endpoints.${type}.`,
    },
  )
}

/**
 * Where the next page of a list is. Services say it in different ways:
 * - nova, neutron, octavia: `"servers_links": [{"rel": "next", "href": "…"}]`; cinder's name may be another one (`volume_type_links` of `volume_types`)
 * - keystone: `"links": {"next": "…" or null}`
 * - glance: `"next": "/v2/images?marker=…"`
 * - those that say nothing are asked with the last item as marker, while pages are full; or, where the query has an `offset`
 *   (nova's server groups), from there on until a page is empty.
 * Of a link only its query counts: it is followed on the endpoint that the list came from. Pure but for `readPages`.
 */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { QueryValue } from './service.ts'

export type Query = Readonly<Record<string, QueryValue>>

/** @param get reads one page; @param what for messages: `GET /servers of the compute service` */
export async function* readPages<T>(
  key: string,
  query: Query | undefined,
  get: (query: Query | undefined) => Promise<unknown>,
  what: string,
): AsyncGenerator<readonly T[]> {
  const seen = new Set<string>()
  for (let at = query; ; ) {
    const answer = await get(at)
    const items = itemsOf<T>(answer, key, what)
    yield items
    const next = nextQuery(answer, key, items, at)
    if (next === undefined) return
    const name = JSON.stringify(next)
    if (seen.has(name)) {
      throw new PcgError('internal', `the list of ${what} never ends: it leads to the same page again`, {
        remedy: `Look into the service's log; its pages by marker don't work.`,
      })
    }
    seen.add(name)
    at = next
  }
}

/** The query of the page that follows, undefined after the last. */
export function nextQuery(
  answer: unknown,
  key: string,
  items: readonly unknown[],
  query: Query | undefined,
): Query | undefined {
  const link = nextLink(answer, key)
  if (link === 'last') return undefined
  if (link !== undefined) return queryOf(link)
  if (query?.offset !== undefined) {
    return items.length === 0 ? undefined : { ...query, offset: Number(query.offset) + items.length }
  }
  const limit = Number(query?.limit)
  const marker = field(items.at(-1), 'id') ?? field(items.at(-1), 'uuid')
  if (items.length !== limit || typeof marker !== 'string') return undefined
  return { ...query, marker }
}

/** `last` where the service has links and none leads on. */
function nextLink(answer: unknown, key: string): string | 'last' | undefined {
  const next = field(answer, 'next')
  if (typeof next === 'string') return next
  const links = field(answer, `${key}_links`) ?? otherLinks(answer) ?? field(answer, 'links')
  if (Array.isArray(links)) {
    const href = field(
      links.find((link) => field(link, 'rel') === 'next'),
      'href',
    )
    return typeof href === 'string' ? href : 'last'
  }
  if (typeof links !== 'object' || links === null) return undefined
  const href = field(links, 'next')
  return typeof href === 'string' ? href : 'last'
}

function otherLinks(answer: unknown): unknown {
  const name = Object.keys(Object(answer)).find((key) => key.endsWith('_links'))
  return name === undefined ? undefined : field(answer, name)
}

function queryOf(link: string): Query {
  const search = URL.parse(link, 'http://none')?.searchParams ?? new URLSearchParams()
  return Object.fromEntries([...new Set(search.keys())].map((name) => [name, search.getAll(name)]))
}

function itemsOf<T>(answer: unknown, key: string, what: string): readonly T[] {
  const items = field(answer, key)
  if (Array.isArray(items)) return items
  // An answer that lacks the list must not read as an empty one.
  throw new PcgError('unavailable', `the answer to ${what} has no list of ${key}`)
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

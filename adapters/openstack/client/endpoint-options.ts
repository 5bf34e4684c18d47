import type { ServiceType } from './service-type.ts'

export type DomainRef =
  | { readonly id: string; readonly name?: undefined }
  | { readonly name: string; readonly id?: undefined }

/** What the token is for. */
export type AuthScope =
  | { readonly type: 'project'; readonly id: string; readonly name?: undefined; readonly domain?: undefined }
  | { readonly type: 'project'; readonly name: string; readonly domain: DomainRef; readonly id?: undefined }
  | { readonly type: 'domain'; readonly domain: DomainRef }
  | { readonly type: 'system' }
  | { readonly type: 'trust'; readonly id: string }

export type EndpointInterface = 'public' | 'internal' | 'admin'

/** Where a cloud is and which of its endpoints are meant. */
export interface CloudOptions {
  /** Keystone's URL, with or without `/v3`. */
  readonly authUrl: string
  /** Needed only where the catalog has more than one. */
  readonly region?: string | undefined
  readonly interface: EndpointInterface
  /** An application credential has none of its own. */
  readonly scope?: AuthScope | undefined
  /** PEM: the only authorities that are trusted; the system's where it is absent. For every service. */
  readonly authority?: string | undefined
  /** URLs that take the place of the catalog's. */
  readonly endpoints?: Readonly<Partial<Record<ServiceType, string | undefined>>> | undefined
}

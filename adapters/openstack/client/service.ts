export type QueryValue = string | number | boolean | readonly string[] | undefined

export interface CallOptions {
  /** Ends waiting and the request; the call then rejects with `cancelled`. */
  readonly signal: AbortSignal
  /** Lists are repeated: `?tags=a&tags=b`; undefined ones are left out. */
  readonly query?: Readonly<Record<string, QueryValue>> | undefined
  /** The oldest that this call needs, `2.90`; without it the negotiated one will do. */
  readonly microversion?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For one try, until its whole answer is there; 60 s without it. */
  readonly timeoutMs?: number | undefined
}

export interface ChangeOptions extends CallOptions {
  /** The caller made the call such that doing it twice is as doing it once: it may be retried like a GET. */
  readonly safe?: boolean | undefined
}

export interface PatchOptions extends ChangeOptions {
  /** Glance wants `application/openstack-images-v2.1-json-patch`. */
  readonly contentType?: string | undefined
}

export interface UploadOptions extends Omit<CallOptions, 'timeoutMs' | 'query'> {
  /** Bytes, if known: then sent as Content-Length, and a source of another length fails. */
  readonly size?: number | undefined
  /** How many bytes of the present try were handed to the connection. Starts anew with a second try. */
  readonly onProgress?: ((sentBytes: number) => void) | undefined
}

export interface ServiceVersion {
  /** Of the API: `v2.1`, `v3`. */
  readonly version: string
  /** What calls ask for, where the service has microversions. */
  readonly microversion?: string | undefined
}

/**
 * One service of a cloud. Paths are below its versioned endpoint: `/servers/detail`.
 *
 * What a call rejects with is a PcgError; `faultOf` (openstack-fault.ts) gives what the service itself said. Codes:
 * - `unavailable`: no connection came about (certainly not carried out), or a call that may be retried failed at every try, or HTTP 503;
 * - `interrupted`: it was sent and no answer came, or HTTP 502/504: it may have been carried out;
 * - `credentials`: keystone refused the credentials, and nothing is sent any more;
 * - `throttled`, `capacity` (also quotas), `conflict`, `denied`, `invalid`, `not-found`, `unauthenticated`, `internal`: as the service said;
 * - `cancelled`: the signal.
 * GET, PUT, DELETE, and others that are `safe`, are retried on 429, 502, 503, 504 and on a lost connection.
 */
export interface Service {
  get<T = unknown>(path: string, options: CallOptions): Promise<T>
  /** Undefined where the service answers 404; every other failure throws. */
  find<T = unknown>(path: string, options: CallOptions): Promise<T | undefined>
  /** Not retried unless `safe`. @param body as JSON. */
  post<T = unknown>(path: string, body: unknown, options: ChangeOptions): Promise<T>
  put<T = unknown>(path: string, body: unknown, options: CallOptions): Promise<T>
  /** Not retried unless `safe`. */
  patch<T = unknown>(path: string, body: unknown, options: PatchOptions): Promise<T>
  /** True if it was there, false if not (any more). After a lost reply false may mean that this very call deleted it. */
  delete(path: string, options: CallOptions): Promise<boolean>
  /**
   * Page by page, whichever way the service has: links or markers; or offsets, where the query begins with `offset: 0`. A page may be empty.
   * @param key where the items are in an answer: `servers`
   */
  pages<T = unknown>(path: string, key: string, options: CallOptions): AsyncIterable<readonly T[]>
  /** Negotiated once, then known. */
  version(signal: AbortSignal): Promise<ServiceVersion>
  /**
   * PUTs bytes as they come (`/images/ID/file`).
   * @param source makes the stream; called again if the token expires during the upload, which then begins anew once
   */
  upload(path: string, source: () => AsyncIterable<Uint8Array>, options: UploadOptions): Promise<void>
}

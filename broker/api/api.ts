/** The tenant API as it listens. */
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { type Api, type ApiTls, createApi, secureContextOf } from './api-server.ts'
import type { ApiServices } from './api-services.ts'
import { addEventRoutes } from './event-routes.ts'
import { addGatewayRoutes } from './gateway-routes.ts'
import { addKeyRoutes } from './key-routes.ts'
import { addResourceRoutes } from './resource-routes.ts'

export interface ApiOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls: ApiTls
  readonly version: string
  readonly log: Log
  readonly services: Omit<ApiServices, 'closing' | 'pingMs'>
  /** Of the watch; 15 s unless told. */
  readonly pingMs?: number
}

export interface RunningApi {
  readonly port: number
  /** For connections from now on. */
  replaceCertificate(tls: ApiTls): void
  /** Ends the watches, and answers what was asked. */
  close(): Promise<void>
}

const PING_MS = 15_000
/** For answers that are under way when the API closes. */
const CLOSE_LIMIT_MS = 2_000

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const closing = new AbortController()
  const api = await buildApi(options, closing.signal)
  try {
    await api.listen({ host: options.host, port: options.port })
  } catch (cause) {
    await api.close()
    throw cannotListen(cause, options)
  }
  const address = api.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    replaceCertificate: (tls) => api.server.setSecureContext(secureContextOf(tls)),
    close: async () => {
      closing.abort()
      await closeGently(api)
    },
  }
}

/** The API with all its routes, not listening yet. `closing` ends the watches. */
export function buildApi(options: Omit<ApiOptions, 'host' | 'port'>, closing: AbortSignal): Promise<Api> {
  const { tls, version, log } = options
  const services: ApiServices = { ...options.services, closing, pingMs: options.pingMs ?? PING_MS }
  return createApi({ tls, tenants: services.store.tenants, version, log }, (api) => {
    addResourceRoutes(api, services)
    addGatewayRoutes(api, services)
    addEventRoutes(api, services)
    addKeyRoutes(api, services)
  })
}

/** Answers that are under way are finished, unless their reader has fallen asleep; then connections end as they fall idle. */
async function closeGently(api: Api): Promise<void> {
  const idle = setInterval(() => api.server.closeIdleConnections(), 20)
  const limit = setTimeout(() => api.server.closeAllConnections(), CLOSE_LIMIT_MS)
  try {
    await api.close()
  } finally {
    clearInterval(idle)
    clearTimeout(limit)
  }
}

function cannotListen(cause: unknown, { host, port }: ApiOptions): PcgError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const subject = `${host}:${port}`
  if (code === 'EADDRINUSE')
    return new PcgError('conflict', `something else listens on ${subject} already`, {
      subject,
      remedy: 'Stop it, or give the API another port.',
      cause,
    })
  return PcgError.from(cause, `the API can't listen on ${subject}`)
}

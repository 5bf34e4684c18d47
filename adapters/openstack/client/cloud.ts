import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { OpenstackCredentials } from './credentials.ts'
import type { CloudOptions } from './endpoint-options.ts'
import type { Service } from './service.ts'
import type { ServiceType } from './service-type.ts'

/** Who the token is, and what the cloud offers it. */
export interface Identity {
  /** Undefined where the scope is a domain or the system. */
  readonly projectId: string | undefined
  readonly projectName: string | undefined
  readonly userId: string
  readonly userName: string
  readonly roles: readonly string[]
  /** As keystone says, `2026-11-22T17:00:00.000000Z`. */
  readonly expiresAt: string
  /** In the catalog for the region and interface, or given an endpoint. */
  readonly services: readonly ServiceType[]
}

/** One cloud by one set of credentials: one token, one pool of connections, one limit of requests in flight. */
export interface OpenstackCloud {
  service(type: ServiceType): Service
  /** Gets a token if there is none yet. */
  identity(signal: AbortSignal): Promise<Identity>
  /** Whether the catalog (or `endpoints`) has it for the region and interface. */
  has(type: ServiceType, signal: AbortSignal): Promise<boolean>
  /** Ends what is under way; every later call rejects with `cancelled`. */
  close(): Promise<void>
}

export interface CloudDependencies {
  readonly clock: Clock
  readonly log: Log
  /** 20 without it. */
  readonly requestsInFlight?: number | undefined
  /** For jitter. */
  readonly random?: (() => number) | undefined
}

/** Sends nothing before it is used. */
export function openCloud(
  options: CloudOptions,
  _credentials: OpenstackCredentials,
  _dependencies: CloudDependencies,
): OpenstackCloud {
  const missing = () => new PcgError('internal', `no client for ${options.authUrl} yet`)
  return {
    service: () => {
      throw missing()
    },
    identity: () => Promise.reject(missing()),
    has: () => Promise.reject(missing()),
    close: () => Promise.resolve(),
  }
}

import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { hasEndpoint } from './catalog.ts'
import { type OpenstackCredentials, secretsOf } from './credentials.ts'
import { Discovery } from './discovery.ts'
import type { CloudOptions } from './endpoint-options.ts'
import { Requests } from './requests.ts'
import type { Service } from './service.ts'
import { ServiceClient } from './service-client.ts'
import { type ServiceType, serviceTypes } from './service-type.ts'
import { Session } from './session.ts'
import type { Token, UsedApplicationCredential } from './token.ts'
import { Transport } from './transport.ts'

const REQUESTS_IN_FLIGHT = 20

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
  readonly applicationCredential: UsedApplicationCredential | undefined
  /** By how much keystone's clock is ahead of ours, to the second; negative if behind. */
  readonly clockAheadMs: number
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
  /** A larger answer is an error; 64 MiB without it. */
  readonly maxAnswerBytes?: number | undefined
}

/** Sends nothing before it is used. */
export function openCloud(
  options: CloudOptions,
  credentials: OpenstackCredentials,
  { clock, log, requestsInFlight = REQUESTS_IN_FLIGHT, random, maxAnswerBytes }: CloudDependencies,
): OpenstackCloud {
  const { authority } = options
  const { clientCertificate } = credentials
  const transport = new Transport({ authority, clientCertificate, requestsInFlight, maxAnswerBytes })
  const session = new Session({ cloud: options, credentials, transport, clock, log, random })
  const requests = new Requests({ transport, session, clock, log, random, secrets: secretsOf(credentials) })
  const discovery = new Discovery(options, (type, url) => requests.document(type, url))
  const client = (type: ServiceType): Service => new ServiceClient(type, { requests, discovery, session })
  return {
    service: client,
    identity: async (signal) => identityOf(await session.token(signal), options),
    has: async (type, signal) => hasEndpoint((await session.token(signal)).catalog, type, options),
    // The token isn't revoked: keystone would have to remember that for as long as it lives.
    close: () => transport.close(),
  }
}

function identityOf(token: Token, options: CloudOptions): Identity {
  return {
    projectId: token.project?.id,
    projectName: token.project?.name,
    userId: token.user.id,
    userName: token.user.name,
    roles: token.roles,
    expiresAt: token.expiresAt,
    applicationCredential: token.applicationCredential,
    clockAheadMs: token.clockAheadMs,
    services: serviceTypes().filter((type) => hasEndpoint(token.catalog, type, options)),
  }
}

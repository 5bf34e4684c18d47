import { type ErrorCode, PcgError, type PcgErrorOptions } from '../../../runtime/pcg-error.ts'
import { readSaid } from './fault-body.ts'
import { retryAfterMs } from './retry-after.ts'
import type { Method, Reply } from './transport.ts'

/** What a service says went wrong, whichever of the shapes it says it in. */
export interface OpenstackFault {
  readonly kind: 'openstack-fault'
  /** HTTP. */
  readonly status: number
  /** The service's name for it: `itemNotFound` (nova, cinder), `OverQuota` (neutron), `Not Found` (keystone); else `HTTP 404`. */
  readonly type: string
  readonly message: string
  /** For who looks into the service's own log. */
  readonly requestId: string | undefined
  readonly method: Method
  /** Without its query. */
  readonly path: string
  /** From Retry-After. */
  readonly retryAfterMs: number | undefined
  /** Whether a service of OpenStack said it; false for a proxy's page, or whatever else answers there. */
  readonly fromService: boolean
}

/** The fault that an error stands for, if a service answered one. */
export function faultOf(thrown: unknown): OpenstackFault | undefined {
  const cause = thrown instanceof PcgError ? thrown.cause : undefined
  return isFault(cause) ? cause : undefined
}

function isFault(cause: unknown): cause is OpenstackFault {
  return typeof cause === 'object' && cause !== null && 'kind' in cause && cause.kind === 'openstack-fault'
}

/** That what was asked for isn't there, said by the service itself: a proxy's 404 is none. */
export function isNotFound(thrown: unknown): boolean {
  const fault = faultOf(thrown)
  return fault?.status === 404 && fault.fromService
}

/** Of a change that failed: whether it may have been carried out all the same. */
export function mayHaveBeenDone(thrown: unknown): boolean {
  const fault = faultOf(thrown)
  if (fault !== undefined) return fault.status >= 500
  const { code } = PcgError.from(thrown)
  return code !== 'unavailable' && code !== 'credentials' && code !== 'invalid'
}

export interface Asked {
  readonly method: Method
  /** Without its query. */
  readonly path: string
  /** What may not be shown, should the service repeat it. */
  readonly secrets: readonly string[]
}

/** @param now for a Retry-After that is a date. */
export function readFault(reply: Reply, { method, path, secrets }: Asked, now: number): OpenstackFault {
  const said = readSaid(reply.body)
  const requestId =
    reply.header('x-openstack-request-id') ??
    reply.header('x-compute-request-id') ??
    reply.header('x-request-id')?.match(/^req-.*/)?.[0]
  return {
    kind: 'openstack-fault',
    status: reply.status,
    type: said.type ?? `HTTP ${reply.status}`,
    message: withoutSecrets(said.message, secrets) || `HTTP ${reply.status}`,
    requestId,
    method,
    path,
    retryAfterMs: retryAfterMs(reply.header('retry-after'), now),
    fromService: said.shaped || requestId !== undefined,
  }
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => (secret === '' ? clean : clean.replaceAll(secret, '[redacted]')), text)
}

/** A fault as a thrown error; `cause` is the fault. @param to who said it: `the compute service` */
export function faultError(to: string, fault: OpenstackFault, options: PcgErrorOptions = {}): PcgError {
  const id = fault.requestId === undefined ? '' : `, ${fault.requestId}`
  const type = fault.type === `HTTP ${fault.status}` ? '' : ` ${fault.type}`
  const message = `${to} refused ${fault.method} ${fault.path}: ${fault.message} (HTTP ${fault.status}${type}${id})`
  return new PcgError(codeOfFault(fault), message, { ...options, cause: fault })
}

const FULL =
  /quota (exceeded|has been met)|exceed\w* .*quota|quota .*exceed|limit ?exceeded|maximum number of .* exceeded/i
const FULL_TYPES = new Set(['OverQuota', 'IpAddressGenerationFailure', 'ExternalIpAddressExhausted', 'NoMoreFixedIps'])

/** What a fault means for programs. Pure; the only place that knows how services say that something is full. */
export function codeOfFault(fault: OpenstackFault): ErrorCode {
  if (isFull(fault)) return 'capacity'
  switch (fault.status) {
    case 401:
      return 'unauthenticated'
    case 403:
      return 'denied'
    case 404:
    case 410:
      return fault.fromService ? 'not-found' : 'unavailable'
    case 408:
      return 'timeout'
    case 409:
    case 412:
      return 'conflict'
    case 413:
      return fault.retryAfterMs === undefined ? 'invalid' : 'throttled'
    case 429:
      return 'throttled'
    case 502:
    case 504:
      // Whoever stands between us and the service lost its answer.
      return isRead(fault.method) ? 'unavailable' : 'interrupted'
    case 503:
      return 'unavailable'
    default:
      return fault.status < 500 ? 'invalid' : 'internal'
  }
}

function isFull({ status, type, message }: OpenstackFault): boolean {
  if (FULL_TYPES.has(type)) return true
  // A policy's refusal may name a quota's API.
  return (status === 403 || status === 409 || status === 413) && FULL.test(message) && !/policy/i.test(message)
}

export function isRead(method: Method): boolean {
  return method === 'GET' || method === 'HEAD'
}

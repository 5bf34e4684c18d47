import { PcgError } from '../../../runtime/pcg-error.ts'

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
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** From Retry-After. */
  readonly retryAfterMs: number | undefined
}

/** The fault that an error stands for, if a service answered one. */
export function faultOf(thrown: unknown): OpenstackFault | undefined {
  const cause = thrown instanceof PcgError ? thrown.cause : undefined
  return isFault(cause) ? cause : undefined
}

function isFault(cause: unknown): cause is OpenstackFault {
  return typeof cause === 'object' && cause !== null && 'kind' in cause && cause.kind === 'openstack-fault'
}

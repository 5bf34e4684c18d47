/** Which failures are tried again, and when. Pure but for `persist`. */
import { type BackoffPolicy, backoffMs } from '../../../runtime/backoff.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { cancelled } from './cancellation.ts'
import { NotConnected } from './connector.ts'
import { faultOf } from './openstack-fault.ts'

const TRIES = 4
const BACKOFF: BackoffPolicy = { firstMs: 500, maxMs: 10_000, factor: 2 }
/** A service that wants more time than this fails the call: whoever made it knows better what to do meanwhile. */
const MAX_RETRY_AFTER_MS = 30_000

export interface RetryOptions {
  readonly clock: Clock
  readonly random?: (() => number) | undefined
  /** Any of them ends waiting. */
  readonly signals: readonly AbortSignal[]
  /** Which failures may be tried again at all. */
  readonly mayRetry: (error: PcgError) => boolean
  readonly onRetry?: ((error: PcgError, delayMs: number) => void) | undefined
}

/** Runs `attempt` until it resolves, fails for good, or failed too often; then rejects with its last error. */
export async function persist<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (thrown) {
      const error = PcgError.from(thrown)
      const delayMs = options.mayRetry(error) ? delayBefore(failures, error, options.random) : undefined
      if (delayMs === undefined) throw error
      options.onRetry?.(error, delayMs)
      const signal = AbortSignal.any([...options.signals])
      await options.clock.sleep(delayMs, signal).catch(() => {
        throw cancelled(signal)
      })
    }
  }
}

/** Milliseconds until the try after this many failures, undefined if there shall be none. */
export function delayBefore(failures: number, error: PcgError, random?: () => number): number | undefined {
  if (failures >= TRIES) return undefined
  const asked = faultOf(error)?.retryAfterMs
  const ours = backoffMs(BACKOFF, failures, random)
  return asked === undefined ? ours : Math.max(ours, Math.min(asked, MAX_RETRY_AFTER_MS))
}

/** The service is busy or away for a moment, or nothing came of the call. */
export function isTransient(error: PcgError): boolean {
  const fault = faultOf(error)
  if (fault === undefined) {
    const untrusted = error.cause instanceof NotConnected && error.cause.untrusted
    return (error.code === 'interrupted' || error.code === 'unavailable') && !untrusted
  }
  return (
    fault.status === 429 ||
    fault.status === 502 ||
    fault.status === 503 ||
    fault.status === 504 ||
    (fault.status === 413 && error.code === 'throttled')
  )
}

/** What the gateway does after its stream ended: how long it waits, and what it says meanwhile. Pure. */
import { type BackoffPolicy, backoffMs } from '../runtime/backoff.ts'
import type { PcgError } from '../runtime/pcg-error.ts'
import type { LinkState } from './link-ports.ts'
import { renewAtMs } from './renewal-schedule.ts'

/** How a try to attach, or an attached stream, came to its end. */
export type LinkEnd =
  /** The broker asked us to go and to come back after `afterMs`. */
  | { readonly kind: 'drained'; readonly afterMs: number; readonly reason: string }
  /** We left by ourselves, with a new certificate to show. */
  | { readonly kind: 'renewed' }
  | {
      readonly kind: 'failed'
      readonly doing: 'attach' | 'renew'
      readonly error: PcgError
      /** The broker's clock, where the broker itself ended it. */
      readonly brokerNowMs: number | undefined
      /** How long the stream had been attached. */
      readonly uptimeMs: number
    }

export interface LinkTiming {
  readonly backoff: BackoffPolicy
  /** After a refusal that only a person can lift. */
  readonly refusedBackoff: BackoffPolicy
  /** A stream that lived this long was a success: failures count anew from there. */
  readonly minUptimeMs: number
}

/** Clocks that differ by more are worth a word. */
export const CLOCK_TOLERANCE_MS = 300_000

export const DEFAULT_TIMING: LinkTiming = {
  backoff: { firstMs: 500, maxMs: 60_000, factor: 2 },
  refusedBackoff: { firstMs: 60_000, maxMs: 600_000, factor: 2 },
  minUptimeMs: 10_000,
}

export interface LinkHistory {
  /** In a row. */
  readonly failures: number
  /** Renew the certificate before the next attach. */
  readonly renewFirst: boolean
}

export interface Move {
  readonly state: LinkState
  readonly waitMs: number
  readonly history: LinkHistory
}

export interface MoveContext {
  readonly history: LinkHistory
  readonly timing: LinkTiming
  /** Of the certificate in use, ms since 1970; null where none could be read. */
  readonly certificate: { readonly beginsMs: number; readonly endsMs: number } | null
  /** The gateway's clock now. */
  readonly localNowMs: number
  readonly random: () => number
}

export function nextMove(end: LinkEnd, context: MoveContext): Move {
  const { random } = context
  switch (end.kind) {
    case 'drained':
      return {
        state: { phase: 'connecting', failures: 0, lastError: `the broker asked to reconnect: ${end.reason}` },
        waitMs: Math.round(end.afterMs * (0.5 + random())),
        history: { failures: 0, renewFirst: false },
      }
    case 'renewed':
      return {
        state: { phase: 'connecting', failures: 0 },
        waitMs: 0,
        history: { failures: 0, renewFirst: false },
      }
    case 'failed':
      return afterFailure(end, context)
  }
}

function afterFailure(end: Extract<LinkEnd, { kind: 'failed' }>, context: MoveContext): Move {
  const { history, timing, random } = context
  const { error } = end
  // Two gateways with one identity fence each other for ever: their uptimes are no successes.
  const succeeded = end.uptimeMs >= timing.minUptimeMs && error.code !== 'conflict'
  const failures = (succeeded ? 0 : history.failures) + 1
  const due = isDue(end, context)
  const renewFirst = due || (history.renewFirst && end.doing === 'renew')
  if (isRefusal(error) && !(due && end.doing === 'attach')) {
    return {
      state: { phase: 'refused', ...refusalOf(end, context.localNowMs) },
      waitMs: backoffMs(timing.refusedBackoff, failures, random),
      history: { failures, renewFirst },
    }
  }
  return {
    state: { phase: 'connecting', failures, lastError: wordsOf(error) },
    waitMs: backoffMs(timing.backoff, failures, random),
    history: { failures, renewFirst },
  }
}

/** A wrong clock at the broker makes good certificates look bad: where the two differ, that is the likelier cause. */
function refusalOf({ error, brokerNowMs }: Extract<LinkEnd, { kind: 'failed' }>, localNowMs: number) {
  const remedy = error.remedy ?? 'See the broker’s log for the reason.'
  if (brokerNowMs === undefined || Math.abs(brokerNowMs - localNowMs) <= CLOCK_TOLERANCE_MS) {
    return { message: error.message, remedy }
  }
  const clocks = `the broker's clock says ${new Date(brokerNowMs).toISOString()}, ours ${new Date(localNowMs).toISOString()}`
  return { message: `${error.message}; ${clocks}`, remedy: `Set whichever clock is wrong first. ${remedy}` }
}

/** What went wrong and what helps, in one line. */
function wordsOf(error: PcgError): string {
  return error.remedy === undefined ? error.message : `${error.message}. ${error.remedy}`
}

/** Whether the broker, by its own clock, would have this certificate renewed. */
function isDue(end: Extract<LinkEnd, { kind: 'failed' }>, { certificate }: MoveContext): boolean {
  if (end.brokerNowMs === undefined || certificate === null || end.error.code !== 'unauthenticated') return false
  return end.brokerNowMs >= renewAtMs(certificate.beginsMs, certificate.endsMs)
}

/** Whether trying again soon can't help. */
function isRefusal(error: PcgError): boolean {
  return error.code === 'unauthenticated' || error.code === 'denied' || error.code === 'invalid'
}

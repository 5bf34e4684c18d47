/** What an error means for the step that met it: the only place that turns OpenStack's faults into outcomes. Pure. */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { FaultClass, Outcome } from '../adapter.ts'
import { faultOf, type OpenstackFault } from './client/openstack-fault.ts'

/** What was tried. */
export interface Attempt {
  /** The step's kind. */
  readonly step: string
  /** In words that name the objects: `create server web-1`. */
  readonly words: string
}

const CORRECT = 'Correct what the cloud names, then apply again.'

/** The outcome of a step that threw; what was cancelled is thrown on. */
export function outcomeOf(thrown: unknown, { words }: Attempt): Outcome {
  const error = PcgError.from(thrown)
  const fault = faultOf(thrown)
  const message = `${words}: ${error.message}`
  switch (error.code) {
    case 'cancelled':
      throw error
    case 'credentials':
    case 'unauthenticated':
      return { kind: 'credentials', message: error.message }
    case 'interrupted':
    case 'timeout':
      return { kind: 'unknown', message }
    case 'unavailable':
      return again('connection', message, fault)
    case 'throttled':
      return again('throttled', message, fault)
    case 'capacity':
      return again('capacity', message, fault)
    case 'conflict':
      if (fault === undefined) return { kind: 'fatal', reason: 'Conflict', message, remedy: error.remedy ?? CORRECT }
      return isLocked(fault) ? lockedOutcome(message) : again('busy', message, fault)
    case 'denied':
      return {
        kind: 'fatal',
        reason: 'Denied',
        message,
        remedy: error.remedy ?? 'Give the user the roles of docs/openstack-role.md in its project.',
      }
    case 'not-found':
      // What the step acts on went meanwhile; where it was to make something, that stands on what isn't there.
      if (fault !== undefined && fault.method !== 'POST') return { kind: 'unknown', message }
      return { kind: 'fatal', reason: 'NotFound', message, remedy: error.remedy ?? CORRECT }
    case 'invalid':
      return {
        kind: 'fatal',
        reason: fault === undefined ? 'Invalid' : 'Refused',
        message,
        remedy: error.remedy ?? CORRECT,
      }
    case 'internal':
      if (fault !== undefined) return again('busy', message, fault)
      return { kind: 'fatal', reason: 'Internal', message, remedy: error.remedy ?? 'Report this with the gateway log.' }
    default:
      return error.code satisfies never
  }
}

/** Of a server that somebody locked against changes. */
export function lockedOutcome(message: string): Outcome {
  return {
    kind: 'fatal',
    reason: 'Locked',
    message,
    remedy: 'Unlock the server (openstack server unlock), or ask who locked it.',
  }
}

function again(fault: FaultClass, message: string, said: OpenstackFault | undefined): Outcome {
  // Cinder writes 0 beside a quota that is used up.
  const afterMs = said?.retryAfterMs || undefined
  return { kind: 'retryable', fault, message, ...(afterMs === undefined ? {} : { afterMs }) }
}

function isLocked({ message }: OpenstackFault): boolean {
  return /\bis locked\b/i.test(message)
}

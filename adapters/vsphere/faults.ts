/** What a fault of vCenter means for the step that met it: the only place that knows vCenter's fault names. Pure. */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { FaultClass, Outcome } from '../adapter.ts'
import type { StepKind } from './plan.ts'
import { text } from './soap-value.ts'
import { faultOf, type VimFault } from './vim-fault.ts'

const BUSY = new Set([
  'TaskInProgress',
  'ConcurrentAccess',
  'ResourceInUse',
  'FileLocked',
  'RequestCanceled',
  'SystemError',
  'RuntimeFault',
  'InvalidState',
])
const CONNECTION = new Set([
  'HostNotConnected',
  'HostNotReachable',
  'HostCommunication',
  'HostConnectFault',
  'Timedout',
  'NotAuthenticated',
  'DatastoreNotWritableOnHost',
  'InaccessibleDatastore',
])
const THROTTLED = new Set([
  'TooManyConcurrentNativeClones',
  'TooManyWrites',
  'MultipleTasksInProgress',
  'LimitExceeded',
])
const CAPACITY = new Set(['NoDiskSpace', 'NoCompatibleHost', 'OutOfBounds', 'FileTooLarge', 'NotEnoughLogicalCpus'])

const REMEDIES: Readonly<Record<string, string>> = {
  NoPermission: 'Give the account the role of docs/vsphere-role.md on that object, with propagation.',
  NoDiskSpace: 'Free space on the datastore, or name another one in the placement.',
  InvalidName: 'Choose another name for the cluster or pool.',
  NotSupported: 'Check that the hosts and the template support what is asked for.',
  InvalidDatastore: 'Name another datastore in the placement.',
  ManagedObjectNotFound: 'Check that the objects of the placement still exist.',
}
const DEFAULT_REMEDY = 'Correct what vCenter names, then apply again.'

/** What was tried, in words that name the objects: `clone debian-12 to web-1`. */
export interface Attempt {
  readonly step: StepKind | undefined
  readonly words: string
}

/** The outcome of a step whose call or task ended with a fault. */
export function outcomeOfFault(fault: VimFault, attempt: Attempt): Outcome {
  if (isAlreadySo(fault, attempt.step)) return { kind: 'done' }
  const message = `${attempt.words}: ${fault.message}${privilegeOf(fault)}`
  if (fault.type === 'InvalidLogin') return { kind: 'credentials', message }
  // Who holds the name is for `observe` to find out: it may be the very machine.
  if (fault.type === 'DuplicateName' && attempt.step === 'clone') return { kind: 'unknown', message }
  // Its own object went meanwhile; for a clone it is one of the placement's.
  if (fault.type === 'ManagedObjectNotFound' && attempt.step !== 'clone') return { kind: 'unknown', message }
  const retry = classOf(fault)
  if (retry !== undefined) return { kind: 'retryable', fault: retry, message }
  return { kind: 'fatal', reason: fault.type, message, remedy: REMEDIES[fault.type] ?? DEFAULT_REMEDY }
}

/** What is asked for is so already: somebody did it, or we did before a crash. */
export function isAlreadySo(fault: VimFault, step: StepKind | undefined): boolean {
  const state = text(fault.detail.existingState)
  switch (step) {
    case 'power-on':
      return fault.type === 'InvalidPowerState' && state === 'poweredOn'
    case 'power-off':
      return (fault.type === 'InvalidPowerState' && state === 'poweredOff') || fault.type === 'ManagedObjectNotFound'
    case 'delete':
      return fault.type === 'ManagedObjectNotFound'
    case 'clone':
    case 'await-clone':
    case 'reconfigure':
    case undefined:
      return false
  }
}

export function classOf(fault: VimFault): FaultClass | undefined {
  if (BUSY.has(fault.type)) return 'busy'
  if (CONNECTION.has(fault.type)) return 'connection'
  if (THROTTLED.has(fault.type)) return 'throttled'
  if (CAPACITY.has(fault.type) || fault.type.startsWith('Insufficient')) return 'capacity'
  return undefined
}

/** The outcome of a step that threw; a cancelled one throws on. */
export function outcomeOfError(thrown: unknown, attempt: Attempt): Outcome {
  const fault = faultOf(thrown)
  const error = PcgError.from(thrown)
  const message = `${attempt.words}: ${error.message}`
  switch (error.code) {
    case 'cancelled':
      throw error
    case 'credentials':
      return { kind: 'credentials', message: error.message }
    case 'interrupted':
    case 'timeout':
      return { kind: 'unknown', message }
    case 'unavailable':
      return { kind: 'retryable', fault: 'connection', message }
    case 'throttled':
      return { kind: 'retryable', fault: 'throttled', message }
    case 'capacity':
      return { kind: 'retryable', fault: 'capacity', message }
    case 'internal':
    case 'denied':
      return fault === undefined
        ? { kind: 'fatal', reason: 'Internal', message, remedy: error.remedy ?? 'Report this with the gateway log.' }
        : outcomeOfFault(fault, attempt)
    case 'invalid':
    case 'not-found':
    case 'conflict':
    case 'unauthenticated':
      return { kind: 'fatal', reason: REASONS[error.code], message, remedy: error.remedy ?? DEFAULT_REMEDY }
  }
}

const REASONS = {
  invalid: 'Invalid',
  'not-found': 'NotFound',
  conflict: 'NameTaken',
  unauthenticated: 'Unauthenticated',
} as const

function privilegeOf(fault: VimFault): string {
  const privilege = text(fault.detail.privilegeId)
  const object = text(fault.detail.object, 'value')
  if (privilege === undefined) return ''
  return ` Privilege ${privilege} is missing${object === undefined ? '' : ` on ${object}`}.`
}

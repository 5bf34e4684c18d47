import { describe, expect, it } from 'vitest'
import { outcomeOfError, outcomeOfFault } from '../../../adapters/vsphere/faults.ts'
import type { StepKind } from '../../../adapters/vsphere/plan.ts'
import { outcomeOfTask } from '../../../adapters/vsphere/tasks.ts'
import { localizedFault, soapFault } from '../../../adapters/vsphere/vim-fault.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { fault } from './fixtures.ts'

const words = 'clone debian-12 to web-1'

describe('a fault of vCenter', () => {
  it.each<[StepKind, string, object]>([
    ['power-on', 'InvalidPowerState', { existingState: 'poweredOn' }],
    ['power-off', 'InvalidPowerState', { existingState: 'poweredOff' }],
    ['power-off', 'ManagedObjectNotFound', {}],
    ['delete', 'ManagedObjectNotFound', {}],
  ])('is success for %s when it is so already: %s', (step, type, detail) => {
    expect(outcomeOfFault(fault(type, { ...detail }), { step, words })).toEqual({ kind: 'done' })
  })

  it('is no success when the state is another one', () => {
    const suspended = fault('InvalidPowerState', { existingState: 'suspended' })
    expect(outcomeOfFault(suspended, { step: 'power-off', words })).toMatchObject({ kind: 'fatal' })
  })

  it.each([
    ['TaskInProgress', 'busy'],
    ['ConcurrentAccess', 'busy'],
    ['HostNotConnected', 'connection'],
    ['TooManyConcurrentNativeClones', 'throttled'],
    ['NoDiskSpace', 'capacity'],
    ['InsufficientMemoryResourcesFault', 'capacity'],
  ])('%s may be tried again: %s', (type, kind) => {
    expect(outcomeOfFault(fault(type), { step: 'clone', words })).toEqual({
      kind: 'retryable',
      fault: kind,
      message: `${words}: in its own words`,
    })
  })

  it('that is unheard of is fatal, with its own words and a remedy', () => {
    expect(outcomeOfFault(fault('BrandNewFault'), { step: 'clone', words })).toEqual({
      kind: 'fatal',
      reason: 'BrandNewFault',
      message: `${words}: in its own words`,
      remedy: expect.stringMatching(/./),
    })
  })

  it('about a taken name leaves it to observe whose name it is', () => {
    expect(outcomeOfFault(fault('DuplicateName'), { step: 'clone', words })).toMatchObject({ kind: 'unknown' })
  })

  it('names the privilege that is missing, and on what', () => {
    const denied = fault('NoPermission', {
      privilegeId: 'Datastore.AllocateSpace',
      object: { type: 'Datastore', value: 'datastore-9' },
    })
    expect(outcomeOfFault(denied, { step: 'clone', words })).toHaveProperty(
      'message',
      `${words}: in its own words Privilege Datastore.AllocateSpace is missing on datastore-9.`,
    )
  })
})

describe('what is read of a fault', () => {
  it('are the type and words of a SOAP fault', () => {
    const detail = { InvalidLoginFault: { xsiType: 'InvalidLogin' } }
    expect(soapFault('Cannot complete login.', detail)).toMatchObject({
      type: 'InvalidLogin',
      message: 'Cannot complete login.',
    })
    expect(soapFault('', { NotAuthenticatedFault: undefined })).toMatchObject({ type: 'NotAuthenticated' })
  })

  it('are its fields where it has no words, or only the name of its type', () => {
    const error = {
      fault: { xsiType: 'InvalidPowerState', requestedState: 'poweredOn', existingState: 'suspended' },
      localizedMessage: '*types.InvalidPowerState',
    }
    expect(localizedFault(error).message).toBe('InvalidPowerState (requestedState poweredOn, existingState suspended)')
  })

  it('are the messages that it carries along', () => {
    const error = {
      fault: { xsiType: 'GenericVmConfigFault', faultMessage: [{ key: 'k', message: 'Disk is locked.' }] },
      localizedMessage: 'An error occurred.',
    }
    expect(localizedFault(error).message).toBe('An error occurred. Disk is locked.')
  })
})

describe('a call that failed', () => {
  it.each([
    ['interrupted', { kind: 'unknown' }],
    ['timeout', { kind: 'unknown' }],
    ['unavailable', { kind: 'retryable', fault: 'connection' }],
    ['credentials', { kind: 'credentials' }],
    ['not-found', { kind: 'fatal', reason: 'NotFound' }],
    ['conflict', { kind: 'fatal', reason: 'NameTaken' }],
  ] as const)('by %s', (code, outcome) => {
    expect(outcomeOfError(new PcgError(code, 'why'), { step: 'clone', words })).toMatchObject(outcome)
  })

  it('because it was cancelled throws on', () => {
    const cancelled = new PcgError('cancelled', 'stop')
    expect(() => outcomeOfError(cancelled, { step: 'clone', words })).toThrow(cancelled)
  })
})

describe('a task', () => {
  const token = 'clone/uuid/task-1'
  const task = (values: Readonly<Record<string, unknown>>) =>
    new Map(Object.entries({ 'info.entityName': 'debian-12', ...values }))
  const error = { fault: { xsiType: 'NoDiskSpace' }, localizedMessage: 'Insufficient disk space.' }

  it('runs with its progress, and may be queued without any', () => {
    const running = task({ 'info.state': 'running', 'info.progress': 25 })
    expect(outcomeOfTask(running, 'clone', token)).toEqual({ kind: 'running', token, progress: 0.25 })
    expect(outcomeOfTask(task({ 'info.state': 'queued' }), 'clone', token)).toEqual({ kind: 'running', token })
  })

  it('is done, or ends in its fault with the object’s name', () => {
    expect(outcomeOfTask(task({ 'info.state': 'success' }), 'clone', token)).toEqual({ kind: 'done' })
    expect(outcomeOfTask(task({ 'info.state': 'error', 'info.error': error }), 'clone', token)).toEqual({
      kind: 'retryable',
      fault: 'capacity',
      message: 'clone debian-12: Insufficient disk space.',
    })
  })

  it('that may have been somebody else’s clone says nothing of this machine by failing', () => {
    const failed = task({ 'info.state': 'error', 'info.error': error })
    expect(outcomeOfTask(failed, 'await-clone', token)).toMatchObject({ kind: 'unknown' })
  })
})

import { describe, expect, it } from 'vitest'
import { faultError, type OpenstackFault } from '../../../../adapters/openstack/client/openstack-fault.ts'
import { MAX_FAILURES } from '../../../../adapters/openstack/machine/attempts.ts'
import { outcomeOfServer } from '../../../../adapters/openstack/machine/outcome-of-server.ts'
import { outcomeOfMember, outcomeOfVolume } from '../../../../adapters/openstack/machine/outcome-of-volume.ts'
import {
  formatToken,
  type MachineToken,
  parseToken,
  type ServerGoal,
} from '../../../../adapters/openstack/machine/token.ts'
import { outcomeOf } from '../../../../adapters/openstack/outcomes.ts'
import { PcgError } from '../../../../runtime/pcg-error.ts'
import { member, SERVER, server, VOLUME, volume } from './fixtures.ts'

const attempt = { step: 'create-server', words: 'create server web-1' }

function fault(status: number, message: string, more: Partial<OpenstackFault> = {}): PcgError {
  return faultError('the compute service', {
    kind: 'openstack-fault',
    status,
    type: 'fault',
    message,
    requestId: 'req-1',
    method: 'POST',
    path: '/servers',
    retryAfterMs: undefined,
    fromService: true,
    ...more,
  })
}

describe('what an error means for a step', () => {
  it.each<[string, unknown, object]>([
    [
      'a quota of nova',
      fault(403, 'Quota exceeded for cores: Requested 4, but already used 8 of 10 cores'),
      { kind: 'retryable', fault: 'capacity' },
    ],
    [
      'a quota of neutron',
      fault(409, "Quota exceeded for resources: ['port'].", { type: 'OverQuota' }),
      { kind: 'retryable', fault: 'capacity' },
    ],
    [
      'a policy',
      fault(403, "Policy doesn't allow os_compute_api:servers:create to be performed."),
      { kind: 'fatal', reason: 'Denied', remedy: expect.stringContaining('docs/openstack-role.md') },
    ],
    [
      'a lock',
      fault(409, 'Instance 1234 is locked'),
      { kind: 'fatal', reason: 'Locked', remedy: expect.stringContaining('unlock') },
    ],
    [
      'a state that doesn’t allow it',
      fault(409, "Cannot 'start' instance while it is in task_state powering-on"),
      { kind: 'retryable', fault: 'busy' },
    ],
    [
      'a bad request',
      fault(400, 'Invalid key_name provided.'),
      { kind: 'fatal', reason: 'Refused', message: expect.stringContaining('Invalid key_name provided') },
    ],
    [
      'too many requests',
      fault(429, 'slow down', { retryAfterMs: 7_000 }),
      { kind: 'retryable', fault: 'throttled', afterMs: 7_000 },
    ],
    [
      'a quota of cinder',
      fault(413, 'VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded', { retryAfterMs: 0 }),
      { kind: 'retryable', fault: 'capacity', message: expect.stringContaining('VolumeLimitExceeded') },
    ],
    ['a service that fails', fault(500, 'Unexpected API Error'), { kind: 'retryable', fault: 'busy' }],
    ['a service that is down', fault(503, 'no backend'), { kind: 'retryable', fault: 'connection' }],
    [
      'what it makes something of is not there',
      fault(404, 'Network 1234 could not be found'),
      { kind: 'fatal', reason: 'NotFound' },
    ],
    ['what it acts on went', fault(404, 'Instance 1234 could not be found', { method: 'DELETE' }), { kind: 'unknown' }],
    [
      'refused credentials',
      new PcgError('credentials', 'keystone refused web'),
      { kind: 'credentials', message: 'keystone refused web' },
    ],
    ['a lost reply', new PcgError('interrupted', 'the connection broke'), { kind: 'unknown' }],
    ['a call that was never sent', new PcgError('unavailable', 'refused'), { kind: 'retryable', fault: 'connection' }],
    [
      'a name that is nowhere',
      new PcgError('not-found', 'image x does not exist', { remedy: 'Did you mean y?' }),
      { kind: 'fatal', reason: 'NotFound', remedy: 'Did you mean y?' },
    ],
    [
      'a name of two',
      new PcgError('conflict', 'image x is the name of 2', { remedy: 'Write the id.' }),
      { kind: 'fatal', reason: 'Conflict', remedy: 'Write the id.' },
    ],
  ])('%s', (_, error, outcome) => {
    expect(outcomeOf(error, attempt)).toMatchObject(outcome)
  })

  it('nothing is tried again at once because cinder says 0 seconds', () => {
    const full = fault(413, 'Maximum number of volumes allowed (1) exceeded', { retryAfterMs: 0 })
    expect(outcomeOf(full, attempt)).not.toHaveProperty('afterMs')
  })

  it('what was cancelled is thrown on', () => {
    const cancelled = new PcgError('cancelled', 'cancelled')
    expect(() => outcomeOf(cancelled, attempt)).toThrow(cancelled)
  })
})

describe('what a server’s state means for who waits', () => {
  const at = (status: string, until: ServerGoal, more: Parameters<typeof server>[0] = {}) =>
    outcomeOfServer(SERVER, server({ status, ...more }), until)
  const built = { goal: 'built', failures: 0 } as const

  it('a build runs until it is ACTIVE, and fails with nova’s words', () => {
    expect(at('BUILD', built, { task: 'spawning' })).toEqual({ kind: 'running', token: `server:${SERVER}:built:0` })
    expect(at('ACTIVE', built)).toEqual({ kind: 'done' })
    const failed = at('ERROR', built, { launched: false, fault: 'No valid host was found.' })
    expect(failed).toMatchObject({
      kind: 'retryable',
      fault: 'capacity',
      message: expect.stringContaining('No valid host'),
    })
    expect(at('ERROR', built, { launched: false, fault: 'on fire' })).toMatchObject({ fault: 'busy' })
  })

  it('the wait grows with each failure, and the last is not waited for', () => {
    const waits = (failures: number) => {
      const outcome = at('ERROR', { goal: 'built', failures }, { launched: false })
      return outcome.kind === 'retryable' ? outcome.afterMs : undefined
    }
    // ±50 % jitter.
    expect(waits(0)).toBeLessThanOrEqual(3_000)
    expect(waits(3)).toBeGreaterThanOrEqual(8_000)
    expect(waits(MAX_FAILURES - 1)).toBe(0)
  })

  it('a failed one that is gone is done with, and fatal with its words once that was enough', () => {
    const gone = (failures: number) =>
      outcomeOfServer(SERVER, undefined, { goal: 'discarded', failures, fault: 'on fire' })
    expect(gone(MAX_FAILURES - 1)).toEqual({ kind: 'done' })
    expect(gone(MAX_FAILURES)).toMatchObject({
      kind: 'fatal',
      reason: 'BuildFailed',
      message: expect.stringContaining('on fire'),
      remedy: expect.stringMatching(/./),
    })
  })

  it.each<[ServerGoal['goal'], string, string, string]>([
    ['gone', 'ACTIVE', 'deleting', 'running'],
    ['gone', 'DELETED', '', 'running'],
    ['gone', 'ERROR', '', 'retryable'],
    ['running', 'SHUTOFF', 'powering-on', 'running'],
    ['running', 'ACTIVE', '', 'done'],
    ['running', 'ERROR', '', 'retryable'],
    ['resized', 'RESIZE', 'resize_prep', 'running'],
    ['resized', 'VERIFY_RESIZE', '', 'done'],
    ['resized', 'ACTIVE', '', 'retryable'],
    ['resize-decided', 'VERIFY_RESIZE', '', 'running'],
    ['resize-decided', 'ACTIVE', '', 'done'],
    ['settled', 'REBOOT', 'rebooting', 'running'],
    ['settled', 'SHUTOFF', '', 'done'],
  ])('%s at %s (%s) is %s', (goal, status, task, kind) => {
    const until = parseToken(`server:${SERVER}:${goal}`)
    if (until?.kind !== 'server') throw new Error(goal)
    expect(at(status, until.until, { task: task || undefined }).kind).toBe(kind)
  })

  it('one that is gone is what was wanted, or unknown', () => {
    expect(outcomeOfServer(SERVER, undefined, { goal: 'gone' })).toEqual({ kind: 'done' })
    for (const goal of ['settled', 'running', 'resized', 'resize-decided'] as const)
      expect(outcomeOfServer(SERVER, undefined, { goal }).kind).toBe('unknown')
  })
})

describe('what a volume’s or member’s state means for who waits', () => {
  it.each<['available' | 'attached' | 'gone', string | undefined, string]>([
    ['available', 'creating', 'running'],
    ['available', 'downloading', 'running'],
    ['available', 'available', 'done'],
    ['available', 'error', 'retryable'],
    ['available', undefined, 'unknown'],
    ['attached', 'attaching', 'running'],
    ['attached', 'in-use', 'done'],
    ['attached', 'available', 'retryable'],
    ['gone', 'deleting', 'running'],
    ['gone', undefined, 'done'],
    ['gone', 'error_deleting', 'retryable'],
  ])('%s at %s is %s', (goal, status, kind) => {
    const seen = status === undefined ? undefined : volume({ status })
    const until = goal === 'available' ? ({ goal, failures: 0 } as const) : ({ goal } as const)
    expect(outcomeOfVolume(VOLUME, seen, until, '').kind).toBe(kind)
  })

  it('cinder’s words are told', () => {
    const outcome = outcomeOfVolume(
      VOLUME,
      volume({ status: 'error' }),
      { goal: 'available', failures: 1 },
      'no backend',
    )
    expect(outcome).toMatchObject({ kind: 'retryable', message: expect.stringContaining('no backend') })
  })

  it.each<['active' | 'gone', string | undefined, string]>([
    ['active', 'PENDING_CREATE', 'running'],
    ['active', 'ACTIVE', 'done'],
    ['active', 'ERROR', 'retryable'],
    ['active', undefined, 'unknown'],
    ['gone', 'PENDING_DELETE', 'running'],
    ['gone', undefined, 'done'],
  ])('a member: %s at %s is %s', (goal, status, kind) => {
    const seen = status === undefined ? undefined : member({ status })
    expect(outcomeOfMember('m', 'p', seen, { goal }).kind).toBe(kind)
  })
})

describe('tokens', () => {
  it.each<MachineToken>([
    { kind: 'server', id: SERVER, until: { goal: 'built', failures: 3 } },
    { kind: 'server', id: SERVER, until: { goal: 'resize-decided' } },
    { kind: 'server', id: SERVER, until: { goal: 'discarded', failures: 5, fault: 'Build: 100 % on fire\n“ünd” /so' } },
    { kind: 'volume', id: VOLUME, until: { goal: 'available', failures: 0 } },
    { kind: 'volume', id: VOLUME, until: { goal: 'gone' } },
    { kind: 'member', id: 'm', poolId: 'p', until: { goal: 'gone' } },
  ])('%j is read as it was written', (token) => {
    expect(parseToken(formatToken(token))).toEqual(token)
  })

  it('what nobody wrote is none', () => {
    for (const text of [
      '',
      'task-7',
      'server:',
      'server:x',
      'server:x:burnt',
      'volume:x:resized',
      'member:x:gone',
      'load-balancer:x:active',
    ])
      expect(parseToken(text)).toBeUndefined()
  })
})

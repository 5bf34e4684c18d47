import { describe, expect, it } from 'vitest'
import type { Observed } from '../../../adapters/adapter.ts'
import {
  type Departure,
  DRAIN_PATIENCE_MS,
  decideDeparture,
  LEAVE_PATIENCE_MS,
  type Surroundings,
} from '../../../gateway/machines/departure.ts'
import { DepartureDesk } from '../../../gateway/machines/departure-desk.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import { machineRecord } from './fixtures.ts'

const on: Observed = { power: 'on', addresses: [], objects: [] }
const READY = { state: 'ready', at: '' } as const
const asked = (over: Partial<Departure & { state: 'asked' }> = {}): Departure => ({
  state: 'asked',
  since: new Date(0).toISOString(),
  drain: true,
  trouble: null,
  ...over,
})

function decided(record: Partial<MachineRecord>, over: Partial<Surroundings> = {}, observed: Observed | null = on) {
  const leaver = machineRecord({ want: 'absent', departure: { state: 'none' }, phoneHome: READY, ...record })
  return decideDeparture(leaver, observed, { clusterStays: true, helper: true, progressMs: 0, nowMs: 0, ...over })
}

describe('before a machine of a cluster is deleted', () => {
  it('it is asked to leave, its pods first', () => {
    expect(decided({})).toEqual({ decision: 'ask-departure', departure: asked() })
  })

  it.each<[string, Observed | null]>([
    ['the cloud has lost', null],
    ['is off', { ...on, power: 'off' }],
  ])('one that %s is asked to leave as well, and its pods can’t be moved', (_, observed) => {
    expect(decided({}, {}, observed)).toMatchObject({ departure: { drain: false } })
  })

  it('one that booted and never got ready may be a member all the same', () => {
    const never = { phoneHome: { state: 'waiting' }, bootingSince: new Date(0).toISOString() } as const
    expect(decided(never)).toMatchObject({ decision: 'ask-departure', departure: { drain: false } })
  })

  it.each<[string, Partial<MachineRecord>, Partial<Surroundings>]>([
    ['there is no Kubernetes on it', { departure: { state: 'unneeded' } }, {}],
    ['it never booted', { phoneHome: { state: 'waiting' } }, {}],
    ['its whole cluster is deleted', {}, { clusterStays: false }],
    ['its whole cluster is deleted while it leaves', { departure: asked() }, { clusterStays: false }],
    ['it has left', { departure: { state: 'left', at: '' } }, {}],
    ['that was given up', { departure: { state: 'skipped', reason: '' } }, {}],
    ['no control plane was there to join', { phoneHome: { state: 'waiting' }, bootingSince: '' }, { helper: false }],
  ])('nothing is waited for where %s', (_, record, over) => {
    expect(decided(record, over)).toBeNull()
  })

  it('it goes without, and that is told, where nobody can take it out', () => {
    expect(decided({}, { helper: false })).toMatchObject({ decision: 'skip-departure' })
  })

  it('it is waited for, as long as anything gets on', () => {
    const almost = LEAVE_PATIENCE_MS - 1
    expect(decided({ departure: asked() }, { nowMs: almost })).toEqual({ decision: 'await-departure', leftMs: 1 })
    expect(decided({ departure: asked() }, { nowMs: almost, progressMs: almost })).toEqual({
      decision: 'await-departure',
      leftMs: LEAVE_PATIENCE_MS,
    })
  })

  it('it goes without once that took too long, with the last trouble for a reason', () => {
    const late = { nowMs: LEAVE_PATIENCE_MS }
    expect(decided({ departure: asked({ trouble: 'no quorum' }) }, late)).toEqual({
      decision: 'skip-departure',
      reason: 'not within 10 minutes: no quorum',
    })
    expect(decided({ departure: asked() }, late)).toMatchObject({ reason: expect.stringContaining('answered') })
  })
})

describe('who takes machines out of a cluster', () => {
  let nowMs = 0
  const clock = { now: () => nowMs, sleep: () => Promise.reject(new Error('nobody sleeps here')) }
  const controlPlane = (uid: string, over: Partial<MachineRecord> = {}) =>
    machineRecord({ uid, name: uid, role: 'control-plane', phoneHome: READY, phase: 'Ready', ...over })
  const leaver = machineRecord({ uid: 'w', name: 'w', want: 'absent', departure: asked(), phoneHome: READY })
  const [a, b] = [controlPlane('a'), controlPlane('b')]
  const NOTHING = { leaving: [], againSeconds: null }
  const DRAIN = { leaving: [{ name: 'w', role: 'worker', how: 'drain' }], againSeconds: 10 }

  it('is the first of the control plane that asks, until it has gone silent', () => {
    nowMs = 0
    const desk = new DepartureDesk(clock)
    expect(desk.dutiesOf(b, [a, b, leaver])).toEqual(DRAIN)
    expect(desk.dutiesOf(a, [a, b, leaver])).toEqual(NOTHING)
    expect(desk.dutiesOf(b, [a, b, leaver])).toEqual(DRAIN)
    nowMs = 4 * 60_000
    expect(desk.dutiesOf(a, [a, b, leaver])).toEqual(DRAIN)
    expect(desk.dutiesOf(b, [a, b, leaver])).toEqual(NOTHING)
  })

  it('is another at once when that one is to leave itself', () => {
    const desk = new DepartureDesk(clock)
    desk.dutiesOf(b, [a, b, leaver])
    const leaving = controlPlane('b', { want: 'absent', departure: asked() })
    expect(desk.dutiesOf(leaving, [a, leaving, leaver])).toEqual(NOTHING)
    expect(desk.dutiesOf(a, [a, leaving, leaver]).leaving.map(({ name }) => name)).toEqual(['b', 'w'])
  })

  it('moves the pods first, until that took too long; of one that does not run not at all', () => {
    nowMs = 0
    const desk = new DepartureDesk(clock)
    const off = machineRecord({ uid: 'x', name: 'x', want: 'absent', departure: asked({ drain: false }) })
    const how = () => desk.dutiesOf(a, [a, off, leaver]).leaving.map((each) => [each.name, each.how])
    expect(how()).toEqual([
      ['w', 'drain'],
      ['x', 'remove'],
    ])
    nowMs = DRAIN_PATIENCE_MS
    expect(how()).toEqual([
      ['w', 'remove'],
      ['x', 'remove'],
    ])
  })

  it('has a few at a time, those first that have waited longest', () => {
    const desk = new DepartureDesk(clock)
    const many = Array.from({ length: 20 }, (_, index) =>
      machineRecord({
        uid: `w${index}`,
        name: `w${index}`,
        want: 'absent',
        departure: asked({ since: new Date(20 - index).toISOString() }),
      }),
    )
    expect(desk.dutiesOf(a, [a, ...many]).leaving.map(({ name }) => name)).toEqual([
      'w19',
      'w18',
      'w17',
      'w16',
      'w15',
      'w14',
      'w13',
      'w12',
    ])
  })

  it('asks at its usual time where nobody comes or goes, and soon where somebody does', () => {
    const desk = new DepartureDesk(clock)
    expect(desk.dutiesOf(a, [a, b])).toEqual(NOTHING)
    expect(desk.dutiesOf(a, [a, b, machineRecord({ phase: 'Booting' })])).toEqual({ leaving: [], againSeconds: 10 })
    expect(desk.dutiesOf(a, [a, b, machineRecord({ phase: 'Failed' })])).toEqual(NOTHING)
  })

  it('is no machine that is not ready itself', () => {
    const desk = new DepartureDesk(clock)
    const booting = controlPlane('a', { phoneHome: { state: 'waiting' } })
    expect(desk.dutiesOf(booting, [booting, b, leaver])).toEqual(NOTHING)
  })
})

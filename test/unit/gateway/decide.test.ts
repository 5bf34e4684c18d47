import { describe, expect, it } from 'vitest'
import type { Observed, Step } from '../../../adapters/adapter.ts'
import { BOOT_PATIENCE_MS, decide, type Situation } from '../../../gateway/machines/decide.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import { machineRecord } from './fixtures.ts'

const powerOn: Step = { kind: 'power-on', summary: 'power on', creates: [] }
const running: Observed = { power: 'on', addresses: [], objects: [] }

function situation(record: Partial<MachineRecord>, over: Partial<Situation> = {}): Situation {
  const surroundings = { clusterStays: true, helper: true, progressMs: 0 }
  return {
    record: machineRecord(record),
    observed: running,
    steps: [],
    driftPolicy: 'heal',
    surroundings,
    nowMs: 0,
    ...over,
  }
}

describe('what to do with a machine', () => {
  it('takes the first step of what the adapter plans', () => {
    expect(decide(situation({ phase: 'Provisioning' }, { steps: [powerOn] }))).toEqual({
      decision: 'step',
      step: powerOn,
    })
  })

  it('waits for the phone-home once the cloud has it as it should be', () => {
    expect(decide(situation({ phase: 'Booting', bootingSince: new Date(0).toISOString() }))).toEqual({
      decision: 'await-phone-home',
      stuck: false,
    })
  })

  it('calls it stuck when the phone-home took too long', () => {
    const late = situation({ phase: 'Booting', bootingSince: new Date(0).toISOString() }, { nowMs: BOOT_PATIENCE_MS })
    expect(decide(late)).toEqual({ decision: 'await-phone-home', stuck: true })
  })

  it('is ready after the phone-home, however late that came', () => {
    expect(decide(situation({ phase: 'Failed', phoneHome: { state: 'ready', at: '' } }))).toEqual({ decision: 'ready' })
  })

  it('tells what the guest said when its bootstrap failed', () => {
    const failed = situation({ phase: 'Booting', phoneHome: { state: 'failed', at: '', message: 'kubeadm: no route' } })
    expect(decide(failed)).toEqual({ decision: 'bootstrap-failed', message: 'kubeadm: no route' })
  })

  it('heals a machine that was ready and is off', () => {
    const off = situation(
      { phase: 'Ready', phoneHome: { state: 'ready', at: '' } },
      { steps: [powerOn], observed: { ...running, power: 'off' } },
    )
    expect(decide(off)).toEqual({ decision: 'step', step: powerOn })
  })

  it('only tells of it where the policy is to alert', () => {
    const off = situation({ phase: 'Ready' }, { steps: [powerOn], driftPolicy: 'alert' })
    expect(decide(off)).toEqual({ decision: 'report-drift', steps: [powerOn] })
  })

  it('goes on provisioning whatever the drift policy is', () => {
    expect(decide(situation({ phase: 'Provisioning' }, { steps: [powerOn], driftPolicy: 'alert' }))).toMatchObject({
      decision: 'step',
    })
  })

  it('makes a machine that never existed', () => {
    expect(decide(situation({ externalId: null }, { observed: null, steps: [powerOn] }))).toMatchObject({
      decision: 'step',
    })
  })

  it('never makes again, under the same identity, a machine that was there and is gone', () => {
    expect(decide(situation({ phase: 'Ready', externalId: 'vm-1' }, { observed: null, steps: [powerOn] }))).toEqual({
      decision: 'lost',
    })
  })

  it('never makes again a machine that was ready, and of which only its port is left', () => {
    const port: Observed = { power: 'off', addresses: ['10.0.0.5'], objects: [], made: false }
    const left = { observed: port, steps: [powerOn] }
    for (const phase of ['Ready', 'Drifted'] as const)
      expect(decide(situation({ phase, externalId: 'server-1' }, left))).toEqual({ decision: 'lost' })
    expect(decide(situation({ phase: 'Provisioning', externalId: 'port-1' }, left))).toMatchObject({ decision: 'step' })
  })

  it('is gone only when the cloud shows nothing of it', () => {
    expect(decide(situation({ want: 'absent' }, { observed: running, steps: [powerOn] }))).toMatchObject({
      decision: 'step',
    })
    expect(decide(situation({ want: 'absent' }, { observed: null }))).toEqual({ decision: 'gone' })
  })
})

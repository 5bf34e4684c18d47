import { describe, expect, it } from 'vitest'
import type { MachineSpec } from '../../../adapters/adapter.ts'
import type { VsphereObserved } from '../../../adapters/vsphere/observed.ts'
import { planMachine } from '../../../adapters/vsphere/plan.ts'
import { machine, observed, PLACEMENT } from './fixtures.ts'

const GIB = 1024 ** 2

function kinds(spec: MachineSpec, state: VsphereObserved | null): string[] {
  return planMachine(spec, state).map(({ kind }) => kind)
}

describe('a machine that is wanted', () => {
  it('is cloned, set up and powered on', () => {
    expect(kinds(machine(), null)).toEqual(['clone', 'reconfigure', 'power-on'])
    expect(planMachine(machine(), null)[0]?.creates).toEqual([{ kind: 'VirtualMachine', name: 'prod-workers-1' }])
  })

  it('needs nothing when it is as it should be', () => {
    expect(kinds(machine(), observed())).toEqual([])
  })

  it('is waited for while a clone is under way that may become it', () => {
    const task = { type: 'Task', value: 'task-7' }
    expect(kinds(machine(), observed({ vm: undefined, cloning: task }))).toEqual(['await-clone', 'power-on'])
  })

  it.each<[string, Partial<VsphereObserved>, string]>([
    ['CPUs', { cpus: 2 }, 'CPUs 2 → 4'],
    ['memory', { memoryMiB: 1024 }, 'memory 1024 → 4096 MiB'],
    ['a first disk that is too small', { disksKiB: [10 * GIB, 5 * GIB] }, 'first disk 10 → 20 GiB'],
    ['a disk that is missing', { disksKiB: [20 * GIB] }, '1 more disk'],
  ])('is reconfigured off for %s, and says what differs', (_, drift, words) => {
    expect(kinds(machine(), observed({ ...drift, power: 'off' }))).toEqual(['reconfigure', 'power-on'])
    expect(kinds(machine(), observed(drift))).toEqual(['power-off', 'reconfigure', 'power-on'])
    expect(planMachine(machine(), observed({ ...drift, power: 'off' }))[0]?.summary).toContain(words)
  })

  it('gets its metadata before it boots with another MAC address, and is left alone while it runs', () => {
    expect(kinds(machine(), observed({ metadataMac: undefined, power: 'off' }))).toEqual(['reconfigure', 'power-on'])
    expect(kinds(machine(), observed({ metadataMac: undefined }))).toEqual([])
  })

  it.each(['off', 'suspended'] as const)('is powered on when it is %s', (power) => {
    expect(kinds(machine(), observed({ power }))).toEqual(['power-on'])
  })

  it('keeps a disk that is larger than asked for, and more disks than asked for', () => {
    expect(kinds(machine(), observed({ disksKiB: [30 * GIB, 5 * GIB, GIB] }))).toEqual([])
  })

  it('keeps the first disk of a linked clone as it is', () => {
    const spec = machine({ placement: { ...PLACEMENT, clone: 'linked' } })
    expect(kinds(spec, observed({ disksKiB: [10 * GIB, 5 * GIB] }))).toEqual([])
  })

  it('does not take a second disk of the template for one of its own', () => {
    const state = observed({ disksKiB: [20 * GIB, GIB], templateDisks: 2 })
    expect(kinds(machine(), state)).toContain('reconfigure')
  })
})

describe('a machine that is no longer wanted', () => {
  const spec = machine({ want: 'absent' })

  it('is powered off and deleted', () => {
    expect(kinds(spec, observed())).toEqual(['power-off', 'delete'])
    expect(kinds(spec, observed({ power: 'suspended' }))).toEqual(['power-off', 'delete'])
    expect(kinds(spec, observed({ power: 'off' }))).toEqual(['delete'])
  })

  it('is deleted only once its clone has ended', () => {
    expect(kinds(spec, observed({ vm: undefined, cloning: { type: 'Task', value: 'task-7' } }))).toEqual([
      'await-clone',
      'delete',
    ])
  })

  it('needs nothing when it is gone', () => {
    expect(kinds(spec, null)).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { planSandbox, type SandboxObserved } from '../../../adapters/sandbox/plan.ts'
import { machine } from './fixtures.ts'

function observed(state: SandboxObserved['state'], cpus = 2): SandboxObserved {
  return { state, cpus, memoryMiB: 2048, power: state === 'on' ? 'on' : 'off', addresses: [], objects: [] }
}

describe('the steps of a sandbox machine', () => {
  it.each<[string, SandboxObserved | null, string[]]>([
    ['is not there', null, ['create', 'power-on']],
    ['is being made', observed('creating'), ['create', 'power-on']],
    ['is still being deleted', observed('deleting'), ['create', 'power-on']],
    ['is off', observed('off'), ['power-on']],
    ['is on', observed('on'), []],
    ['has other CPUs', observed('on', 4), ['power-off', 'resize', 'power-on']],
    ['has other CPUs and is off', observed('off', 4), ['resize', 'power-on']],
  ])('that is wanted and %s', (_, state, kinds) => {
    expect(planSandbox(machine(), state).map(({ kind }) => kind)).toEqual(kinds)
  })

  it.each<[string, SandboxObserved | null, string[]]>([
    ['is not there', null, []],
    ['is being made', observed('creating'), ['delete']],
    ['is being deleted', observed('deleting'), ['delete']],
    ['is off', observed('off', 4), ['delete']],
    ['is on', observed('on'), ['power-off', 'delete']],
  ])('that is not wanted and %s', (_, state, kinds) => {
    expect(planSandbox(machine({ want: 'absent' }), state).map(({ kind }) => kind)).toEqual(kinds)
  })

  it('name what a step may leave outside', () => {
    const creates = planSandbox(machine({ name: 'w-1' }), null).map((step) => step.creates)
    expect(creates).toEqual([[{ kind: 'VirtualMachine', name: 'w-1' }], []])
  })
})

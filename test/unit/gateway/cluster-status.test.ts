import { describe, expect, it } from 'vitest'
import { type ClusterSituation, clusterStatus } from '../../../gateway/clusters/cluster-status.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import type { ClusterStatus } from '../../../resources/cluster.ts'
import { machineRecord } from './fixtures.ts'

const pools = [{ name: 'workers', role: 'worker' as const, count: 2, revision: '12345678' }]
const machine = (over: Partial<MachineRecord> = {}): MachineRecord => machineRecord({ phase: 'Ready', ...over })

function status(over: Partial<ClusterSituation>): ClusterStatus {
  return clusterStatus({
    generation: 1,
    profileGeneration: 1,
    deleting: false,
    pools,
    machines: [machine(), machine()],
    foundation: null,
    hindrance: { kind: 'none' },
    before: null,
    now: '2026-11-22T00:00:00.000Z',
    ...over,
  })
}

const readyMessage = ({ conditions }: ClusterStatus): string | undefined =>
  conditions.find((condition) => condition.type === 'Ready')?.message
const ready = status({})

describe('the status of a cluster', () => {
  it('is Ready when every machine that is asked for is, and no other is left', () => {
    expect(ready).toMatchObject({
      phase: 'Ready',
      observedGeneration: 1,
      machines: { desired: 2, total: 2, ready: 2, current: 2 },
    })
    expect(status({ machines: [machine(), machine(), machine({ want: 'absent' })], before: ready }).phase).not.toBe(
      'Ready',
    )
  })

  it('is Provisioning until it was Ready for the first time', () => {
    expect(status({ machines: [machine(), machine({ phase: 'Booting' })] }).phase).toBe('Provisioning')
  })

  it('is Degraded when a machine of it fails, and nothing else was asked for', () => {
    expect(status({ machines: [machine()], before: ready }).phase).toBe('Degraded')
  })

  it.each([{ generation: 2 }, { profileGeneration: 2 }])(
    'is Updating from a change of what is asked for (%o) until it is whole',
    (change) => {
      const updating = status({ machines: [machine()], before: ready, ...change })
      expect(updating.phase).toBe('Updating')
      expect(status({ machines: [machine()], before: updating, ...change }).phase).toBe('Updating')
      expect(status({ before: updating, ...change }).phase).toBe('Ready')
    },
  )

  it('waits, and has not failed, while its account is not open yet', () => {
    const waiting = status({ machines: [], hindrance: { kind: 'waiting', message: 'account lab is not open yet' } })
    expect(waiting.phase).toBe('Provisioning')
    expect(readyMessage(waiting)).toBe('0 of 2 machines are ready; account lab is not open yet')
  })

  it('has failed when nothing can be made, and says what to do in whole sentences', () => {
    const findings = [
      {
        severity: 'error',
        subject: 'datastore tape',
        message: 'does not exist: there are A, B',
        remedy: 'Correct placement.datastore.',
      },
      { severity: 'error', subject: 'network x', message: 'does not exist' },
    ] as const
    const failed = status({ machines: [], hindrance: { kind: 'blocked', findings } })
    expect(failed.phase).toBe('Failed')
    expect(failed.conditions.find((condition) => condition.type === 'Preflight')?.message).toBe(
      'datastore tape: does not exist: there are A, B. Correct placement.datastore. network x: does not exist.',
    )
  })

  it('names the machine that holds it up, and why', () => {
    const condition = {
      type: 'Progressing',
      status: 'False',
      reason: 'CloudFull',
      message: 'no space left',
      since: '',
    } as const
    expect(
      readyMessage(status({ machines: [machine(), machine({ phase: 'Provisioning', conditions: [condition] })] })),
    ).toBe('1 of 2 machines are ready; prod-workers-x7k2p: no space left')
  })
})

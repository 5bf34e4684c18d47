import type { MachineRecord } from '../machines/machine-record.ts'
import type { Member } from './plan-cluster.ts'

/** What the plan of a cluster needs to know of a machine. */
export function memberOf(record: MachineRecord): Member {
  return {
    uid: record.uid,
    pool: record.pool,
    revision: record.revision,
    wanted: record.want === 'present',
    ready: record.phase === 'Ready',
    createdAt: record.createdAt,
  }
}

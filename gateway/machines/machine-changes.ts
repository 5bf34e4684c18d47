import type { MachineSpec } from '../../adapters/adapter.ts'
import type { Report } from '../../resources/report.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { UnitChanges, type UnitVoice } from '../units/unit-changes.ts'
import { type MachineRecord, toStatus } from './machine-record.ts'

export class MachineChanges extends UnitChanges<MachineRecord> {
  readonly #journal: Journal

  constructor(journal: Journal, clock: Clock, clusterChanged: (cluster: string) => void) {
    super({
      journal,
      table: journal.machines,
      voice: VOICE,
      clock,
      matters: (before, after) => before.phase !== after.phase || before.want !== after.want,
      clusterChanged,
    })
    this.#journal = journal
  }

  async insert(machines: readonly { record: MachineRecord; spec: MachineSpec }[], also: () => void): Promise<void> {
    const writes = machines.map(({ record, spec }) => this.#journal.machines.insert(record, spec))
    await this.#journal.write(
      () => {
        also()
        for (const write of writes) write()
      },
      machines.map(({ record }) => statusReport(record)),
    )
  }
}

const VOICE: UnitVoice<MachineRecord> = {
  changed: (before, after) => (sameStatus(before, after) ? [] : [statusReport(after)]),
  timeline: ({ name, cluster }, entry) => ({ type: 'timeline', machine: name, cluster, entry }),
  event: ({ name }, event) => ({ type: 'event', kind: 'Machine', name, ...event }),
  gone: ({ name }, left) => [{ type: 'gone', kind: 'Machine', name, left }],
}

function statusReport(record: MachineRecord): Report {
  return { type: 'status', kind: 'Machine', name: record.name, status: toStatus(record) }
}

function sameStatus(a: MachineRecord, b: MachineRecord): boolean {
  return JSON.stringify(toStatus(a)) === JSON.stringify(toStatus(b))
}

import type { MachineSpec, MachineUid } from '../../adapters/adapter.ts'
import { type Condition, withCondition } from '../../resources/condition.ts'
import type { TimelineEntry } from '../../resources/machine.ts'
import type { Report } from '../../resources/report.ts'
import { type Clock, timestamp } from '../../runtime/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { type MachineRecord, toStatus } from './machine-record.ts'

export interface Along {
  /** Told on the machine's timeline. */
  readonly timeline?: Omit<TimelineEntry, 'time'>
  /** Told as an event of the machine. */
  readonly event?: {
    readonly severity: 'info' | 'warning' | 'error'
    readonly reason: string
    readonly message: string
  }
  /** Runs in the same transaction. */
  readonly also?: () => void
}

/** The one way in which a machine's record changes: on disk, with its reports, and its cluster told. */
export class MachineChanges {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #clusterChanged: (cluster: string) => void

  constructor(journal: Journal, clock: Clock, clusterChanged: (cluster: string) => void) {
    this.#journal = journal
    this.#clock = clock
    this.#clusterChanged = clusterChanged
  }

  /** ISO 8601. */
  now(): string {
    return timestamp(this.#clock)
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

  /** Changes the newest record; resolves once it is on disk, with it, or with null if the machine is gone. */
  async apply(
    uid: MachineUid,
    change: (record: MachineRecord) => MachineRecord,
    along: Along = {},
  ): Promise<MachineRecord | null> {
    const before = this.#journal.machines.get(uid)
    const changed = this.#journal.machines.update(uid, change)
    if (before === undefined || changed === null) return null
    const { record, write } = changed
    await this.#journal.write(() => {
      write()
      along.also?.()
    }, [...(sameStatus(before, record) ? [] : [statusReport(record)]), ...this.#along(record, along)])
    if (before.phase !== record.phase || before.want !== record.want) this.#clusterChanged(record.cluster)
    return record
  }

  /** Forgets the machine and its ledger; `left` names what stays in the cloud. */
  async remove(record: MachineRecord, left: readonly string[], along: Along = {}): Promise<void> {
    const write = this.#journal.machines.remove(record.uid)
    await this.#journal.write(() => {
      write()
      this.#journal.ledger.clear(record.uid)
      along.also?.()
    }, [...this.#along(record, along), { type: 'gone', kind: 'Machine', name: record.name, left }])
    this.#clusterChanged(record.cluster)
  }

  /** `record` with the condition set. */
  withCondition(record: MachineRecord, condition: Omit<Condition, 'since'>): MachineRecord {
    return { ...record, conditions: withCondition(record.conditions, { ...condition, since: this.now() }) }
  }

  #along(record: MachineRecord, along: Along): Report[] {
    const reports: Report[] = []
    if (along.timeline !== undefined)
      reports.push({
        type: 'timeline',
        machine: record.name,
        cluster: record.cluster,
        entry: { time: this.now(), ...along.timeline },
      })
    if (along.event !== undefined) reports.push({ type: 'event', kind: 'Machine', name: record.name, ...along.event })
    return reports
  }
}

function statusReport(record: MachineRecord): Report {
  return { type: 'status', kind: 'Machine', name: record.name, status: toStatus(record) }
}

function sameStatus(a: MachineRecord, b: MachineRecord): boolean {
  return JSON.stringify(toStatus(a)) === JSON.stringify(toStatus(b))
}

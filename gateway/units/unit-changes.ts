import type { MachineUid } from '../../adapters/adapter.ts'
import { type Condition, withCondition } from '../../resources/condition.ts'
import type { TimelineEntry } from '../../resources/machine.ts'
import type { Report } from '../../resources/report.ts'
import { type Clock, timestamp } from '../../runtime/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { RecordTable } from '../journal/record-table.ts'
import type { UnitRecord } from './unit-record.ts'

export interface UnitEvent {
  readonly severity: 'info' | 'warning' | 'error'
  readonly reason: string
  readonly message: string
}

export interface Along {
  /** Told on the unit's timeline. */
  readonly timeline?: Omit<TimelineEntry, 'time'>
  /** Told as an event. */
  readonly event?: UnitEvent
  /** Runs in the same transaction. */
  readonly also?: () => void
}

/** How the broker is told of one kind of unit. */
export interface UnitVoice<R extends UnitRecord> {
  changed(before: R, after: R): Report[]
  timeline(record: R, entry: TimelineEntry): Report
  event(record: R, event: UnitEvent): Report
  gone(record: R, left: readonly string[]): Report[]
}

export interface UnitChangesOptions<R extends UnitRecord> {
  readonly journal: Journal
  readonly table: Pick<RecordTable<R>, 'get' | 'update' | 'remove'>
  readonly voice: UnitVoice<R>
  readonly clock: Clock
  /** Whether the cluster has to look at it. */
  readonly matters: (before: R, after: R) => boolean
  readonly clusterChanged: (cluster: string) => void
}

/** The one way in which a unit's record changes: on disk, with its reports, and its cluster told. */
export class UnitChanges<R extends UnitRecord> {
  readonly #options: UnitChangesOptions<R>

  constructor(options: UnitChangesOptions<R>) {
    this.#options = options
  }

  /** ISO 8601. */
  now(): string {
    return timestamp(this.#options.clock)
  }

  /** Changes the newest record; resolves once it is on disk, with it, or with null if the unit is gone. */
  async apply(uid: MachineUid, change: (record: R) => R, along: Along = {}): Promise<R | null> {
    const { journal, table, voice, matters, clusterChanged } = this.#options
    const before = table.get(uid)
    const changed = table.update(uid, change)
    if (before === undefined || changed === null) return null
    const { record, write } = changed
    await journal.write(() => {
      write()
      along.also?.()
    }, [...voice.changed(before, record), ...this.#along(record, along)])
    if (matters(before, record)) clusterChanged(record.cluster)
    return record
  }

  /** Forgets the unit and its ledger; `left` names what stays in the cloud. */
  async remove(record: R, left: readonly string[], along: Along = {}): Promise<void> {
    const { journal, table, voice, clusterChanged } = this.#options
    const write = table.remove(record.uid)
    await journal.write(() => {
      write()
      journal.ledger.clear(record.uid)
      along.also?.()
    }, [...this.#along(record, along), ...voice.gone(record, left)])
    clusterChanged(record.cluster)
  }

  /** `record` with the condition set. */
  withCondition(record: R, condition: Omit<Condition, 'since'>): R {
    return { ...record, conditions: withCondition(record.conditions, { ...condition, since: this.now() }) }
  }

  #along(record: R, { timeline, event }: Along): Report[] {
    const { voice } = this.#options
    return [
      ...(timeline === undefined ? [] : [voice.timeline(record, { time: this.now(), ...timeline })]),
      ...(event === undefined ? [] : [voice.event(record, event)]),
    ]
  }
}

import type { Clock } from '../../runtime/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { UnitChanges, type UnitVoice } from '../units/unit-changes.ts'
import { type FoundationRecord, troubleOf } from './foundation-record.ts'

export class FoundationChanges extends UnitChanges<FoundationRecord> {
  readonly #journal: Journal

  constructor(journal: Journal, clock: Clock, clusterChanged: (cluster: string) => void) {
    super({ journal, table: journal.foundations, voice: VOICE, clock, matters: shown, clusterChanged })
    this.#journal = journal
  }

  async insert(record: FoundationRecord): Promise<void> {
    await this.#journal.write(this.#journal.foundations.insert(record))
  }
}

/** The cluster speaks for it: its status has the condition, and its timeline and events the rest. */
const VOICE: UnitVoice<FoundationRecord> = {
  changed: () => [],
  timeline: ({ cluster }, entry) => ({ type: 'timeline', machine: cluster, cluster, entry }),
  event: ({ cluster }, { severity, reason, message }) => ({
    type: 'event',
    kind: 'Cluster',
    name: cluster,
    severity,
    reason,
    message: `foundation: ${message}`,
  }),
  gone: () => [],
}

/** What the cluster's status, or its next move, depends on. */
function shown(before: FoundationRecord, after: FoundationRecord): boolean {
  return (
    before.phase !== after.phase ||
    before.want !== after.want ||
    before.stage !== after.stage ||
    before.endpoint !== after.endpoint ||
    troubleOf(before)?.message !== troubleOf(after)?.message
  )
}

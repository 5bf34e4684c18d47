import type { Clock } from '../runtime/clock.ts'
import { timestamp } from '../runtime/clock.ts'
import { joinWanted } from './bootstrap/cluster-secrets.ts'
import type { LeftReport, PhoneHomeReport, PhoneHomeSink, Wanted } from './bootstrap/phone-home.ts'
import { sameHash } from './bootstrap/token-hash.ts'
import type { Journal } from './journal/journal.ts'
import type { DepartureDesk } from './machines/departure-desk.ts'
import { noteLeaving } from './machines/leave.ts'
import type { MachineChanges } from './machines/machine-changes.ts'
import type { MachineRecord, PhoneHomeState } from './machines/machine-record.ts'

export interface PhoneHomeJournalOptions {
  readonly journal: Journal
  readonly changes: MachineChanges
  readonly departures: DepartureDesk
  readonly machineChanged: (uid: string) => void
  readonly clock: Clock
}

/** Takes what machines report of themselves into the journal, and has them looked at. */
export class PhoneHomeJournal implements PhoneHomeSink {
  readonly #options: PhoneHomeJournalOptions

  constructor(options: PhoneHomeJournalOptions) {
    this.#options = options
  }

  async report(uid: string, tokenHash: string, report: PhoneHomeReport): Promise<'accepted' | 'refused'> {
    const record = this.#known(uid, tokenHash)
    if (record === null) return 'refused'
    const { changes, machineChanged, clock } = this.#options
    const phoneHome = stateAfter(record.phoneHome, report, timestamp(clock))
    if (phoneHome !== record.phoneHome)
      await changes.apply(
        uid,
        (newest) => ({ ...newest, phoneHome, addresses: report.addresses ?? newest.addresses }),
        {
          timeline: {
            stage: 'phone-home',
            actor: 'guest',
            cause: record.cause,
            outcome: phoneHome.state === 'failed' ? 'failed' : 'done',
            ...(report.message === undefined ? {} : { detail: report.message }),
          },
        },
      )
    machineChanged(uid)
    return 'accepted'
  }

  async joinWanted(uid: string, tokenHash: string): Promise<Wanted | 'refused'> {
    const record = this.#known(uid, tokenHash)
    if (record === null || record.role !== 'control-plane') return 'refused'
    const { journal, departures, clock } = this.#options
    const { secrets } = journal.clusters.get(record.cluster)
    if (secrets === null) return 'refused'
    return { ...joinWanted(secrets, clock), ...departures.dutiesOf(record, journal.machines.ofCluster(record.cluster)) }
  }

  async left(uid: string, tokenHash: string, report: LeftReport): Promise<'accepted' | 'refused'> {
    const record = this.#known(uid, tokenHash)
    if (record === null || record.role !== 'control-plane') return 'refused'
    const { journal, changes, departures, machineChanged } = this.#options
    // One that is forgotten by now, or was not asked to leave, is nothing to be told of again.
    const leaver = journal.machines.ofCluster(record.cluster).find((machine) => machine.name === report.machine)
    if (leaver === undefined || leaver.uid === uid || !(await noteLeaving(changes, leaver, report))) return 'accepted'
    departures.progressed(record.cluster)
    machineChanged(leaver.uid)
    return 'accepted'
  }

  #known(uid: string, tokenHash: string): MachineRecord | null {
    const record = this.#options.journal.machines.get(uid)
    return record !== undefined && sameHash(record.phoneHomeTokenHash, tokenHash) ? record : null
  }
}

/** A machine that was ready stays so; one that failed may still become it. */
function stateAfter(before: PhoneHomeState, report: PhoneHomeReport, now: string): PhoneHomeState {
  if (before.state === 'ready') return before
  switch (report.phase) {
    case 'booting':
      return before
    case 'ready':
      return { state: 'ready', at: now }
    case 'failed':
      return { state: 'failed', at: now, message: report.message ?? 'the machine did not say why' }
    default:
      return report.phase satisfies never
  }
}

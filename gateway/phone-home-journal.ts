import type { Clock } from '../runtime/clock.ts'
import { timestamp } from '../runtime/clock.ts'
import { joinWanted } from './bootstrap/cluster-secrets.ts'
import type { PhoneHomeReport, PhoneHomeSink } from './bootstrap/phone-home.ts'
import { sameHash } from './bootstrap/token-hash.ts'
import type { Journal } from './journal/journal.ts'
import type { MachineChanges } from './machines/machine-changes.ts'
import type { MachineRecord, PhoneHomeState } from './machines/machine-record.ts'

export interface PhoneHomeJournalOptions {
  readonly journal: Journal
  readonly changes: MachineChanges
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

  async joinWanted(uid: string, tokenHash: string): Promise<{ tokens: string[]; certificateKey: string } | 'refused'> {
    const record = this.#known(uid, tokenHash)
    if (record === null || record.role !== 'control-plane') return 'refused'
    const { secrets } = this.#options.journal.clusters.get(record.cluster)
    return secrets === null ? 'refused' : joinWanted(secrets, this.#options.clock)
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

/**
 * The gateway's memory that survives: one SQLite database.
 *
 * Invariants
 * 1. What `write` did is on disk, fsync done, when its promise resolves.
 * 2. A change and the reports that tell of it are in one transaction.
 * 3. A delivery is journalled once, in order; the acknowledged sequence never runs ahead of the disk.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Command } from '../../resources/command.ts'
import type { Report } from '../../resources/report.ts'
import type { Clock } from '../../runtime/clock.ts'
import { GroupCommit, openDatabase } from '../../runtime/group-commit.ts'
import type { Inbox, ReceivedDelivery } from '../../tunnel/link-ports.ts'
import type { FoundationRecord } from '../foundations/foundation-record.ts'
import { AccountTable } from './account-table.ts'
import { ClusterTable } from './cluster-table.ts'
import { type Accepted, DesiredTable } from './desired-table.ts'
import { FactTable } from './fact-table.ts'
import { LedgerTable } from './ledger-table.ts'
import { MachineTable } from './machine-table.ts'
import { OutboxTable } from './outbox-table.ts'
import { RecordTable } from './record-table.ts'
import { migrate } from './schema.ts'

const decoder = new TextDecoder()

export class Journal implements Inbox {
  readonly desired: DesiredTable
  readonly clusters: ClusterTable
  readonly machines: MachineTable
  readonly foundations: RecordTable<FoundationRecord>
  readonly accounts: AccountTable
  readonly ledger: LedgerTable
  readonly outbox: OutboxTable
  readonly #facts: FactTable
  readonly #db: DatabaseSync
  readonly #commits: GroupCommit
  readonly #listeners = new Set<(accepted: Accepted) => void>()

  private constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#commits = new GroupCommit(db)
    this.#facts = new FactTable(db)
    this.desired = new DesiredTable(db)
    this.clusters = new ClusterTable(db)
    this.machines = new MachineTable(db)
    this.foundations = new RecordTable(db, 'foundations')
    this.accounts = new AccountTable(db)
    this.ledger = new LedgerTable(db)
    this.outbox = new OutboxTable(db, this.#commits, clock)
  }

  /** Opens the journal at `path` (a file, or `:memory:`), making or migrating it. Throws `invalid` if a newer gateway wrote it. */
  static open(path: string, clock: Clock): Journal {
    const db = openDatabase(path)
    migrate(db)
    return new Journal(db, clock)
  }

  get journalId(): string {
    return this.#facts.journalId
  }

  lastDelivery(): number {
    return this.#facts.lastDelivery
  }

  /** Runs `work` in a transaction and appends the reports to it; resolves after fsync. */
  write(work: () => void, reports: readonly Report[] = []): Promise<void> {
    return this.#commits.write(() => {
      work()
      for (const report of reports) this.outbox.append(report)
    })
  }

  /** Calls `listener` for each command, once it is on disk. */
  onAccepted(listener: (accepted: Accepted) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async accept(deliveries: readonly ReceivedDelivery[]): Promise<number> {
    const accepted = await this.#commits.write(() => {
      const news: Accepted[] = []
      for (const delivery of deliveries) {
        if (delivery.sequence <= this.#facts.lastDelivery) continue
        const result = this.#take(delivery)
        if (result !== null) news.push(result)
        this.#facts.setLastDelivery(delivery.sequence)
      }
      return news
    })
    for (const news of accepted) for (const listener of this.#listeners) listener(news)
    return this.#facts.lastDelivery
  }

  close(): void {
    this.#commits.close()
    this.#db.close()
  }

  #take(delivery: ReceivedDelivery): Accepted | null {
    const command = parseCommand(delivery.payload)
    if (command === null) {
      // It will not get better by being delivered again, and must not hold up those behind it.
      this.outbox.append({
        type: 'event',
        kind: 'Gateway',
        name: 'self',
        severity: 'error',
        reason: 'UnknownCommand',
        message: `command ${delivery.messageId} is of a form that this gateway doesn't know: update the gateway`,
        traceId: delivery.traceId,
      })
      return null
    }
    const accepted = this.desired.apply(command)
    if (accepted.result === 'unknown')
      this.outbox.append({ type: 'gone', kind: accepted.kind, name: accepted.name, left: [] })
    return accepted
  }
}

function parseCommand(payload: Uint8Array): Command | null {
  try {
    const command: Command = JSON.parse(decoder.decode(payload))
    return command.type === 'put' || command.type === 'delete' || command.type === 'forget' ? command : null
  } catch {
    return null
  }
}

/**
 * What happened, on its way to the broker.
 *
 * Invariants
 * 1. A report is on disk in the same transaction as the change that it tells of (invariant 8 of the design).
 * 2. Sequences rise by one, and are never used again, not even after all was acknowledged.
 * 3. A report goes only once the broker has acknowledged it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Report } from '../../resources/report.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { GroupCommit } from '../../runtime/group-commit.ts'
import type { Outbox, OutgoingEvent } from '../../tunnel/link-ports.ts'

const encoder = new TextEncoder()

export class OutboxTable implements Outbox {
  readonly #commits: GroupCommit
  readonly #clock: Clock
  readonly #insert: StatementSync
  readonly #select: StatementSync
  readonly #remove: StatementSync
  readonly #listeners = new Set<() => void>()
  #announced = true

  constructor(db: DatabaseSync, commits: GroupCommit, clock: Clock) {
    this.#commits = commits
    this.#clock = clock
    this.#insert = db.prepare('INSERT INTO outbox (time_ms, payload) VALUES (?, ?)')
    this.#select = db.prepare(
      'SELECT sequence, time_ms, payload FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?',
    )
    this.#remove = db.prepare('DELETE FROM outbox WHERE sequence <= ?')
  }

  /** Appends within the running transaction. */
  append(report: Report): void {
    this.#insert.run(this.#clock.now(), JSON.stringify(report))
    if (!this.#announced) return
    // The commit ends in this turn of the event loop, so a listener called in the next one reads what is on disk.
    this.#announced = false
    setImmediate(() => {
      this.#announced = true
      for (const listener of this.#listeners) listener()
    })
  }

  read(after: number, limit: number): OutgoingEvent[] {
    return this.#select.all(after, limit).map((row) => ({
      sequence: Number(row.sequence),
      timeMs: Number(row.time_ms),
      payload: encoder.encode(String(row.payload)),
    }))
  }

  async acknowledged(sequence: number): Promise<void> {
    await this.#commits.write(() => {
      this.#remove.run(sequence)
    })
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

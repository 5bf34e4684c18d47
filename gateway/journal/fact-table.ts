import { randomUUID } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Single values of the journal: its own identity, and how far the deliveries have come. */
export class FactTable {
  readonly journalId: string
  #lastDelivery: number
  readonly #set: StatementSync

  constructor(db: DatabaseSync) {
    this.#set = db.prepare(
      'INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    )
    const get = db.prepare('SELECT value FROM facts WHERE name = ?')
    const journalId = get.get('journal-id')?.value
    this.journalId = typeof journalId === 'string' ? journalId : randomUUID()
    if (typeof journalId !== 'string') this.#set.run('journal-id', this.journalId)
    this.#lastDelivery = Number(get.get('last-delivery')?.value ?? 0)
  }

  get lastDelivery(): number {
    return this.#lastDelivery
  }

  /** Within the running transaction. */
  setLastDelivery(sequence: number): void {
    this.#set.run('last-delivery', String(sequence))
    this.#lastDelivery = sequence
  }
}

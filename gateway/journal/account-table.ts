import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { CloudAccount } from '../../resources/cloud-account.ts'

/** What the gateway keeps of an account besides its desired state. */
export interface AccountRecord {
  readonly name: string
  /** As it was when the cloud last let it in; its credentials are sealed. */
  readonly verified: { readonly generation: number; readonly resource: CloudAccount } | null
  /** The generation whose credentials the cloud refused while others were in use, and in what words. */
  readonly refused: { readonly generation: number; readonly message: string } | null
}

/** The accounts' records, in memory and on disk. */
export class AccountTable {
  readonly #records = new Map<string, AccountRecord>()
  readonly #upsert: StatementSync
  readonly #delete: StatementSync

  constructor(db: DatabaseSync) {
    this.#upsert = db.prepare(
      'INSERT INTO accounts (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state',
    )
    this.#delete = db.prepare('DELETE FROM accounts WHERE name = ?')
    for (const row of db.prepare('SELECT state FROM accounts').all()) {
      const record: AccountRecord = JSON.parse(String(row.state))
      this.#records.set(record.name, record)
    }
  }

  get(name: string): AccountRecord {
    return this.#records.get(name) ?? { name, verified: null, refused: null }
  }

  /** Changes memory at once and returns what to run inside a transaction. */
  set(record: AccountRecord): () => void {
    this.#records.set(record.name, record)
    return () => void this.#upsert.run(record.name, JSON.stringify(record))
  }

  /** As `set`. */
  remove(name: string): () => void {
    this.#records.delete(name)
    return () => void this.#delete.run(name)
  }
}

/**
 * The broker's one database: its tables, its transactions, and the counter that orders every change.
 *
 * Invariants
 * 1. Every change that a tenant can see takes a revision of one counter, which rises with each and survives restarts: watchers
 *    resume by it.
 * 2. Watchers hear of a change after its commit.
 * 3. Writes run inside `write` only: all of one is on disk when it resolves, or none of it.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { GroupCommit, openDatabase } from '../../runtime/group-commit.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { KeyedListeners } from '../keyed-listeners.ts'
import { MIGRATIONS, SCHEMA_VERSION, STORE_SCHEMA } from './schema.ts'

export type SqlValue = SQLInputValue

/** A prepared statement whose rows have the shape that its SQL says. */
export class Statement<Row> {
  readonly #statement: StatementSync

  constructor(statement: StatementSync) {
    this.#statement = statement
  }

  get(...values: SqlValue[]): Row | undefined {
    return this.#statement.get(...values) as Row | undefined
  }

  all(...values: SqlValue[]): Row[] {
    return this.#statement.all(...values) as Row[]
  }

  /** Returns how many rows changed. */
  run(...values: SqlValue[]): number {
    return Number(this.#statement.run(...values).changes)
  }
}

export class BrokerDatabase {
  readonly db: DatabaseSync
  readonly commits: GroupCommit
  readonly #listeners = new KeyedListeners()
  readonly #bump: Statement<{ value: number }>
  readonly #revision: Statement<{ value: number }>
  #touched: Set<string> | undefined

  /** @param path a file, made if need be and readable by its owner only; or `:memory:`. Throws `conflict` if a newer version wrote it. */
  constructor(path: string) {
    this.db = openDatabase(path)
    const version = this.#version()
    if (version > SCHEMA_VERSION) {
      this.db.close()
      throw newerDatabase(path, version)
    }
    this.#migrate()
    this.commits = new GroupCommit(this.db)
    this.#bump = this.prepare('UPDATE revision SET value = value + 1 RETURNING value')
    this.#revision = this.prepare('SELECT value FROM revision')
  }

  #version(): number {
    return this.prepare<{ user_version: number }>('PRAGMA user_version').get()?.user_version ?? 0
  }

  /** Brings the tables to this version: all of the way or not at all, and once, should two processes open it at a time. */
  #migrate(): void {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      const version = this.#version()
      if (version > 0) for (const migration of MIGRATIONS.slice(version - 1)) this.db.exec(migration)
      this.db.exec(STORE_SCHEMA)
      this.db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
      this.db.exec('COMMIT')
    } catch (cause) {
      this.db.exec('ROLLBACK')
      throw cause
    }
  }

  prepare<Row>(sql: string): Statement<Row> {
    return new Statement<Row>(this.db.prepare(sql))
  }

  /** Runs `work` in a transaction, without awaiting inside; resolves with its result when that is on disk. */
  async write<T>(work: () => T): Promise<T> {
    const touched = new Set<string>()
    const result = await this.commits.write(() => {
      this.#touched = touched
      try {
        return work()
      } finally {
        this.#touched = undefined
      }
    })
    for (const tenant of touched) this.#listeners.tell(tenant)
    return result
  }

  /** Takes the next revision for a change to something of `tenant`. Only inside `write`. */
  nextRevision(tenant: string): number {
    if (this.#touched === undefined) throw new PcgError('internal', 'a change was made outside a transaction')
    this.#touched.add(tenant)
    return this.#bump.get()?.value ?? 0
  }

  /** The newest revision that was taken. */
  revision(): number {
    return this.#revision.get()?.value ?? 0
  }

  /** Calls `listener` after each commit that changed something of `tenant`; returns how to stop. */
  onChanged(tenant: string, listener: () => void): () => void {
    return this.#listeners.add(tenant, listener)
  }

  close(): void {
    this.commits.close()
    this.db.close()
  }
}

function newerDatabase(path: string, version: number): PcgError {
  return new PcgError('conflict', `a newer version wrote the database ${path}: its tables are of version ${version}`, {
    subject: path,
    remedy: `Run that newer version; this one knows tables up to version ${SCHEMA_VERSION}.`,
  })
}

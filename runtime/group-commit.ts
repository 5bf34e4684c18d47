/**
 * Group commit over one SQLite database: writes of the same turn of the event loop share one transaction, and so one fsync.
 *
 * Invariants
 * 1. A write's promise resolves only after the COMMIT that holds it, which with `synchronous=FULL` is after its fsync.
 * 2. Writes take effect in the order in which they were asked for.
 * 3. A write that throws is undone alone (savepoint); its neighbours commit.
 * 4. A write runs to its end without awaiting: nobody sees half of it.
 */
import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { PcgError } from './pcg-error.ts'

interface Waiting {
  readonly run: () => void
  readonly committed: () => void
  readonly failed: (cause: unknown) => void
}

/** Opens (or makes) a database that only its owner may read, in WAL mode with an fsync for each commit. */
export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  if (path !== ':memory:') chmodSync(path, 0o600)
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;')
  return db
}

export class GroupCommit {
  readonly #db: DatabaseSync
  #waiting: Waiting[] = []
  #scheduled = false
  #closed = false

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** Runs `work` inside the next transaction; resolves with its result once that is on disk. */
  write<T>(work: (db: DatabaseSync) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new PcgError('cancelled', 'the database is closed'))
    return new Promise<T>((resolve, reject) => {
      let result: T
      this.#waiting.push({
        run: () => {
          result = work(this.#db)
        },
        committed: () => resolve(result),
        failed: reject,
      })
      if (!this.#scheduled) {
        this.#scheduled = true
        setImmediate(() => this.#flush())
      }
    })
  }

  /** Commits what waits; later writes are refused. */
  close(): void {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
  }

  #flush(): void {
    this.#scheduled = false
    const batch = this.#waiting
    if (batch.length === 0) return
    this.#waiting = []
    const settle: (() => void)[] = []
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      for (const write of batch) settle.push(this.#runAlone(write))
      this.#db.exec('COMMIT')
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      for (const write of batch) write.failed(cause)
      return
    }
    for (const finish of settle) finish()
  }

  /** Returns how to settle the write once the transaction is on disk. */
  #runAlone(write: Waiting): () => void {
    this.#db.exec('SAVEPOINT one')
    try {
      write.run()
      this.#db.exec('RELEASE one')
      return write.committed
    } catch (cause) {
      this.#db.exec('ROLLBACK TO one; RELEASE one')
      return () => write.failed(cause)
    }
  }
}

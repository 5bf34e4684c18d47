import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ClusterStatus } from '../../resources/cluster.ts'
import type { ClusterSecrets } from '../bootstrap/cluster-secrets.ts'

/** What the gateway keeps of a cluster besides its desired state. */
export interface ClusterRecord {
  readonly name: string
  /** Null until the first machine needs them. */
  readonly secrets: ClusterSecrets | null
  /** The machine that makes the cluster, and whether it has. */
  readonly initialiser: { readonly machine: string; readonly done: boolean } | null
  /** As it was last reported. */
  readonly status: ClusterStatus | null
}

/** The clusters' records, in memory and on disk. */
export class ClusterTable {
  readonly #records = new Map<string, ClusterRecord>()
  readonly #upsert: StatementSync
  readonly #delete: StatementSync

  constructor(db: DatabaseSync) {
    this.#upsert = db.prepare(
      'INSERT INTO clusters (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state',
    )
    this.#delete = db.prepare('DELETE FROM clusters WHERE name = ?')
    for (const row of db.prepare('SELECT state FROM clusters').all()) {
      const record: ClusterRecord = JSON.parse(String(row.state))
      this.#records.set(record.name, record)
    }
  }

  get(name: string): ClusterRecord {
    return this.#records.get(name) ?? { name, secrets: null, initialiser: null, status: null }
  }

  names(): string[] {
    return [...this.#records.keys()]
  }

  /** Changes memory at once and returns what to run inside a transaction. */
  update(name: string, change: (record: ClusterRecord) => ClusterRecord): () => void {
    const record = change(this.get(name))
    this.#records.set(name, record)
    return () => {
      this.#upsert.run(name, JSON.stringify(record))
    }
  }

  /** As `update`. */
  remove(name: string): () => void {
    this.#records.delete(name)
    return () => {
      this.#delete.run(name)
    }
  }
}

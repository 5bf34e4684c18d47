/**
 * The records of one kind of unit, in memory and on disk.
 *
 * Invariants
 * 1. Memory changes at the call, disk with the transaction: whoever lets an effect out awaits the transaction first.
 * 2. A change is made from the newest record (`update`), never from one that was read before an await.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { MachineUid } from '../../adapters/adapter.ts'

export class RecordTable<R extends { readonly uid: MachineUid; readonly cluster: string }> {
  readonly #records = new Map<MachineUid, R>()
  readonly #byCluster = new Map<string, Set<MachineUid>>()
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #delete: StatementSync

  constructor(db: DatabaseSync, table: 'machines' | 'foundations') {
    this.#insert = db.prepare(`INSERT INTO ${table} (uid, record) VALUES (?, ?)`)
    this.#update = db.prepare(`UPDATE ${table} SET record = ? WHERE uid = ?`)
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE uid = ?`)
    for (const row of db.prepare(`SELECT record FROM ${table}`).all()) this.#remember(JSON.parse(String(row.record)))
  }

  get(uid: MachineUid): R | undefined {
    return this.#records.get(uid)
  }

  all(): IterableIterator<R> {
    return this.#records.values()
  }

  ofCluster(cluster: string): R[] {
    const records: R[] = []
    for (const uid of this.#byCluster.get(cluster) ?? []) {
      const record = this.#records.get(uid)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** Changes memory at once and returns what to run inside a transaction. */
  insert(record: R): () => void {
    this.#remember(record)
    return () => void this.#insert.run(record.uid, JSON.stringify(record))
  }

  /** As `insert`; null if the unit is gone. */
  update(uid: MachineUid, change: (record: R) => R): { record: R; write: () => void } | null {
    const old = this.#records.get(uid)
    if (old === undefined) return null
    const record = change(old)
    this.#remember(record)
    return { record, write: () => void this.#update.run(JSON.stringify(record), uid) }
  }

  /** As `insert`. */
  remove(uid: MachineUid): () => void {
    const record = this.#records.get(uid)
    this.#records.delete(uid)
    if (record !== undefined) this.#byCluster.get(record.cluster)?.delete(uid)
    return () => void this.#delete.run(uid)
  }

  #remember(record: R): void {
    this.#records.set(record.uid, record)
    const ofCluster = this.#byCluster.get(record.cluster) ?? new Set()
    ofCluster.add(record.uid)
    this.#byCluster.set(record.cluster, ofCluster)
  }
}

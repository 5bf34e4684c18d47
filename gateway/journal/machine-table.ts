/**
 * The machines: records in memory and on disk; specs on disk alone, in a table of their own, because they hold the
 * user-data: up to 48 KiB, secret, and not to be written again with each change of a record.
 *
 * Invariants
 * 1. Memory changes at the call, disk with the transaction: whoever lets an effect out awaits the transaction first.
 * 2. A change is made from the newest record (`update`), never from one that was read before an await.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { MachineSpec, MachineUid } from '../../adapters/adapter.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { MachineRecord } from '../machines/machine-record.ts'

export class MachineTable {
  readonly #records = new Map<MachineUid, MachineRecord>()
  readonly #byCluster = new Map<string, Set<MachineUid>>()
  readonly #insert: StatementSync
  readonly #insertSpec: StatementSync
  readonly #updateRecord: StatementSync
  readonly #selectSpec: StatementSync
  readonly #updateSpec: StatementSync
  readonly #delete: StatementSync
  readonly #deleteSpec: StatementSync

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO machines (uid, record) VALUES (?, ?)')
    this.#insertSpec = db.prepare('INSERT INTO machine_specs (uid, spec) VALUES (?, ?)')
    this.#updateRecord = db.prepare('UPDATE machines SET record = ? WHERE uid = ?')
    this.#selectSpec = db.prepare('SELECT spec FROM machine_specs WHERE uid = ?')
    this.#updateSpec = db.prepare('UPDATE machine_specs SET spec = ? WHERE uid = ?')
    this.#delete = db.prepare('DELETE FROM machines WHERE uid = ?')
    this.#deleteSpec = db.prepare('DELETE FROM machine_specs WHERE uid = ?')
    for (const row of db.prepare('SELECT record FROM machines').all()) this.#remember(JSON.parse(String(row.record)))
  }

  get(uid: MachineUid): MachineRecord | undefined {
    return this.#records.get(uid)
  }

  all(): IterableIterator<MachineRecord> {
    return this.#records.values()
  }

  ofCluster(cluster: string): MachineRecord[] {
    const records: MachineRecord[] = []
    for (const uid of this.#byCluster.get(cluster) ?? []) {
      const record = this.#records.get(uid)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** The spec as it was made, with `want` as it is now. Throws `internal` if there is no such machine. */
  spec(uid: MachineUid): MachineSpec {
    const record = this.#records.get(uid)
    const row = this.#selectSpec.get(uid)
    if (record === undefined || row === undefined) throw new PcgError('internal', `the journal has no machine ${uid}`)
    const spec: MachineSpec = JSON.parse(String(row.spec))
    return { ...spec, want: record.want }
  }

  /** Changes memory at once and returns what to run inside a transaction. */
  insert(record: MachineRecord, spec: MachineSpec): () => void {
    this.#remember(record)
    return () => {
      this.#insert.run(record.uid, JSON.stringify(record))
      this.#insertSpec.run(record.uid, JSON.stringify(spec))
    }
  }

  /** As `insert`; null if the machine is gone. */
  update(
    uid: MachineUid,
    change: (record: MachineRecord) => MachineRecord,
  ): { record: MachineRecord; write: () => void } | null {
    const old = this.#records.get(uid)
    if (old === undefined) return null
    const record = change(old)
    this.#remember(record)
    return { record, write: () => void this.#updateRecord.run(JSON.stringify(record), uid) }
  }

  /** As `insert`: a machine that runs doesn't need its user-data again, and so its secrets go. */
  dropUserData(uid: MachineUid): () => void {
    return () => {
      this.#updateSpec.run(JSON.stringify({ ...this.spec(uid), userData: '' }), uid)
    }
  }

  /** As `insert`. */
  remove(uid: MachineUid): () => void {
    const record = this.#records.get(uid)
    this.#records.delete(uid)
    if (record !== undefined) this.#byCluster.get(record.cluster)?.delete(uid)
    return () => {
      this.#delete.run(uid)
      this.#deleteSpec.run(uid)
    }
  }

  #remember(record: MachineRecord): void {
    this.#records.set(record.uid, record)
    const ofCluster = this.#byCluster.get(record.cluster) ?? new Set()
    ofCluster.add(record.uid)
    this.#byCluster.set(record.cluster, ofCluster)
  }
}

/**
 * The machines: records as every unit's, and specs on disk alone, in a table of their own, because they hold the
 * user-data: up to 48 KiB, secret, and not to be written again with each change of a record.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { MachineSpec, MachineUid } from '../../adapters/adapter.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import { RecordTable } from './record-table.ts'

export class MachineTable {
  readonly #records: RecordTable<MachineRecord>
  readonly #insertSpec: StatementSync
  readonly #selectSpec: StatementSync
  readonly #updateSpec: StatementSync
  readonly #deleteSpec: StatementSync

  constructor(db: DatabaseSync) {
    this.#records = new RecordTable(db, 'machines')
    this.#insertSpec = db.prepare('INSERT INTO machine_specs (uid, spec) VALUES (?, ?)')
    this.#selectSpec = db.prepare('SELECT spec FROM machine_specs WHERE uid = ?')
    this.#updateSpec = db.prepare('UPDATE machine_specs SET spec = ? WHERE uid = ?')
    this.#deleteSpec = db.prepare('DELETE FROM machine_specs WHERE uid = ?')
  }

  get(uid: MachineUid): MachineRecord | undefined {
    return this.#records.get(uid)
  }

  all(): IterableIterator<MachineRecord> {
    return this.#records.all()
  }

  ofCluster(cluster: string): MachineRecord[] {
    return this.#records.ofCluster(cluster)
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
    const write = this.#records.insert(record)
    return () => {
      write()
      this.#insertSpec.run(record.uid, JSON.stringify(spec))
    }
  }

  /** As `insert`; null if the machine is gone. */
  update(
    uid: MachineUid,
    change: (record: MachineRecord) => MachineRecord,
  ): { record: MachineRecord; write: () => void } | null {
    return this.#records.update(uid, change)
  }

  /** As `insert`: a machine that runs doesn't need its user-data again, and so its secrets go. */
  dropUserData(uid: MachineUid): () => void {
    return () => {
      this.#updateSpec.run(JSON.stringify({ ...this.spec(uid), userData: '' }), uid)
    }
  }

  /** As `insert`. */
  remove(uid: MachineUid): () => void {
    const write = this.#records.remove(uid)
    return () => {
      write()
      this.#deleteSpec.run(uid)
    }
  }
}

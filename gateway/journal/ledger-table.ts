/**
 * Every object outside that is ours, or may be.
 *
 * Invariants
 * 1. An object is here before it can exist (invariant 2 of the design).
 * 2. A row goes only after the cloud was seen without the object, or when somebody forgot it by force.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ExternalObject, MachineUid, Step } from '../../adapters/adapter.ts'

export interface LedgerRow {
  /** Whose it is: a machine's or a foundation's uid. */
  readonly machine: MachineUid
  readonly kind: string
  readonly name: string
  readonly externalId: string | null
  readonly state: 'intended' | 'present' | 'deleting'
  /** ISO 8601. */
  readonly since: string
}

export class LedgerTable {
  readonly #intend: StatementSync
  readonly #present: StatementSync
  readonly #deleting: StatementSync
  readonly #clear: StatementSync
  readonly #clearMissing: StatementSync
  readonly #ofMachine: StatementSync
  readonly #all: StatementSync

  constructor(db: DatabaseSync) {
    this.#intend = db.prepare(
      `INSERT INTO ledger (machine, kind, name, external_id, state, since) VALUES (?, ?, ?, NULL, 'intended', ?) ON CONFLICT DO NOTHING`,
    )
    this.#present = db.prepare(
      `INSERT INTO ledger (machine, kind, name, external_id, state, since) VALUES (?, ?, ?, ?, 'present', ?)
       ON CONFLICT (machine, kind, name) DO UPDATE SET external_id = excluded.external_id, state = 'present', since = excluded.since
       WHERE state = 'intended' OR external_id IS NOT excluded.external_id`,
    )
    this.#deleting = db.prepare(
      `UPDATE ledger SET state = 'deleting', since = ? WHERE machine = ? AND state <> 'deleting'`,
    )
    this.#clear = db.prepare('DELETE FROM ledger WHERE machine = ?')
    this.#clearMissing = db.prepare(
      `DELETE FROM ledger WHERE machine = ? AND state <> 'intended'
       AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE value = kind || ' ' || name || ' ' || external_id)`,
    )
    this.#ofMachine = db.prepare('SELECT machine, kind, name, external_id, state, since FROM ledger WHERE machine = ?')
    this.#all = db.prepare('SELECT machine, kind, name, external_id, state, since FROM ledger ORDER BY since, machine')
  }

  /** Within the running transaction: what the step may create. */
  intend(machine: MachineUid, step: Step, now: string): void {
    for (const object of step.creates) this.#intend.run(machine, object.kind, object.name, now)
  }

  /** Within the running transaction: the objects that the cloud shows for the machine, and no others. */
  seen(machine: MachineUid, objects: readonly ExternalObject[], now: string): void {
    for (const object of objects) this.#present.run(machine, object.kind, object.name, object.id, now)
    this.#clearMissing.run(
      machine,
      JSON.stringify(objects.map((object) => `${object.kind} ${object.name} ${object.id}`)),
    )
  }

  /** Within the running transaction. */
  deleting(machine: MachineUid, now: string): void {
    this.#deleting.run(now, machine)
  }

  /** Within the running transaction: the cloud shows nothing of the machine, or somebody forgot it. */
  clear(machine: MachineUid): void {
    this.#clear.run(machine)
  }

  of(machine: MachineUid): LedgerRow[] {
    return this.#ofMachine.all(machine).map(toRow)
  }

  /** Whether the ledger has these objects and no others, but what is only intended. */
  matches(machine: MachineUid, objects: readonly ExternalObject[]): boolean {
    const there = new Set(objects.map((object) => `${object.kind} ${object.name} ${object.id}`))
    const known = this.of(machine).filter((row) => row.state !== 'intended')
    return known.length === there.size && known.every((row) => there.has(`${row.kind} ${row.name} ${row.externalId}`))
  }

  all(): LedgerRow[] {
    return this.#all.all().map(toRow)
  }
}

function toRow(row: Record<string, unknown>): LedgerRow {
  return {
    machine: String(row.machine),
    kind: String(row.kind),
    name: String(row.name),
    externalId: row.external_id === null ? null : String(row.external_id),
    state: row.state as LedgerRow['state'],
    since: String(row.since),
  }
}

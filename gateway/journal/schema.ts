import type { DatabaseSync } from 'node:sqlite'
import { PcgError } from '../../runtime/pcg-error.ts'

/** Each entry leads from the version of its index to the next. Never edit one that was released: add one. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE desired (
    kind TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, want TEXT NOT NULL, resource TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT;
  CREATE TABLE clusters (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
  CREATE TABLE machines (uid TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE machine_specs (uid TEXT PRIMARY KEY, spec TEXT NOT NULL) STRICT;
  CREATE TABLE ledger (
    machine TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, external_id TEXT, state TEXT NOT NULL, since TEXT NOT NULL,
    PRIMARY KEY (machine, kind, name)
  ) STRICT;
  CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
  `,
  // A machine's size became a choice between a custom one and a flavor; it knows its role and pool.
  `
  UPDATE machine_specs SET spec = json_remove(
    json_set(spec,
      '$.size', json_object('type', 'custom', 'cpus', json_extract(spec, '$.cpus'), 'memoryMiB', json_extract(spec, '$.memoryMiB')),
      '$.role', (SELECT json_extract(record, '$.role') FROM machines WHERE machines.uid = machine_specs.uid),
      '$.pool', (SELECT json_extract(record, '$.pool') FROM machines WHERE machines.uid = machine_specs.uid)),
    '$.cpus', '$.memoryMiB');
  `,
  // Clusters may stand on a foundation; an account's last good credentials are kept until others are known to work.
  `
  CREATE TABLE foundations (uid TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE accounts (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
  `,
]

export function migrate(db: DatabaseSync): void {
  const row = db.prepare('PRAGMA user_version').get()
  const version = Number(row?.user_version ?? 0)
  if (version > MIGRATIONS.length)
    throw new PcgError(
      'invalid',
      `the journal is of version ${version}, and this gateway knows only up to ${MIGRATIONS.length}`,
      {
        remedy: 'run the gateway version that wrote it, or a newer one',
      },
    )
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec('BEGIN IMMEDIATE')
    db.exec(MIGRATIONS[next] ?? '')
    db.exec(`PRAGMA user_version = ${next + 1}`)
    db.exec('COMMIT')
  }
}

/**
 * Makes many servers of one in nova's database, in seconds: to build a thousand through the API takes nova and neutron half
 * an hour of CPU. What nova then says of them is its own work: it reads each from its tables as any other.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Of the cell, by the column that says which server a row is about. */
const CELL_TABLES: Readonly<Record<string, string>> = {
  instances: 'uuid',
  instance_extra: 'instance_uuid',
  instance_info_caches: 'instance_uuid',
  instance_system_metadata: 'instance_uuid',
  instance_metadata: 'instance_uuid',
  tags: 'resource_id',
}
const API_TABLES: Readonly<Record<string, string>> = {
  instance_mappings: 'instance_uuid',
  request_specs: 'instance_uuid',
}

/** `folder`: of the cloud, `settings.folder`. */
export function cloneServer(folder: string, server: string, copies: number): void {
  const uuids = Array.from({ length: copies }, () => randomUUID())
  copyRows(join(folder, 'db/nova.sqlite'), CELL_TABLES, server, uuids)
  copyRows(join(folder, 'db/nova_api.sqlite'), API_TABLES, server, uuids)
}

function copyRows(
  path: string,
  tables: Readonly<Record<string, string>>,
  server: string,
  uuids: readonly string[],
): void {
  const db = new DatabaseSync(path, { timeout: 30_000 })
  try {
    db.exec('BEGIN IMMEDIATE')
    for (const [table, key] of Object.entries(tables)) {
      const columns = db
        .prepare(`SELECT name FROM pragma_table_info('${table}')`)
        .all()
        .map((row) => String(row.name))
        .filter((name) => name !== 'id' && name !== key)
      const list = columns.map((name) => `"${name}"`).join(', ')
      const copy = db.prepare(`INSERT INTO ${table} (${key}, ${list}) SELECT ?, ${list} FROM ${table} WHERE ${key} = ?`)
      for (const uuid of uuids) copy.run(uuid, server)
    }
    db.exec('COMMIT')
  } finally {
    db.close()
  }
}

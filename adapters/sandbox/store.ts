import { openDatabase } from '../../runtime/group-commit.ts'
import type { SandboxVm } from './vm.ts'

/** Where a sandbox keeps its VMs, so that they outlive the process. */
export interface SandboxStore {
  load(): SandboxVm[]
  save(vm: SandboxVm): void
  remove(id: string): void
  close(): void
}

/** Keeps nothing: the sandbox lives as long as its object does. */
export const forgetfulStore: SandboxStore = {
  load: () => [],
  save: () => undefined,
  remove: () => undefined,
  close: () => undefined,
}

/**
 * Keeps each VM as a row of a SQLite file that only its owner may read (rows hold phone-home tokens). A row is with the
 * operating system before the call returns, which outlives `kill -9`; there is no fsync, since a power cut ends a toy cloud anyway.
 */
export function fileStore(path: string): SandboxStore {
  const db = openDatabase(path)
  db.exec(
    'PRAGMA synchronous=OFF; CREATE TABLE IF NOT EXISTS vm (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID',
  )
  const all = db.prepare('SELECT json FROM vm')
  const save = db.prepare('INSERT OR REPLACE INTO vm (id, json) VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM vm WHERE id = ?')
  return {
    load: () => all.all().map((row) => JSON.parse(String(row.json)) as SandboxVm),
    save: (vm) => {
      save.run(vm.id, JSON.stringify(vm))
    },
    remove: (id) => {
      remove.run(id)
    },
    close: () => db.close(),
  }
}

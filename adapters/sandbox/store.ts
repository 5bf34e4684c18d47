import { openDatabase } from '../../runtime/group-commit.ts'
import { type SandboxVm, vmNumber } from './vm.ts'

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
 * Keeps each VM as a row of a SQLite file that only its owner may read (rows hold phone-home tokens).
 *
 * The changes of one turn of the event loop share a transaction, which ends before that turn's callers can have put anything
 * on a disk or a wire. It is with the operating system then, which outlives `kill -9`; there is no fsync, since a power cut
 * ends a toy cloud anyway.
 */
export function fileStore(path: string): SandboxStore {
  const db = openDatabase(path)
  db.exec('PRAGMA synchronous=OFF; CREATE TABLE IF NOT EXISTS vm (number INTEGER PRIMARY KEY, json TEXT NOT NULL)')
  const all = db.prepare('SELECT json FROM vm ORDER BY number')
  const save = db.prepare('INSERT OR REPLACE INTO vm (number, json) VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM vm WHERE number = ?')
  const commit = () => {
    if (db.isOpen && db.isTransaction) db.exec('COMMIT')
  }
  const begin = () => {
    if (db.isTransaction) return
    db.exec('BEGIN')
    setImmediate(commit)
  }
  return {
    load: () => all.all().map((row) => JSON.parse(String(row.json)) as SandboxVm),
    save: (vm) => {
      begin()
      save.run(vmNumber(vm.id), JSON.stringify(vm))
    },
    remove: (id) => {
      begin()
      remove.run(vmNumber(id))
    },
    close: () => {
      commit()
      db.close()
    },
  }
}

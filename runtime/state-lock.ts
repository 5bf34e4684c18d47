/** Keeps two processes off one state folder: each would take the other's work for its own. */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PcgError } from './pcg-error.ts'

/**
 * Takes the folder for this process; returns how to let go. The lock is the operating system's, by way of SQLite, so it ends with the
 * process, however that ends. Throws `conflict` if another `what` (`broker`, `gateway`) has the folder.
 */
export function lockState(stateDir: string, what: string): () => void {
  const path = join(stateDir, `${what}.lock`)
  const db = new DatabaseSync(path)
  try {
    chmodSync(path, 0o600)
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    if (!(cause instanceof Error && cause.message.includes('locked'))) throw cause
    throw new PcgError('conflict', `another ${what} runs with the state folder ${stateDir}`, {
      subject: stateDir,
      remedy: 'Stop it first, or give this one a folder of its own.',
      cause,
    })
  }
  return () => db.close()
}

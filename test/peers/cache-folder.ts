import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

const REPOSITORY = resolve(import.meta.dirname, '../..')

/** Where peers keep what took time to get or to make: beside the installed modules, or in the home folder if there are none. */
export async function cacheFolder(): Promise<string> {
  const modules = join(REPOSITORY, 'node_modules')
  const folder = join(existsSync(modules) ? modules : homedir(), '.cache/pcg')
  await mkdir(folder, { recursive: true })
  return folder
}

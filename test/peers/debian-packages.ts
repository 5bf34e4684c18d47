import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Availability, Effort } from './availability.ts'

const run = promisify(execFile)

/** Installs Debian packages, as root or by sudo without a password; with `look` only says whether they are there. */
export async function debianPackages(names: readonly string[], effort: Effort): Promise<Availability> {
  if (findProgram('dpkg-query') === null) {
    return { available: false, reason: `needs the Debian packages ${names.join(', ')}, and this is no Debian` }
  }
  const missing = await missingOf(names)
  if (missing.length === 0) return { available: true }
  const list = missing.join(' ')
  if (effort === 'look') {
    return { available: false, reason: `not installed: ${list} (npm test installs them, or: apt-get install ${list})` }
  }
  const prefix = await privilege()
  if (prefix === null) {
    return { available: false, reason: `can't install ${list}: neither root nor sudo without a password` }
  }
  try {
    await apt(prefix, ['install', ...missing])
  } catch {
    try {
      await apt(prefix, ['update'])
      await apt(prefix, ['install', ...missing])
    } catch (error) {
      return { available: false, reason: `apt-get install ${list}: ${lastLine(error)}` }
    }
  }
  return { available: true }
}

/** The full path of a program on the PATH (or the system's usual folders), or null. */
export function findProgram(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/sbin']) {
    const path = resolve(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return null
}

async function missingOf(names: readonly string[]): Promise<string[]> {
  const missing: string[] = []
  for (const name of names) {
    try {
      const { stdout } = await run('dpkg-query', ['--status', name])
      if (!stdout.includes('\nStatus: install ok installed\n')) missing.push(name)
    } catch {
      missing.push(name)
    }
  }
  return missing
}

/** What to put before a command so that it runs as root; null if there is no way. */
export async function privilege(): Promise<readonly string[] | null> {
  if (process.getuid?.() === 0) return []
  try {
    await run('sudo', ['-n', 'true'])
    return ['sudo', '-n']
  } catch {
    return null
  }
}

/** `apt-get OPERATION …` by that prefix, asking nothing. */
export async function apt(prefix: readonly string[], [operation = '', ...packages]: readonly string[]): Promise<void> {
  const command = [
    ...prefix,
    ...['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', operation, '--yes', '--quiet'],
    ...['--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages],
  ]
  const [program = '', ...args] = command
  await run(program, args, { maxBuffer: 64 << 20 })
}

/** What a program that failed said last. */
export function lastLine(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  return text.trim().split('\n').at(-1) ?? text
}

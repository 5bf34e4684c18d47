/**
 * Checks that the code in tunnel/gen is what buf makes of tunnel/proto, that the protocol keeps buf's rules, and that it
 * doesn't break what the last commit's peers speak. Part of `npm run verify`.
 */
import { execFile } from 'node:child_process'
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const REPOSITORY = resolve(import.meta.dirname, '..')
const GENERATED = 'tunnel/gen'

const findings = (await Promise.all([drift(), lint(), breaking()])).flat()
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exitCode = 1

async function drift(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-generated-'))
  try {
    const failure = await buf(['generate', '--output', folder])
    if (failure !== null) return [`buf generate: ${failure}`]
    const fresh = await filesOf(join(folder, GENERATED))
    const kept = await filesOf(join(REPOSITORY, GENERATED))
    const stale = [...new Set([...fresh.keys(), ...kept.keys()])].filter((name) => fresh.get(name) !== kept.get(name))
    return stale.map(
      (name) => `${GENERATED}/${name} is not what tunnel/proto generates: npm run generate, and commit it`,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function lint(): Promise<string[]> {
  const failure = await buf(['lint'])
  return failure === null ? [] : [`buf lint:\n${failure}`]
}

/** Without git's history (an unpacked archive) there is nothing to compare with. */
async function breaking(): Promise<string[]> {
  try {
    await access(join(REPOSITORY, '.git'))
    await run('git', ['cat-file', '-e', 'HEAD:tunnel/proto'], { cwd: REPOSITORY })
  } catch {
    return []
  }
  const failure = await buf(['breaking', '--against', '.git#ref=HEAD'])
  return failure === null ? [] : [`buf breaking, against the last commit:\n${failure}`]
}

/** What buf complains of, or null. */
async function buf(args: readonly string[]): Promise<string | null> {
  try {
    await run(join(REPOSITORY, 'node_modules/.bin/buf'), args, { cwd: REPOSITORY })
    return null
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error
    return `${error.stdout}${error.stderr}`.trim()
  }
}

/** Each file below a folder with its text, by its path in it. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(path.slice(folder.length + 1), await readFile(path, 'utf8'))
  }
  return found
}

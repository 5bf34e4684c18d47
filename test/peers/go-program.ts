import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { Availability, Effort } from './availability.ts'
import { cacheFolder } from './cache-folder.ts'
import { debianPackages, findProgram } from './debian-packages.ts'

const run = promisify(execFile)
const PACKAGES = ['golang-go', 'golang-github-vmware-govmomi-dev']
const GOPATH = '/usr/share/gocode'

/** Whether Go and govmomi's sources are there to build a program of ours with. */
export async function goWithGovmomi(effort: Effort): Promise<Availability> {
  const packages = await debianPackages(PACKAGES, effort)
  if (!packages.available) return packages
  if (goPrograms().length === 0) return { available: false, reason: 'golang-go is installed, but has no program `go`' }
  return { available: true }
}

/**
 * Builds the Go program in `folder` against Debian's govmomi, once for each state of its source.
 * @returns the path of the executable.
 */
export async function buildGoProgram(folder: string): Promise<string> {
  const cache = await cacheFolder()
  const target = join(cache, `${basename(folder)}-${await hashOf(folder)}`)
  if (await exists(target)) return target
  const making = `${target}.${process.pid}`
  const failures: string[] = []
  for (const go of goPrograms()) {
    try {
      await run(go, ['build', '-trimpath', '-o', making, '.'], {
        cwd: folder,
        env: environment(cache),
        maxBuffer: 16 << 20,
      })
      await rename(making, target)
      return target
    } catch (error) {
      await rm(making, { force: true })
      failures.push(`${go}: ${error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)}`)
    }
  }
  throw new Error(`could not build ${folder}\n${failures.join('\n')}`)
}

/** Debian's own Go first: it is what its govmomi was tested with. The PATH may hold a newer one, which does as well. */
function goPrograms(): string[] {
  const found = [findProgram('/usr/bin/go'), findProgram('go')]
  return [...new Set(found.filter((path) => path !== null))]
}

/** Old GOPATH mode, from Debian's sources alone: nothing is downloaded, and no setting of the user's own Go gets in. */
function environment(cache: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    GO111MODULE: 'off',
    GOPATH,
    GOFLAGS: '',
    GOENV: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    GOCACHE: join(cache, 'go-build'),
  }
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.go')).sort()) {
    hash
      .update(name)
      .update('\0')
      .update(await readFile(join(folder, name)))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/**
 * Debian's OpenStack, unpacked side by side into a cache folder: the system stays as it is, nothing is configured or
 * started by a package's scripts, and no root is needed (but for a list of packages that apt doesn't have yet).
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Availability, Effort } from '../availability.ts'
import { cacheFolder } from '../cache-folder.ts'
import { apt, debianPackages, findProgram, lastLine, privilege } from '../debian-packages.ts'

const run = promisify(execFile)

const LIBRARIES = ['keystone', 'placement', 'glance', 'neutron', 'nova', 'cinder', 'octavia', 'openstackclient']
/** Never installed, as they configure the system; their paste files are needed. */
const COMMON = ['nova-common', 'neutron-common', 'glance-common', 'cinder-common']
const PYTHON = '/usr/bin/python3'
/** Of 570 MB half is of no use here. */
const LEFT_OUT = [
  ...['./usr/share/doc', './usr/share/man', './usr/share/locale', './usr/share/info', './usr/share/perl5'],
  ...['./usr/lib/systemd', './lib/systemd', './usr/include', '*/dist-packages/botocore/data', '*/dist-packages/mypy*'],
  ...['*__mypyc.*.so', './usr/share/python-babel-localedata', './usr/share/ieee-data', './usr/share/sphinx'],
]
/** The list of what was unpacked, written last. */
const COMPLETE = 'packages.txt'

/** Where the packages are, or why they can't be had. */
export async function openstackPackages(
  effort: Effort,
): Promise<(Availability & { available: true; folder: string }) | (Availability & { available: false })> {
  const tools = await debianPackages(['python3'], effort)
  if (!tools.available) return tools
  const wanted = createHash('sha256').update(JSON.stringify([LIBRARIES, COMMON, LEFT_OUT]))
  const folder = join(await cacheFolder(), `openstack/packages-${wanted.digest('hex').slice(0, 8)}`)
  if (existsSync(join(folder, COMPLETE))) return { available: true, folder }
  if (effort === 'look')
    return { available: false, reason: "Debian's OpenStack is not unpacked yet (npm test does it)" }
  try {
    await unpackAll(folder)
    return { available: true, folder }
  } catch (error) {
    return { available: false, reason: `Debian's OpenStack could not be had: ${lastLine(error)}` }
  }
}

/** Debian's own Python, whatever else the PATH has, with the unpacked packages before the system's. */
export function pythonIn(packages: string): { program: string; env: NodeJS.ProcessEnv } {
  const multiarch = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string] ?? process.arch
  const libraries = ['usr/lib', 'lib'].map((folder) => join(packages, folder, multiarch))
  return {
    program: PYTHON,
    env: {
      PATH: `${join(packages, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
      PYTHONPATH: join(packages, 'usr/lib/python3/dist-packages'),
      PYTHONNOUSERSITE: '1',
      LD_LIBRARY_PATH: libraries.join(':'),
      LANG: 'C.UTF-8',
      // Plugins are found by a list that is made once, and kept here.
      XDG_CACHE_HOME: join(packages, 'cache'),
      // Byte code of our own scripts, too: nothing is written beside them.
      PYTHONPYCACHEPREFIX: join(packages, 'cache/bytecode'),
      HOME: packages,
    },
  }
}

/** Debian's `openstack` client: what to run, and with which environment (add `OS_…` of your own). */
export function openstackClient(packages: string): { command: readonly string[]; env: NodeJS.ProcessEnv } {
  const { program, env } = pythonIn(packages)
  return { command: [program, join(packages, 'usr/bin/openstack')], env }
}

async function unpackAll(target: string): Promise<void> {
  if (findProgram('dpkg-deb') === null) throw new Error('this is no Debian')
  await mkdir(join(target, '..'), { recursive: true })
  const making = await mkdtemp(`${target}.`)
  try {
    const archives = await download(join(making, 'archives'))
    await unpack(archives, making)
    const names = archives.map((path) => path.split('/').at(-1)).sort()
    await rm(join(making, 'archives'), { recursive: true })
    await writeFile(join(making, COMPLETE), `${names.join('\n')}\n`)
    await rm(target, { recursive: true, force: true })
    await rename(making, target)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

/** Downloads what an installation would, without one. With stale lists of packages, or none, these are got first. */
async function download(folder: string): Promise<string[]> {
  await mkdir(folder)
  const attempt = async (): Promise<void> => {
    await aptGet(folder, ['download', ...(await missingLibraries()), ...COMMON])
  }
  try {
    await attempt()
  } catch (error) {
    const prefix = await privilege()
    if (prefix === null) throw error
    await apt(prefix, ['update'])
    await attempt()
  }
  return (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name))
}

async function missingLibraries(): Promise<string[]> {
  const libraries = LIBRARIES.map((name) => `python3-${name}`)
  const plan = await aptGet('/', ['install', '--simulate', '--no-install-recommends', ...libraries])
  return plan.split('\n').flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? [])
}

async function aptGet(cwd: string, args: readonly string[]): Promise<string> {
  const options = ['--quiet', '-o', 'APT::Sandbox::User=root']
  const { stdout } = await run('apt-get', [...options, ...args], { cwd, maxBuffer: 64 << 20 })
  return stdout
}

async function unpack(archives: readonly string[], target: string): Promise<void> {
  const waiting = [...archives]
  const excluded = LEFT_OUT.map((pattern) => `--exclude=${pattern}`)
  const script = 'set -o pipefail; dpkg-deb --fsys-tarfile "$0" | tar -x --no-same-owner -C "$@"'
  const worker = async (): Promise<void> => {
    for (let archive = waiting.pop(); archive !== undefined; archive = waiting.pop()) {
      await run('bash', ['-c', script, archive, target, ...excluded])
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

/** What the template depends on. */
export function packagesFingerprint(packages: string): Promise<string> {
  return readFile(join(packages, COMPLETE), 'utf8')
}

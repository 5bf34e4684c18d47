/** The services' processes: started side by side, awaited, and ended whatever happens. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { APIS, type ApiName, type ServicePorts, type Settings, serviceUrl } from './configuration.ts'
import { pythonIn } from './packages.ts'

const run = promisify(execFile)
const SCRIPTS = import.meta.dirname
/** Of keystone and placement: `identity`. The slowest to start comes first. */
const DEPENDENT = ['nova', 'neutron', 'cinder', 'glance'] as const
type ProcessName = 'identity' | 'octavia' | (typeof DEPENDENT)[number]
/** A start takes 10 s of CPU; others may want it at the same time. */
const START_MS = 180_000

export interface Services {
  readonly pids: readonly number[]
  /** Their resident memory together, in MiB. */
  memoryMiB(): Promise<number>
  /** What one of them said last if it died by itself, else null. */
  crash(): string | null
  end(): Promise<void>
}

export interface StartOptions {
  /** How long a build of a server takes, unless its project says otherwise. */
  readonly buildSeconds: number
  /** Whether Octavia runs, too. */
  readonly octavia: boolean
  /** What is done when keystone runs and before the others start: in an empty cloud they have no accounts yet. */
  readonly prepareIdentity?: () => Promise<void>
}

/** Starts them on the folder's configuration; resolves when each API answers. Those that started are ended if one fails. */
export async function startServices(settings: Settings, options: StartOptions): Promise<Services> {
  const children: Running[] = []
  const start = (name: ProcessName): void => {
    children.push(startProcess(name, settings, options.buildSeconds))
  }
  const services: Services = {
    get pids() {
      return children.flatMap(({ child }) => child.pid ?? [])
    },
    memoryMiB: async () => {
      const sizes = await Promise.all(services.pids.map(residentMiB))
      return sizes.reduce((sum, size) => sum + size, 0)
    },
    crash: () => children.find(hasEnded)?.words() ?? null,
    end: async () => {
      await Promise.all(children.map(({ child }) => endProcess(child)))
    },
  }
  const answers = (api: ApiName): Promise<void> => answering(serviceUrl(settings, api), services.crash)
  try {
    start('identity')
    if (options.prepareIdentity !== undefined) {
      await answers('keystone')
      await options.prepareIdentity()
    }
    for (const name of DEPENDENT) start(name)
    if (options.octavia) start('octavia')
    await Promise.all(APIS.filter((api) => api !== 'octavia' || options.octavia).map(answers))
    return services
  } catch (error) {
    await services.end()
    throw new Error(`OpenStack did not start: ${String(error)}\n${await lastLogLines(settings.folder)}`)
  }
}

/** Runs schema.py for one service to its end. */
export async function makeSchema(name: string, settings: Settings): Promise<void> {
  const { program, env } = pythonIn(settings.packages)
  const args = ['-s', join(SCRIPTS, 'schema.py'), name, settings.folder]
  const options = { cwd: settings.folder, env: { ...env, ...surroundings(settings) }, maxBuffer: 64 << 20 }
  await run(program, args, options)
}

interface Running {
  readonly child: ChildProcess
  words(): string
}

function startProcess(name: ProcessName, settings: Settings, buildSeconds: number): Running {
  const { program, env } = pythonIn(settings.packages)
  const child = spawn(program, ['-s', join(SCRIPTS, 'service.py'), name, settings.folder], {
    cwd: settings.folder,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...env, ...surroundings(settings), PCG_BUILD_SECONDS: String(buildSeconds) },
  })
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
  })
  child.stdin?.on('error', () => {})
  child.once('error', (error) => {
    words += String(error)
  })
  return { child, words: () => `${name} ended with ${child.exitCode ?? child.signalCode}: ${words}` }
}

function surroundings({ folder }: Settings): NodeJS.ProcessEnv {
  return {
    TMPDIR: folder,
    PYTHONWARNINGS: 'ignore',
    // Else eventlet's question for a version has all of setuptools imported: half a second for each service.
    SETUPTOOLS_USE_DISTUTILS: 'stdlib',
  }
}

function hasEnded({ child }: Running): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined
}

/** They end as their standard input does: their files are thrown away, so there is nothing to finish. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.stdin?.end()
  const force = setTimeout(() => child.kill('SIGKILL'), 2_000)
  await ended
  clearTimeout(force)
}

async function answering(url: string, crash: () => string | null): Promise<void> {
  const until = Date.now() + START_MS
  for (;;) {
    const crashed = crash()
    if (crashed !== null) throw new Error(crashed)
    try {
      const response = await fetch(url, { redirect: 'manual' })
      await response.arrayBuffer()
      if (response.status < 500) return
    } catch {}
    if (Date.now() > until) throw new Error(`${url} does not answer after ${START_MS / 1000} s`)
    await sleep(100)
  }
}

async function lastLogLines(folder: string): Promise<string> {
  const logs = join(folder, 'log')
  const names = await readdir(logs).catch(() => [])
  const tails = names.map(async (name) => {
    const lines = (await readFile(join(logs, name), 'utf8')).trimEnd().split('\n')
    return `--- ${name}\n${lines.slice(-15).join('\n')}`
  })
  return (await Promise.all(tails)).join('\n')
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

/** Below the range that the system takes the ports of outgoing connections from, which would come and go meanwhile. */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000

export async function freePorts(): Promise<ServicePorts> {
  const ports: number[] = []
  while (ports.length < APIS.length) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  return Object.fromEntries(APIS.map((api, index) => [api, ports[index]])) as unknown as ServicePorts
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  return promise
}

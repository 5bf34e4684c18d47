/** A vCenter on this machine: our program around govmomi's simulator (vcsim/), built, started, supervised and ended. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Availability, Effort } from './availability.ts'
import { buildGoProgram, goWithGovmomi } from './go-program.ts'
import { VcsimControl } from './vcsim-control.ts'

export interface VcsimOptions {
  /** Named DC0_C0, DC0_C1, … 1 if not given. */
  readonly clusters?: number
  /** In each cluster; 2 if not given. */
  readonly hosts?: number
  /** LocalDS_0, LocalDS_1, … of 10 TB; 2 if not given. */
  readonly datastores?: number
  /** In each cluster beside its root pool `Resources`: DC0_C0_RP1, … 1 if not given. */
  readonly pools?: number
  /** DC0_DVPG0, DC0_DVPG1, … beside `VM Network`; 2 if not given. */
  readonly portgroups?: number
  /** VMs in each cluster that are not ours; 0 if not given. */
  readonly machines?: number
  /** Whether there is a template `debian-12` (2 CPUs, 2 GB, a disk of 10 GB, a NIC, a snapshot `base`); true if not given. */
  readonly template?: boolean
  /** How long a task takes; 0 if not given. */
  readonly taskMs?: number
  readonly username?: string
  /** A random one if not given. */
  readonly password?: string
  /** Passes the simulator's log on to our standard error. */
  readonly verbose?: boolean
}

export interface Vcsim {
  /** `https://127.0.0.1:PORT/sdk` */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  /** The self-signed certificate, to trust as an authority. */
  readonly authorityPem: string
  /** Its SHA-256, as `AA:BB:…`. */
  readonly thumbprint: string
  readonly control: VcsimControl
  readonly pid: number
  /** Ends it and starts it again on the same port with the same certificate. Its inventory starts afresh. */
  restart(): Promise<void>
  /** Ends it. Throws if it crashed or panicked meanwhile: then what the test saw is not to be trusted. */
  close(): Promise<void>
}

/** Whether the simulator can be run here. */
export function vcsimAvailability(effort: Effort): Promise<Availability> {
  return goWithGovmomi(effort)
}

/** Builds the simulator ahead of the tests, so that none of them waits for it. */
export function buildVcsim(): Promise<string> {
  return buildGoProgram(join(import.meta.dirname, 'vcsim'))
}

export async function startVcsim(options: VcsimOptions = {}): Promise<Vcsim> {
  const executable = await buildVcsim()
  const folder = await mkdtemp(join(tmpdir(), 'pcg-vcsim-'))
  const username = options.username ?? 'pcg@vsphere.local'
  const password = options.password ?? randomBytes(12).toString('base64url')
  const settings = { ...defaults, ...options, username, password, identity: folder }
  const startOn = (port: number): Promise<Running> =>
    startProcess(executable, folder, { ...settings, listen: `127.0.0.1:${port}` })

  let running: Running
  try {
    running = await startOn(0)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const { port, certificate } = running.ready
  const control = new VcsimControl(() => running.ready.control)
  return {
    url: `https://127.0.0.1:${port}/sdk`,
    host: '127.0.0.1',
    port,
    username,
    password,
    authorityPem: certificate,
    thumbprint: new X509Certificate(certificate).fingerprint256,
    control,
    get pid() {
      return running.child.pid ?? 0
    },
    restart: async () => {
      await endProcess(running)
      running = await startOn(port)
    },
    close: async () => {
      const crash = running.crash()
      const panics = crash === null ? await control.panics() : [crash]
      await endProcess(running)
      await rm(folder, { recursive: true, force: true })
      if (panics.length > 0) throw new Error(`vcsim panicked:\n${panics.join('\n')}`)
    },
  }
}

const defaults = {
  clusters: 1,
  hosts: 2,
  datastores: 2,
  pools: 1,
  portgroups: 2,
  machines: 0,
  template: true,
  taskMs: 0,
  verbose: false,
}

interface Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly ready: { readonly port: number; readonly control: string; readonly certificate: string }
  /** Its last words if it died by itself. */
  crash(): string | null
}

/** Resolves when it serves. It ends when its standard input does, so it can't outlive us. */
async function startProcess(
  executable: string,
  folder: string,
  settings: { verbose: boolean; listen: string },
): Promise<Running> {
  const child = spawn(executable, [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { TMPDIR: folder, PATH: process.env.PATH },
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
    if (settings.verbose) process.stderr.write(text)
  })
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(settings)}\n`)
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`vcsim ended with ${code} before it served: ${words}`)))
  })
  return {
    child,
    ready: JSON.parse(line),
    crash: () =>
      child.exitCode === null && child.signalCode === null
        ? null
        : `it ended with ${child.exitCode ?? child.signalCode}: ${words}`,
  }
}

async function endProcess({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.end()
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(force)
}

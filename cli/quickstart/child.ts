import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { PcgError } from '../../runtime/pcg-error.ts'
import { READY_PREFIX } from '../service.ts'

const STOP_MS = 8_000
const LOG_LINES = 12

export interface ChildOptions {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where its standard error goes. */
  readonly logFile: string
  readonly signal: AbortSignal
}

/** A process of ours, which ends when we do: it watches the pipe that is its stdin. */
export interface Child {
  readonly pid: number
  /** What it said when it was up. */
  readonly ready: Readonly<Record<string, string>>
  /** Rejects when it ends by itself, with the end of its log. */
  readonly failed: Promise<never>
  /** Asks it to end, and makes it end if it doesn't in time. */
  stop(): Promise<void>
}

/** Starts it, and resolves when it is up. Rejects with the end of its log if it can't. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = await open(options.logFile, 'a', 0o600)
  // A process group of its own: Ctrl-C is for us, and we end our children in order.
  const child = spawn(options.program, options.args, {
    stdio: ['pipe', 'pipe', log.fd],
    env: { ...options.env },
    detached: true,
  })
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  await log.close()
  child.stdin?.on('error', () => {})
  let stopping = false
  const failed = exited.then(async (how): Promise<never> => {
    if (stopping) return await new Promise<never>(() => {})
    throw await failure(options, how)
  })
  failed.catch(() => {})
  const stop = async (): Promise<void> => {
    stopping = true
    await endChild(child, exited)
  }
  try {
    const ready = await Promise.race([readyLine(child), failed, aborted(options.signal)])
    child.stdout?.resume()
    return { pid: child.pid ?? 0, ready, failed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function readyLine(child: ChildProcess): Promise<Readonly<Record<string, string>>> {
  if (child.stdout === null) throw new PcgError('internal', 'the process has no output')
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith(READY_PREFIX)) return JSON.parse(line.slice(READY_PREFIX.length))
  // Its end is told by `failed`, with the reason.
  return await new Promise<never>(() => {})
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(PcgError.from(signal.reason))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

async function endChild(child: ChildProcess, exited: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.stdin?.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}

async function failure(options: ChildOptions, how: string): Promise<PcgError> {
  const text = await readFile(options.logFile, 'utf8').catch(() => '')
  const lines = text.trimEnd().split('\n').slice(-LOG_LINES)
  return new PcgError('internal', `the ${options.name} ended: ${how}`, {
    details: lines.filter((line) => line !== '').map((line) => ({ subject: options.name, message: line })),
    remedy: `Its log is ${options.logFile}.`,
  })
}

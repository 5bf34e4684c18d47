import { PassThrough } from 'node:stream'
import type { Host, Output } from '../../../cli/host.ts'
import { run } from '../../../cli/program.ts'
import { systemClock } from '../../../runtime/clock.ts'

export interface HostOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What stdin gives. */
  readonly stdin?: string
  /** Makes all three streams a terminal of this width. */
  readonly terminal?: number
  readonly signal?: AbortSignal
}

export interface TestHost extends Host {
  readonly stdout: () => string
  readonly stderr: () => string
  /** Types on the terminal. */
  type(keys: string): void
  /** Whether the terminal is in raw mode. */
  readonly raw: () => boolean
}

/** A machine for commands that remembers what was written. */
export function testHost(options: HostOptions = {}): TestHost {
  const written = { out: '', err: '' }
  const stdin = new PassThrough()
  const isTerminal = options.terminal !== undefined
  if (!isTerminal) stdin.end(options.stdin ?? '')
  let raw = false
  const output = (name: 'out' | 'err'): Output => ({
    write: (text) => {
      written[name] += text
    },
    isTerminal,
    columns: () => options.terminal ?? Number.POSITIVE_INFINITY,
    rows: () => (isTerminal ? 24 : Number.POSITIVE_INFINITY),
    colour: false,
  })
  return {
    env: options.env ?? {},
    cwd: options.cwd ?? '/nonexistent/here',
    home: '/nonexistent/home',
    in: {
      stream: stdin,
      isTerminal,
      setRaw: (on) => {
        raw = on
      },
    },
    out: output('out'),
    err: output('err'),
    signal: options.signal ?? new AbortController().signal,
    clock: systemClock,
    self: ['/nonexistent/node', 'main.ts'],
    version: '1.2.3',
    stdout: () => written.out,
    stderr: () => written.err,
    type: (keys) => {
      stdin.write(keys)
    },
    raw: () => raw,
  }
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line as main.ts would. */
export async function pcg(args: readonly string[], options: HostOptions = {}): Promise<Ran> {
  const host = testHost(options)
  const code = await run(host, args)
  return { code, stdout: host.stdout(), stderr: host.stderr() }
}

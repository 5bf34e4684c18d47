import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'

const LAUNCHER = join(import.meta.dirname, '../../../cli/pcg')

export interface PcgResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running `pcg`, as a user's shell would have started it. */
export class PcgProcess {
  readonly #child: ChildProcessWithoutNullStreams
  readonly result: Promise<PcgResult>
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], cwd: string, stdin: string | undefined) {
    const { PCG_CONFIG: _, ...env } = process.env
    this.#child = spawn(LAUNCHER, args, { cwd, env })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    if (stdin !== undefined) this.#child.stdin.end(stdin)
    this.result = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr }))
    })
  }

  get stdout(): string {
    return this.#stdout
  }

  /** Resolves when stdout has the text. Rejects if the process ends before. */
  async until(text: string): Promise<void> {
    const ended = this.result.then(({ code, stdout, stderr }) => {
      if (!stdout.includes(text)) throw new Error(`ended with ${code} before it said ${text}:\n${stdout}\n${stderr}`)
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#stdout.includes(text)) resolve()
    }
    this.#child.stdout.on('data', look)
    look()
    try {
      await Promise.race([promise, ended])
    } finally {
      this.#child.stdout.off('data', look)
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

const started = new Set<PcgProcess>()

/** Starts it; its stdin stays open if nothing is given. */
export function startPcg(args: readonly string[], cwd: string, stdin?: string): PcgProcess {
  const running = new PcgProcess(args, cwd, stdin)
  started.add(running)
  running.result.finally(() => started.delete(running)).catch(() => {})
  return running
}

/** Ends what a test that failed has left running. */
export async function endAll(): Promise<void> {
  const left = [...started]
  for (const running of left) running.kill('SIGTERM')
  await Promise.all(left.map((running) => running.result))
}

/** Runs it to its end, with nothing on stdin if nothing is given. */
export async function pcg(cwd: string, args: readonly string[], stdin = ''): Promise<PcgResult> {
  return await startPcg(args, cwd, stdin).result
}

/** The processes that quickstart named: its broker and its gateway. */
export function namedProcesses(stdout: string): number[] {
  return [...stdout.matchAll(/\(process (\d+)\)/g)].map(([, pid]) => Number(pid))
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

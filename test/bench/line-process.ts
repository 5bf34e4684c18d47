import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process that answers each line of JSON on its standard input by one on its standard output, and ends when the input does. */
export interface LineProcess {
  /** Writes a line and resolves with the next one that comes back. */
  ask<T>(line: object): Promise<T>
  close(): Promise<void>
}

export function startLineProcess(command: string, args: readonly string[]): LineProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin.on('error', () => {})
  return {
    ask: async <T>(line: object) => {
      child.stdin.write(`${JSON.stringify(line)}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${command} ended without an answer`)
      return JSON.parse(value) as T
    },
    close: async () => {
      child.stdin.end()
      const force = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(force)
    },
  }
}

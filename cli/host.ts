import type { Readable } from 'node:stream'
import type { Clock } from '../runtime/clock.ts'

/** Somewhere to write to, and what it can show. */
export interface Output {
  write(text: string): void
  /** Whether somebody looks at a terminal, rather than a pipe or a file. */
  readonly isTerminal: boolean
  /** Of the terminal; Infinity elsewhere, so that nothing is cut that a program may read. */
  columns(): number
  /** Of the terminal; Infinity elsewhere. */
  rows(): number
  readonly colour: boolean
}

export interface Input {
  readonly stream: Readable
  readonly isTerminal: boolean
  /** Switches the terminal's echo and line editing; nothing elsewhere. */
  setRaw(raw: boolean): void
}

/** All that commands see of the machine; only main.ts knows where it comes from. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  readonly home: string
  readonly in: Input
  readonly out: Output
  readonly err: Output
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** How to run this command line in another process: the program and its first arguments. */
  readonly self: readonly [program: string, ...args: string[]]
  readonly version: string
}

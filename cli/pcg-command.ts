import { Command } from 'commander'
import type { ContextFlags } from './config.ts'

export interface Example {
  readonly line: string
  readonly meaning: string
}

export type OutputFormat = 'table' | 'json' | 'yaml'

/** What every command that talks to a broker takes, wherever on the line it stands. */
export interface GlobalOptions extends ContextFlags {
  readonly output: OutputFormat
}

/** How completion finds what may stand in an argument's place. */
export type ArgumentSource =
  | 'kinds'
  | 'gateways'
  | 'accounts'
  | 'clusters'
  | 'machines'
  | 'names-of-kind'
  | 'files'
  | 'keys'

/** A command with examples, which know what its arguments are. */
export class PcgCommand extends Command {
  readonly examples: Example[] = []
  /** Of each argument in order. */
  readonly sources: ArgumentSource[] = []
  /** Whether the options of the connection mean something to it. */
  talksToBroker = false

  override createCommand(name?: string): PcgCommand {
    return new PcgCommand(name)
  }

  /** Adds an example to the help: the line as it is typed, and what it does. */
  example(line: string, meaning: string): this {
    this.examples.push({ line, meaning })
    return this
  }

  /** Says where completion finds the arguments. */
  completes(...sources: ArgumentSource[]): this {
    this.sources.push(...sources)
    return this
  }

  /** Says that it talks to a broker. */
  viaBroker(): this {
    this.talksToBroker = true
    return this
  }
}

export function examplesText(command: PcgCommand): string {
  if (command.examples.length === 0) return ''
  const width = Math.max(...command.examples.map(({ line }) => line.length))
  const lines = command.examples.map(({ line, meaning }) =>
    width > 60 ? `  # ${meaning}\n  ${line}` : `  ${line.padEnd(width)}  # ${meaning}`,
  )
  return `\nExamples:\n${lines.join('\n')}\n`
}

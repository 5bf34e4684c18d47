import type { Option } from 'commander'
import { PcgCommand } from '../../../cli/pcg-command.ts'

/** A word that stands for something else: NAME, …, a template's ${…}. */
const PLACEHOLDER = /^\W*[A-Z][A-Z_-]+\W*$|…|\$\{/

/** The `pcg` and `npx pcg` commands of a shell line, without what precedes `pcg`. */
export function pcgCommandsIn(line: string): string[][] {
  const text = line.replace(/(^|\s)#.*$/, '')
  return text.split(/\|+|&&|;|[()]|>/).flatMap((part) => {
    const words = part.trim().split(/\s+/)
    const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word))
    const rest = words.slice(start)
    if (rest[0] === 'npx') rest.shift()
    return rest[0] === 'pcg' ? [rest.slice(1)] : []
  })
}

/** What is wrong with a command's words: undefined if it would be understood. */
export function problemOf(program: PcgCommand, words: readonly string[]): string | undefined {
  let command = program
  let given = 0
  let skipped = false
  for (const [index, word] of words.entries()) {
    if (skipped) {
      skipped = false
    } else if (/^--?[a-z]/.test(word)) {
      const [flag = ''] = word.split('=')
      const option = optionsOf(command).find(({ short, long }) => short === flag || long === flag)
      if (option === undefined && flag !== '--help') return `${pathOf(command)} has no option ${flag}`
      skipped = option?.required === true && !word.includes('=')
      if (skipped && index === words.length - 1) return `${flag} of ${pathOf(command)} wants a value`
    } else {
      const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
      if (child instanceof PcgCommand) command = child
      else if (command.commands.length === 0) given += 1
      else return PLACEHOLDER.test(word) ? undefined : `${pathOf(command)} has no command ${word}`
    }
    const takes = command.registeredArguments
    const most = takes.at(-1)?.variadic === true ? Number.POSITIVE_INFINITY : takes.length
    if (given > most) return `${pathOf(command)} takes ${most} arguments, not ${words.join(' ')}`
  }
  return undefined
}

export function pathOf(command: PcgCommand): string {
  return command.parent instanceof PcgCommand ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

/** Its own, and those of the commands that it is below. */
function optionsOf(command: PcgCommand): readonly Option[] {
  return [...command.options, ...(command.parent instanceof PcgCommand ? optionsOf(command.parent) : [])]
}

import type { Option } from 'commander'
import type { ReportedKind } from '../../resources/resource.ts'
import { nameOf } from '../api-types.ts'
import { Client } from '../client.ts'
import { loadContext } from '../config.ts'
import type { Host } from '../host.ts'
import { PLURALS, parseKind } from '../kind-argument.ts'
import { type ArgumentSource, type GlobalOptions, PcgCommand } from '../pcg-command.ts'

/** Stands for the names of files, which shells know better. */
const FILES = ':files'
/** Somebody waits with a finger on TAB: names that take longer are not worth it. */
const NAMES_WITHIN_MS = 800

/** Options whose value is the name of a resource. */
const KIND_OF_OPTION: Readonly<Record<string, ReportedKind>> = {
  '--gateway': 'Gateway',
  '--account': 'CloudAccount',
  '--cluster': 'Cluster',
}
const FILE_OPTIONS = [
  '--filename',
  '--config',
  '--authority',
  '--api-key-file',
  '--from-file',
  '--state',
  '--token-file',
]

/** What the last of `words` may become. Never fails: then there is nothing to offer. */
export async function complete(program: PcgCommand, words: readonly string[], host: Host): Promise<string[]> {
  const typed = words.at(-1) ?? ''
  const { command, given, pending } = walk(program, words.slice(0, -1))
  const offers = pending === undefined ? await offersFor(command, given, typed, host) : await valuesOf(pending, host)
  return offers.filter((offer) => offer === FILES || offer.startsWith(typed))
}

interface Reached {
  readonly command: PcgCommand
  /** The arguments before the cursor. */
  readonly given: readonly string[]
  /** The option whose value comes next. */
  readonly pending: Option | undefined
}

function walk(program: PcgCommand, words: readonly string[]): Reached {
  let command = program
  let given: string[] = []
  let pending: Option | undefined
  for (const word of words) {
    if (pending !== undefined) {
      pending = undefined
      continue
    }
    if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ short, long }) => short === word || long === word)
      pending = option?.required === true && !word.includes('=') ? option : undefined
      continue
    }
    const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
    if (child instanceof PcgCommand) {
      command = child
      given = []
    } else {
      given.push(word)
    }
  }
  return { command, given, pending }
}

/** Its own, and those of the connection where it has one. */
function optionsOf(command: PcgCommand): readonly Option[] {
  const inherited = command.parent instanceof PcgCommand ? optionsOf(command.parent) : []
  return [...command.options, ...(command.talksToBroker || command.parent === null ? inherited : [])]
}

async function offersFor(
  command: PcgCommand,
  given: readonly string[],
  typed: string,
  host: Host,
): Promise<readonly string[]> {
  if (typed.startsWith('-')) return optionsOf(command).flatMap(({ long }) => long ?? [])
  const children = command.createHelp().visibleCommands(command)
  // A word that is no command: nothing that could follow makes sense.
  if (children.length > 0) return given.length > 0 ? [] : children.map((child) => child.name())
  const choices = command.registeredArguments[given.length]?.argChoices
  if (choices !== undefined) return choices
  return await namesFrom(command.sources[given.length], given, host)
}

async function valuesOf(option: Option, host: Host): Promise<readonly string[]> {
  if (option.argChoices !== undefined) return option.argChoices
  const kind = KIND_OF_OPTION[option.long ?? '']
  if (kind !== undefined) return await namesOf(kind, host)
  return FILE_OPTIONS.includes(option.long ?? '') ? [FILES] : []
}

async function namesFrom(
  source: ArgumentSource | undefined,
  given: readonly string[],
  host: Host,
): Promise<readonly string[]> {
  switch (source) {
    case undefined:
      return []
    case 'files':
      return [FILES]
    case 'kinds':
      return PLURALS
    case 'gateways':
      return await namesOf('Gateway', host)
    case 'accounts':
      return await namesOf('CloudAccount', host)
    case 'clusters':
      return await namesOf('Cluster', host)
    case 'machines':
      return await namesOf('Machine', host)
    case 'names-of-kind':
      return await quietly(() => namesOf(parseKind(given[0] ?? ''), host))
    case 'keys':
      return await withClient(host, async (client, signal) => (await client.keys(signal)).map(({ name }) => name))
    default:
      return source satisfies never
  }
}

async function namesOf(kind: ReportedKind, host: Host): Promise<readonly string[]> {
  return await withClient(host, async (client, signal) => (await client.list(kind, signal)).map(nameOf))
}

async function withClient(
  host: Host,
  work: (client: Client, signal: AbortSignal) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  return await quietly(async () => {
    const flags: Partial<GlobalOptions> = {}
    const client = new Client(await loadContext(host, flags))
    try {
      return await work(client, AbortSignal.any([host.signal, AbortSignal.timeout(NAMES_WITHIN_MS)]))
    } finally {
      client.close()
    }
  })
}

/** An error message in the middle of a typed line would only disturb. */
async function quietly(work: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await work()
  } catch {
    return []
  }
}

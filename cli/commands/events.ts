import type { EventRecord } from '../api-types.ts'
import type { Host } from '../host.ts'
import { parseKindAndName } from '../kind-argument.ts'
import { countOption } from '../options.ts'
import { paintFor } from '../output/paint.ts'
import { PcgCommand } from '../pcg-command.ts'
import { type Session, withSession } from '../session.ts'

interface Options {
  readonly limit: number
  readonly follow?: boolean
}

export function eventsCommand(host: Host): PcgCommand {
  const command = new PcgCommand('events')
    .summary('show what happened')
    .description('Show what happened, oldest first.')
    .argument('[kind]', 'only of this kind and name')
    .argument('[name]', 'which one; KIND/NAME does as well')
    .option('-n, --limit <count>', 'at most so many, the newest', countOption, 50)
    .option('--follow', 'go on showing them as they come')
    .example('pcg events', 'the last 50 of all')
    .example('pcg events cluster demo --follow', 'those of one cluster, as they come')
    .example('pcg events -n 1000 -o json', 'for a program')
    .completes('kinds', 'names-of-kind')
    .viaBroker()
  command.action(async (typed: string | undefined, typedName: string | undefined, options: Options) => {
    const subject = typed === undefined ? {} : parseKindAndName(typed, typedName)
    await withSession(host, command, async (session) => {
      const events = await session.client.events({ ...subject, limit: options.limit }, host.signal)
      await writeEvents(host, session, events, options.follow === true)
      if (options.follow === true) await followEvents(host, session, subject, events.at(-1)?.id ?? 0)
    })
  })
  return command
}

async function writeEvents(
  host: Host,
  { format }: Session,
  events: readonly EventRecord[],
  follow: boolean,
): Promise<void> {
  if (format !== 'table') {
    const { writeList } = await import('../output/document.ts')
    // A stream can't be one JSON text: each event is a line of its own then.
    if (format === 'json' && follow) for (const event of events) host.out.write(`${JSON.stringify(event)}\n`)
    else await writeList(host.out, format, 'events', events)
    return
  }
  if (events.length === 0) {
    if (!follow) host.err.write('There are no events.\n')
    return
  }
  const { eventsText } = await import('../output/description.ts')
  const table = { width: host.out.columns(), paint: paintFor(host.out) }
  host.out.write(eventsText(events, host.clock.now(), table, true))
}

async function followEvents(
  host: Host,
  { client, format }: Session,
  subject: { kind?: string; name?: string },
  after: number,
): Promise<void> {
  const { watch } = await import('../watch-stream.ts')
  const { eventLine } = await import('../output/progress.ts')
  const { clockTime } = await import('../output/time.ts')
  const paint = paintFor(host.out)
  for await (const line of watch(client, { signal: host.signal, clock: host.clock })) {
    if (line.type !== 'event' || line.event.id <= after) continue
    const { event } = line
    if (subject.kind !== undefined && (event.kind !== subject.kind || event.name !== subject.name)) continue
    host.out.write(
      format === 'table' ? `${clockTime(event.time)} ${eventLine(event, paint)}\n` : `${JSON.stringify(event)}\n`,
    )
  }
}

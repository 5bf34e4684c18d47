import type { ReportedKind } from '../../resources/resource.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Client } from '../client.ts'
import type { Host } from '../host.ts'
import { parseKindAndName, spoken } from '../kind-argument.ts'
import { durationOption } from '../options.ts'
import { duration } from '../output/time.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

interface Options {
  readonly wait?: boolean
  readonly forget?: boolean
  readonly timeout: number
}

const POLL_MS = 300

export function deleteCommand(host: Host): PcgCommand {
  const command = new PcgCommand('delete')
    .summary('delete a resource and all that was made for it')
    .description('Delete a resource and all that was made for it.')
    .argument('<kind>', 'gateway, account, profile, ippool or cluster')
    .argument('[name]', 'which one; KIND/NAME does as well')
    .option('--wait', 'wait until it is gone')
    .option('--forget', 'give up on it: leave in the cloud what is there, and say what that is')
    .addOption(durationOption('--timeout <duration>', 'how long to wait, like 90s or 30m', '30m'))
    .example('pcg delete cluster demo --wait', 'delete its machines, and wait for that')
    .example('pcg delete cluster demo --forget', 'when its cloud is gone for good')
    .completes('kinds', 'names-of-kind')
    .viaBroker()
  command.action(async (typed: string, typedName: string | undefined, options: Options) => {
    const { kind, name } = parseKindAndName(typed, typedName)
    if (kind === 'Machine')
      throw new PcgError('invalid', "a machine can't be deleted by itself: its cluster would make another", {
        subject: `machine ${name}`,
        remedy: 'Lower the count of its pool, or delete the cluster.',
      })
    await withSession(host, command, async ({ client, format }) => {
      const forget = options.forget === true
      const item = await client.delete(kind, name, forget, host.signal)
      const said = `${spoken(kind, name)} is ${forget ? 'being forgotten' : 'being deleted'}`
      if (format === 'table') host.out.write(`${said}\n`)
      else await (await import('../output/document.ts')).writeDocument(host.out, format, item)
      if (options.wait !== true) return
      const shown = format === 'table' ? host : { ...host, out: host.err }
      await waitUntilGone(shown, client, kind, name, options.timeout)
    })
  })
  return command
}

async function waitUntilGone(
  host: Host,
  client: Client,
  kind: ReportedKind,
  name: string,
  timeoutMs: number,
): Promise<void> {
  if (kind === 'Cluster') {
    const { follow } = await import('../follow.ts')
    const departures = await follow(host, client, { clusters: [name], until: 'gone', timeoutMs })
    const left = departures.flatMap((departure) => departure.left)
    const what = left.length === 0 ? '' : `; in the cloud stay:\n${left.map((object) => `  ${object}\n`).join('')}`
    host.out.write(`${spoken(kind, name)} is gone${what || '\n'}`)
    return
  }
  const deadline = host.clock.now() + timeoutMs
  while (await client.has(kind, name, host.signal)) {
    if (host.clock.now() > deadline)
      throw new PcgError('timeout', `not gone within ${duration(timeoutMs)}`, {
        subject: spoken(kind, name),
        remedy: `\`pcg describe ${kind.toLowerCase()} ${name}\` shows what it waits for.`,
      })
    await host.clock.sleep(POLL_MS, host.signal)
  }
  host.out.write(`${spoken(kind, name)} is gone\n`)
}

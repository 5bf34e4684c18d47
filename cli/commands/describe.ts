import type { Host } from '../host.ts'
import { parseKindAndName } from '../kind-argument.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

/** How many events it shows. */
const EVENTS = 15

export function describeCommand(host: Host): PcgCommand {
  const command = new PcgCommand('describe')
    .summary('show all about one resource, and what happened')
    .description('Show all about one resource: what is wanted, what is, why, and what happened.')
    .argument('<kind>', 'gateway, account, profile, ippool, cluster or machine')
    .argument('[name]', 'which one; KIND/NAME does as well')
    .example('pcg describe cluster demo', 'its conditions, machines and events')
    .example('pcg describe machine demo-general-x7k2p', 'its stages, with the cause of each')
    .completes('kinds', 'names-of-kind')
    .viaBroker()
  command.action(async (typed: string, typedName: string | undefined) => {
    const { kind, name } = parseKindAndName(typed, typedName)
    await withSession(host, command, async ({ client, format }) => {
      const item = await client.get(kind, name, host.signal)
      const [machines, timeline, events] = await Promise.all([
        kind === 'Cluster' ? client.list('Machine', host.signal, { cluster: name }) : [],
        kind === 'Cluster' || kind === 'Machine' ? client.timeline(name, host.signal, kind) : [],
        client.events({ kind, name, limit: EVENTS }, host.signal),
      ])
      const { itemDocument, writeDocument } = await import('../output/document.ts')
      if (format !== 'table') {
        const more = {
          ...(kind === 'Cluster' ? { machines: machines.map(itemDocument), timeline } : {}),
          ...(kind === 'Machine' ? { timeline } : {}),
        }
        await writeDocument(host.out, format, { ...itemDocument(item), ...more, events })
        return
      }
      const { describeText } = await import('../output/description.ts')
      host.out.write(await describeText({ item, machines, timeline, events }, host))
    })
  })
  return command
}

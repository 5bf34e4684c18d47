import type { LedgerEntry } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { nameOf } from '../api-types.ts'
import type { Client } from '../client.ts'
import type { Host } from '../host.ts'
import { paintFor } from '../output/paint.ts'
import { age } from '../output/time.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

interface Options {
  readonly cluster?: string
}

export function ledgerCommand(host: Host): PcgCommand {
  const command = new PcgCommand('ledger')
    .summary('list every object that a gateway made')
    .description('List every object that a gateway made in its clouds, or is about to make.')
    .argument('[gateway]', 'its name; may be left out where there is one gateway')
    .option('-c, --cluster <name>', 'only what belongs to this cluster')
    .example('pcg ledger site-a', 'all that the gateway has in its clouds')
    .example('pcg ledger --cluster demo -o json', 'what must be gone when the cluster is')
    .completes('gateways')
    .viaBroker()
  command.action(async (typed: string | undefined, options: Options) => {
    await withSession(host, command, async ({ client, format }) => {
      const gateway = typed ?? (await onlyGateway(client, host.signal))
      const entries = await client.ledger(gateway, options.cluster, host.signal)
      if (format !== 'table') {
        const { writeList } = await import('../output/document.ts')
        await writeList(host.out, format, 'entries', entries)
        return
      }
      if (entries.length === 0) {
        host.err.write(`The ledger of gateway ${gateway} is empty.\n`)
        return
      }
      const now = host.clock.now()
      const { renderTable } = await import('../output/table.ts')
      const table = { width: host.out.columns(), paint: paintFor(host.out) }
      const titles = ['CLUSTER', 'MACHINE', 'ACCOUNT', 'KIND', 'NAME', 'ID', 'STATE', 'SINCE']
      const rows = entries.map((entry) => row(entry, now))
      host.out.write(renderTable(titles, rows, table))
    })
  })
  return command
}

async function onlyGateway(client: Client, signal: AbortSignal): Promise<string> {
  const names = (await client.list('Gateway', signal)).map(nameOf)
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw new PcgError('invalid', names.length === 0 ? 'there is no gateway' : 'which gateway?', {
    remedy: names.length === 0 ? 'Make one with `pcg enroll NAME`.' : `Name one of ${names.join(', ')}.`,
  })
}

function row(entry: LedgerEntry, now: number): string[] {
  const { cluster, machine, account, kind, name, externalId, state, since } = entry
  return [cluster, machine, account, kind, name === machine ? '' : name, externalId ?? '', state, age(since, now)]
}

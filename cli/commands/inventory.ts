import type { InventoryItem } from '../../resources/query.ts'
import type { Host } from '../host.ts'
import { paintFor } from '../output/paint.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

export function inventoryCommand(host: Host): PcgCommand {
  const command = new PcgCommand('inventory')
    .summary('list what a cloud account has to choose from')
    .description('List what a cloud account has to choose from: what to write into a placement.')
    .argument('<account>', 'its name')
    .option('-k, --kind <kind>', 'only of this kind, like network, template, image or flavor')
    .example('pcg inventory vcenter', 'datacenters, datastores, networks, templates, …')
    .example('pcg inventory vcenter --kind datastore', 'datastores, with their free space')
    .example('pcg inventory prod --kind flavor', 'flavors of an OpenStack account, with their CPUs and memory')
    .completes('accounts')
    .viaBroker()
  command.action(async (account: string, options: { kind?: string }) => {
    await withSession(host, command, async ({ client, format }) => {
      const wanted = options.kind?.toLowerCase()
      const all = await client.inventory(account, host.signal)
      const items = all.filter(({ kind }) => wanted === undefined || kind === wanted || `${kind}s` === wanted)
      if (format !== 'table') {
        const { writeList } = await import('../output/document.ts')
        await writeList(host.out, format, 'items', items)
        return
      }
      if (items.length === 0) {
        const kinds = [...new Set(all.map(({ kind }) => kind))]
        host.err.write(
          kinds.length === 0
            ? `Account ${account} has nothing that its user may see.\n`
            : `Account ${account} has no ${options.kind}; it has ${kinds.join(', ')}.\n`,
        )
        return
      }
      const { renderTable } = await import('../output/table.ts')
      const table = { width: host.out.columns(), paint: paintFor(host.out) }
      host.out.write(renderTable(['KIND', 'NAME', 'PATH', 'DETAIL'], items.map(row), table))
    })
  })
  return command
}

function row({ kind, name, path, detail }: InventoryItem): string[] {
  const details = Object.entries(detail)
    // For programs: the path tells people the same.
    .filter(([field]) => field !== 'id' && field !== 'datacenter')
    .map(([field, value]) => `${field}=${value}`)
  return [kind, name, path === name ? '' : path, details.join(' ')]
}

import { KIND_NAMES } from '../../resources/kind-names.ts'
import type { ReportedKind } from '../../resources/resource.ts'
import { type Item, nameOf } from '../api-types.ts'
import type { Host } from '../host.ts'
import { parseKind } from '../kind-argument.ts'
import { PcgCommand } from '../pcg-command.ts'
import { type Session, withSession } from '../session.ts'

export function getCommand(host: Host): PcgCommand {
  const command = new PcgCommand('get')
    .summary('list resources, or show one')
    .description('List the resources of a kind, or show one.')
    .argument('<kind>', 'gateways, accounts, profiles, ippools, clusters, machines; or all')
    .argument('[name]', 'only this one')
    .option('-c, --cluster <name>', 'only the machines of this cluster')
    .example('pcg get clusters', 'all clusters')
    .example('pcg get machines --cluster demo', 'the machines of one cluster')
    .example('pcg get cluster demo -o yaml', 'one, to be changed and applied again')
    .example('pcg get all', 'everything there is')
    .completes('kinds', 'names-of-kind')
    .viaBroker()
  command.action(async (typed: string, name: string | undefined, options: { cluster?: string }) => {
    const [kindPart = '', namePart] = typed.split('/', 2)
    const kinds = kindPart === 'all' ? (Object.keys(KIND_NAMES) as ReportedKind[]) : [parseKind(kindPart)]
    await withSession(host, command, (session) => show(host, session, kinds, name ?? namePart, options.cluster))
  })
  return command
}

async function show(
  host: Host,
  { client, format }: Session,
  kinds: readonly ReportedKind[],
  name: string | undefined,
  cluster: string | undefined,
): Promise<void> {
  const query = cluster === undefined ? {} : { cluster }
  const lists = await Promise.all(
    kinds.map(async (kind): Promise<readonly [ReportedKind, Item[]]> => {
      if (name !== undefined && kinds.length === 1) return [kind, [await client.get(kind, name, host.signal)]]
      const items = await client.list(kind, host.signal, kind === 'Machine' ? query : {})
      return [kind, items.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }))]
    }),
  )
  if (format !== 'table') {
    const { itemDocument, writeDocument, writeList } = await import('../output/document.ts')
    const documents = lists.flatMap(([, items]) => items.map(itemDocument))
    const one = name !== undefined ? documents[0] : undefined
    if (one === undefined) await writeList(host.out, format, 'items', documents)
    else await writeDocument(host.out, format, one)
    return
  }
  const { writeItems } = await import('../output/items.ts')
  writeItems(host, lists)
}

import { Option } from 'commander'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Role } from '../api-types.ts'
import type { Host } from '../host.ts'
import { paintFor } from '../output/paint.ts'
import { age } from '../output/time.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

export function keysCommand(host: Host): PcgCommand {
  return new PcgCommand('keys')
    .summary('make, list and delete API keys')
    .description('API keys of this tenant (for admins).')
    .example('pcg keys list', 'all keys, without their secrets')
    .example('pcg keys create ci --role operator', 'a key for a pipeline')
    .addCommand(createCommand(host))
    .addCommand(listCommand(host))
    .addCommand(deleteCommand(host))
    .viaBroker()
}

function createCommand(host: Host): PcgCommand {
  const command = new PcgCommand('create')
    .description('Make a key. It is shown once.')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('-r, --role <role>', 'viewer reads; operator changes as well; admin also makes keys and tokens')
        .choices(ROLES)
        .default('viewer'),
    )
    .example('pcg keys create dashboard', 'a key that may only read')
    .example('pcg keys create ci --role operator > ci.key', 'into a file for --api-key-file')
    .viaBroker()
  command.action(async (name: string, { role }: { role: Role }) => {
    await withSession(host, command, async ({ client, format }) => {
      const made = await client.createKey(name, role, host.signal)
      if (format !== 'table') {
        const { writeDocument } = await import('../output/document.ts')
        await writeDocument(host.out, format, { ...made, name, role })
        return
      }
      host.err.write(`Key ${name} (${role}, id ${made.id}). It is not shown again:\n`)
      host.out.write(`${made.key}\n`)
    })
  })
  return command
}

function listCommand(host: Host): PcgCommand {
  const command = new PcgCommand('list')
    .alias('ls')
    .description('List the keys, without their secrets.')
    .example('pcg keys list', 'name, role and id of each')
    .viaBroker()
  command.action(async () => {
    await withSession(host, command, async ({ client, format }) => {
      const keys = await client.keys(host.signal)
      if (format !== 'table') {
        const { writeList } = await import('../output/document.ts')
        await writeList(host.out, format, 'keys', keys)
        return
      }
      const { renderTable } = await import('../output/table.ts')
      const rows = keys.map(({ id, name, role, createdAt }) => [id, name, role, age(createdAt, host.clock.now())])
      const table = { width: host.out.columns(), paint: paintFor(host.out) }
      host.out.write(renderTable(['ID', 'NAME', 'ROLE', 'AGE'], rows, table))
    })
  })
  return command
}

function deleteCommand(host: Host): PcgCommand {
  const command = new PcgCommand('delete')
    .alias('rm')
    .description('Delete a key; whoever uses it is refused from now on.')
    .argument('<key>', 'its id or name')
    .example('pcg keys delete ci', 'by its name')
    .completes('keys')
    .viaBroker()
  command.action(async (typed: string) => {
    await withSession(host, command, async ({ client }) => {
      const found = (await client.keys(host.signal)).filter(({ id, name }) => id === typed || name === typed)
      const [key] = found
      if (key === undefined)
        throw new PcgError('not-found', 'there is no such key', {
          subject: typed,
          remedy: '`pcg keys list` lists them.',
        })
      if (found.length > 1)
        throw new PcgError('conflict', `${found.length} keys have this name`, {
          subject: typed,
          remedy: `Give the id: ${found.map(({ id }) => id).join(', ')}.`,
        })
      await client.deleteKey(key.id, host.signal)
      host.out.write(`key ${key.name} (${key.id}) is deleted\n`)
    })
  })
  return command
}

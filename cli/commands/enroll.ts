import type { Client } from '../client.ts'
import type { Host } from '../host.ts'
import { durationOption } from '../options.ts'
import { paintFor } from '../output/paint.ts'
import { relative } from '../output/time.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'
import { typedName } from '../typed-name.ts'

interface Options {
  readonly ttl?: number
}

export function enrollCommand(host: Host): PcgCommand {
  const command = new PcgCommand('enroll')
    .summary('let a gateway join: make its one-time token')
    .description(
      'Make a one-time token by which a gateway joins, and the gateway itself if there is none of that name.',
    )
    .argument('<gateway>', 'its name')
    .addOption(durationOption('--ttl <duration>', 'how long the token counts, like 30m or 24h'))
    .example('pcg enroll site-a', 'prints the token and the command to run on site')
    .example('pcg enroll site-a --ttl 24h -o json', 'for a script that installs the gateway')
    .completes('gateways')
    .viaBroker()
  command.action(async (name: string, options: Options) => {
    await withSession(host, command, async ({ client, format }) => {
      const isNew = await ensureGateway(client, name, host.signal)
      const ttl = options.ttl === undefined ? undefined : Math.ceil(options.ttl / 1000)
      const { token, expiresAt } = await client.joinToken(name, ttl, host.signal)
      if (format !== 'table') {
        const { writeDocument } = await import('../output/document.ts')
        await writeDocument(host.out, format, { gateway: name, token, expiresAt })
        return
      }
      const paint = paintFor(host.out)
      const pcg = typedName(host)
      const ends = relative(expiresAt, host.clock.now())
      host.out.write(
        `${isNew ? `Gateway ${name} is made. ` : ''}It joins once with this token, which ends ${ends} and is not shown again:\n\n` +
          `${token}\n\n` +
          `On the machine on site that becomes the gateway run this, and paste the token when it asks:\n\n` +
          `  ${paint.bold(`${pcg} gateway --state ./gateway --token-file -`)}\n\n` +
          `Then \`${pcg} get gateway ${name}\` shows it as Connected.\n`,
      )
    })
  })
  return command
}

/** Makes the gateway if it isn't there, and says whether it did. */
export async function ensureGateway(client: Client, name: string, signal: AbortSignal): Promise<boolean> {
  if (await client.has('Gateway', name, signal)) return false
  await client.apply([{ apiVersion: 'pcg/v1', kind: 'Gateway', metadata: { name }, spec: {} }], false, signal)
  return true
}

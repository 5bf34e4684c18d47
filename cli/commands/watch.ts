import { Option } from 'commander'
import type { Host } from '../host.ts'
import { durationOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

interface Options {
  readonly until?: 'ready' | 'gone'
  readonly timeout?: number
}

export function watchCommand(host: Host): PcgCommand {
  const command = new PcgCommand('watch')
    .summary('show clusters and machines as they change')
    .description('Show clusters and their machines as they change: bars on a terminal, lines elsewhere.')
    .argument('[cluster]', 'only this one')
    .addOption(new Option('--until <state>', 'end with 0 when all of them are').choices(['ready', 'gone']))
    .addOption(durationOption('--timeout <duration>', 'end with 6 when they are not by then, like 90s or 30m'))
    .example('pcg watch', 'all clusters, till Ctrl-C')
    .example('pcg watch demo --until ready --timeout 20m', 'for scripts')
    .completes('clusters')
    .viaBroker()
  command.action(async (cluster: string | undefined, options: Options) => {
    await withSession(host, command, async ({ client }) => {
      // A name that isn't there would be watched for ever.
      if (cluster !== undefined && options.until !== 'gone') await client.get('Cluster', cluster, host.signal)
      const { follow } = await import('../follow.ts')
      await follow(host, client, {
        ...(cluster === undefined ? {} : { clusters: [cluster] }),
        ...(options.until === undefined ? {} : { until: options.until }),
        ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
      })
    })
  })
  return command
}

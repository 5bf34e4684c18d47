import type { ApplyResult } from '../api-types.ts'
import type { Host } from '../host.ts'
import { durationOption, filesOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

interface Options {
  readonly filename: readonly string[]
  readonly dryRun?: boolean
  readonly wait?: boolean
  readonly timeout: number
}

export function applyCommand(host: Host): PcgCommand {
  const command = new PcgCommand('apply')
    .summary('make or change what files describe')
    .description('Make or change what files describe. All of it is taken, or nothing.')
    .addOption(filesOption())
    .option('--dry-run', 'check all of it and say what would change, but change nothing')
    .option('--wait', 'show the progress until its clusters are ready')
    .addOption(durationOption('--timeout <duration>', 'how long to wait, like 90s or 30m', '30m'))
    .example('pcg apply -f cluster.yaml --wait', 'make a cluster, and see it grow')
    .example('pcg apply -f examples/sandbox --dry-run', 'check all files of a folder')
    .example('pcg get cluster demo -o yaml | sed s/1.31.4/1.31.5/ | pcg apply -f -', 'change what is there')
    .viaBroker()
  command.action(async (options: Options) => {
    const { readResources } = await import('../resource-files.ts')
    const resources = await readResources(host, options.filename)
    await withSession(host, command, async ({ client, format }) => {
      const results = await client.apply(resources, options.dryRun === true, host.signal)
      if (format === 'table') host.out.write(resultLines(results, options.dryRun === true))
      else await (await import('../output/document.ts')).writeDocument(host.out, format, { results })
      if (options.wait !== true || options.dryRun === true) return
      const { clustersConcerned, untilTaken } = await import('../apply-wait.ts')
      const clusters = await clustersConcerned(client, resources, results, host.signal)
      if (clusters.length === 0) return
      await untilTaken(host, client, results)
      const { follow } = await import('../follow.ts')
      // The answer for programs stands on stdout alone: the progress goes beside it.
      const shown = format === 'table' ? host : { ...host, out: host.err }
      await follow(shown, client, { clusters, until: 'ready', timeoutMs: options.timeout })
    })
  })
  return command
}

/** `cluster/demo created` */
export function resultLines(results: readonly ApplyResult[], dryRun: boolean): string {
  const words = dryRun
    ? { created: 'would be created', configured: 'would be changed', unchanged: 'would stay as it is' }
    : { created: 'created', configured: 'changed', unchanged: 'unchanged' }
  return results
    .map(({ kind, name, result, generation }) => {
      const which = result === 'configured' ? ` (generation ${generation})` : ''
      return `${kind.toLowerCase()}/${name} ${words[result]}${which}\n`
    })
    .join('')
}

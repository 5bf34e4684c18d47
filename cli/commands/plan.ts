import type { Finding, PlanAnswer } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import { filesOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

export function planCommand(host: Host): PcgCommand {
  const command = new PcgCommand('plan')
    .summary('show what applying files would do, step by step')
    .description('Show the exact steps that applying files would lead to. Changes nothing.')
    .addOption(filesOption())
    .example('pcg plan -f cluster.yaml', 'each machine that would be made, replaced or deleted, and its steps')
    .example('pcg plan -f cluster.yaml -o json', 'the same for a program')
    .viaBroker()
  command.action(async (options: { filename: readonly string[] }) => {
    const { readResources } = await import('../resource-files.ts')
    const resources = await readResources(host, options.filename)
    await withSession(host, command, async ({ client, format }) => {
      const plan = await client.plan(resources, host.signal)
      if (format === 'table') host.out.write((await import('../output/plan-text.ts')).planText(plan, host.out))
      else await (await import('../output/document.ts')).writeDocument(host.out, format, plan)
      failOnErrors(plan)
    })
  })
  return command
}

function failOnErrors({ findings }: PlanAnswer): void {
  const errors = findings.filter(({ severity }: Finding) => severity === 'error')
  if (errors.length === 0) return
  throw new PcgError('internal', `it would not get to its end: ${errors.length} of the checks failed`, {
    remedy: 'Correct what is marked as error above.',
  })
}

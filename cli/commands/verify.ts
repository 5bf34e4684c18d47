import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import { paintFor } from '../output/paint.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

export function verifyCommand(host: Host): PcgCommand {
  const command = new PcgCommand('verify')
    .summary('check a cloud account from its gateway')
    .description('Check a cloud account from its gateway: reachability, credentials, privileges. Changes nothing.')
    .argument('<account>', 'its name')
    .example('pcg verify vcenter', 'what is well, what is missing, and what to do about it')
    .completes('accounts')
    .viaBroker()
  command.action(async (account: string) => {
    await withSession(host, command, async ({ client, format }) => {
      const findings = await client.verify(account, host.signal)
      if (format === 'table') {
        const { findingLines } = await import('../output/plan-text.ts')
        host.out.write(findingLines(findings, paintFor(host.out)))
      } else {
        const { writeList } = await import('../output/document.ts')
        await writeList(host.out, format, 'findings', findings)
      }
      const errors = findings.filter(({ severity }) => severity === 'error').length
      if (errors > 0)
        throw new PcgError('internal', errors === 1 ? 'one check failed' : `${errors} checks failed`, {
          subject: `account ${account}`,
        })
    })
  })
  return command
}

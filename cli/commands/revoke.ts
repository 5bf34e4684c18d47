import type { Host } from '../host.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'

export function revokeCommand(host: Host): PcgCommand {
  const command = new PcgCommand('revoke')
    .summary("end a gateway's certificate at once")
    .description("End a gateway's certificate at once, for an appliance that was lost or is not trusted any more.")
    .argument('<gateway>', 'its name')
    .example('pcg revoke site-a', 'it is cut off, and comes back only by `pcg enroll site-a`')
    .completes('gateways')
    .viaBroker()
  command.action(async (name: string) => {
    await withSession(host, command, async ({ client }) => {
      await client.revoke(name, host.signal)
      host.out.write(`gateway ${name} is revoked; \`pcg enroll ${name}\` lets it join anew\n`)
    })
  })
  return command
}

import type { Host } from '../host.ts'
import { type GlobalOptions, PcgCommand } from '../pcg-command.ts'

export function versionCommand(host: Host): PcgCommand {
  const command = new PcgCommand('version')
    .summary('show the version')
    .description('Show the version.')
    .example('pcg version', 'of pcg and of the Node.js that runs it')
    .example('pcg version -o json', 'the same for a program')
  command.action(async () => {
    const { output } = command.optsWithGlobals<GlobalOptions>()
    const { version } = host
    const node = process.version.slice(1)
    if (output === 'table') host.out.write(`pcg ${version} (Node.js ${node})\n`)
    else await (await import('../output/document.ts')).writeDocument(host.out, output, { version, node })
  })
  return command
}

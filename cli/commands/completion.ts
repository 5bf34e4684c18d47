import { Argument } from 'commander'
import type { Host } from '../host.ts'
import { PcgCommand } from '../pcg-command.ts'

type Shell = 'bash' | 'zsh'

const INSTALL: Readonly<Record<Shell, string>> = {
  bash: 'source <(pcg completion bash)',
  zsh: 'source <(pcg completion zsh)',
}

export function completionCommand(host: Host): PcgCommand {
  const command = new PcgCommand('completion')
    .summary('print the completion for a shell')
    .description('Print the completion for a shell: commands, options, and the names of what there is.')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(INSTALL)))
    .example(INSTALL.bash, 'in ~/.bashrc')
    .example(INSTALL.zsh, 'in ~/.zshrc, behind compinit')
  command.action(async (shell: Shell) => {
    const { completionScript } = await import('../completion/scripts.ts')
    host.out.write(completionScript(shell))
  })
  return command
}

/** What the scripts ask: the words of the line up to the cursor, the last of them unfinished. */
export function completeCommand(host: Host): PcgCommand {
  const command = new PcgCommand('__complete')
    .description('Print what may stand in the place of the last word (for the completion scripts).')
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .example('pcg __complete get clu', 'prints clusters')
  command.action(async (words: string[]) => {
    const { complete } = await import('../completion/complete.ts')
    const { buildProgram } = await import('../program.ts')
    const found = await complete(buildProgram(host), words, host)
    host.out.write(found.map((word) => `${word}\n`).join(''))
  })
  return command
}

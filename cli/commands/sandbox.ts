import { resolve } from 'node:path'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import { countOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'

interface Options {
  readonly state: string
  readonly account: string
}

/** Changes that nobody told the gateway of, by which one sees how it notices and heals them. */
export function sandboxCommand(host: Host): PcgCommand {
  return new PcgCommand('sandbox')
    .summary("change a sandbox machine behind its gateway's back")
    .description(
      "Change a machine of a sandbox account behind its gateway's back, and see it heal. Not for other clouds.",
    )
    .example('pcg sandbox power-off demo-general-x7k2p --state ./gateway', 'then `pcg describe machine …`')
    .addCommand(
      changeCommand('power-off', 'Switch the machine off, as somebody at its console might.')
        .example('pcg sandbox power-off demo-general-x7k2p --state ./gateway', 'is switched on again')
        .action(async (machine: string, options: Options) => {
          await change(host, options, machine, `power-off ${machine}`)
          host.out.write(`machine ${machine} is off now\n`)
        }),
    )
    .addCommand(
      changeCommand('remove', 'Remove the machine, as if somebody had deleted it in the cloud.')
        .example('pcg sandbox remove demo-general-x7k2p --state ./gateway', 'another comes in its place')
        .action(async (machine: string, options: Options) => {
          await change(host, options, machine, `remove ${machine}`)
          host.out.write(`machine ${machine} is gone now\n`)
        }),
    )
    .addCommand(
      changeCommand('resize', 'Give the machine other CPUs than its cluster says.')
        .argument('<cpus>', 'how many', countOption)
        .example('pcg sandbox resize demo-general-x7k2p 8 --state ./gateway', 'is a drift, and healed')
        .action(async (machine: string, cpus: number, options: Options) => {
          await change(host, options, machine, `resize ${machine} ${cpus}`)
          host.out.write(`machine ${machine} has ${cpus} CPUs now\n`)
        }),
    )
}

function changeCommand(name: string, description: string): PcgCommand {
  return new PcgCommand(name)
    .description(description)
    .argument('<machine>', 'its name, as `pcg get machines` lists it')
    .option('--state <folder>', "the gateway's state folder", './gateway')
    .option('--account <name>', 'the sandbox account that the machine is in', 'lab')
    .completes('machines')
}

async function change(host: Host, { state, account }: Options, machine: string, line: string): Promise<void> {
  const { changeSandbox } = await import('../../gateway/compose.ts')
  try {
    await changeSandbox(resolve(host.cwd, state), account, line)
  } catch (thrown) {
    throw inWordsOfTheCommand(PcgError.from(thrown), state, account, machine)
  }
}

function inWordsOfTheCommand(cause: PcgError, state: string, account: string, machine: string): PcgError {
  if (cause.code === 'unavailable')
    return new PcgError('unavailable', `no gateway that runs on ${state} has a sandbox account ${account}`, {
      cause,
      remedy: 'Start that gateway; or name its state folder with --state, and the account with --account.',
    })
  if (cause.code !== 'invalid') return cause
  return new PcgError('invalid', cause.message, {
    subject: machine,
    remedy: '`pcg get machines` lists the machines.',
    cause,
  })
}

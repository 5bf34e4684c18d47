import { CommanderError, Option } from 'commander'
import { PcgError } from '../runtime/pcg-error.ts'
import { accountCommand } from './commands/account.ts'
import { applyCommand } from './commands/apply.ts'
import { brokerCommand } from './commands/broker.ts'
import { completeCommand, completionCommand } from './commands/completion.ts'
import { deleteCommand } from './commands/delete.ts'
import { describeCommand } from './commands/describe.ts'
import { enrollCommand } from './commands/enroll.ts'
import { eventsCommand } from './commands/events.ts'
import { gatewayCommand } from './commands/gateway.ts'
import { getCommand } from './commands/get.ts'
import { inventoryCommand } from './commands/inventory.ts'
import { keysCommand } from './commands/keys.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { planCommand } from './commands/plan.ts'
import { quickstartCommand } from './commands/quickstart.ts'
import { revokeCommand } from './commands/revoke.ts'
import { sandboxCommand } from './commands/sandbox.ts'
import { secretCommand } from './commands/secret.ts'
import { verifyCommand } from './commands/verify.ts'
import { versionCommand } from './commands/version.ts'
import { watchCommand } from './commands/watch.ts'
import { EXIT, EXIT_CODE_HELP, exitCodeOf } from './exit-code.ts'
import type { Host } from './host.ts'
import { errorText } from './output/error-text.ts'
import { paintFor } from './output/paint.ts'
import { examplesText, PcgCommand } from './pcg-command.ts'

/** The whole command tree. The commands load what they need when they run, so that help and completion are quick. */
export function buildProgram(host: Host): PcgCommand {
  const program = new PcgCommand('pcg')
    .description('Private Cloud Gateway: clusters on private clouds, from outside and without a way in.')
    .usage('COMMAND [options]')
    .helpCommand('help [COMMAND]', 'show the help of a command')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table'))
    .option(
      '--config <file>',
      'context: which broker, and the key (else PCG_CONFIG, ./.pcg/config.yaml, ~/.config/pcg/config.yaml)',
    )
    .option('--server <url>', "the broker's URL, in place of the context's")
    .option('--authority <file>', 'PEM of the authority that signed its certificate')
    .option('--api-key-file <file>', 'file with the API key')
    .option('--tenant <name>', 'the tenant that the key belongs to')
    .example('pcg quickstart', 'a broker, a gateway and a cluster on this machine')
    .example('pcg apply -f cluster.yaml --wait', 'make or change what the file describes')
    .example('pcg get clusters', 'what there is')
    .example('pcg describe machine demo-control-plane-1', 'all about one thing')
  program
    .addCommand(group('Start', quickstartCommand(host)))
    .addCommand(group('Start', brokerCommand(host)))
    .addCommand(group('Start', gatewayCommand(host)))
    .addCommand(group('Start', enrollCommand(host)))
    .addCommand(group('Start', revokeCommand(host)))
    .addCommand(group('Change', applyCommand(host)))
    .addCommand(group('Change', planCommand(host)))
    .addCommand(group('Change', deleteCommand(host)))
    .addCommand(group('Change', secretCommand(host)))
    .addCommand(group('Change', accountCommand(host)))
    .addCommand(group('Look', getCommand(host)))
    .addCommand(group('Look', describeCommand(host)))
    .addCommand(group('Look', watchCommand(host)))
    .addCommand(group('Look', eventsCommand(host)))
    .addCommand(group('Look', inventoryCommand(host)))
    .addCommand(group('Look', verifyCommand(host)))
    .addCommand(group('Look', ledgerCommand(host)))
    .addCommand(group('More', keysCommand(host)))
    .addCommand(group('More', sandboxCommand(host)))
    .addCommand(group('More', completionCommand(host)))
    .addCommand(group('More', versionCommand(host)))
    .addCommand(completeCommand(host), { hidden: true })
  for (const command of commandsOf(program)) prepare(command, host)
  return program
}

function group(title: string, command: PcgCommand): PcgCommand {
  command.helpGroup(`${title}:`)
  return command
}

/** The command and all below it. */
export function commandsOf(command: PcgCommand): PcgCommand[] {
  const children = command.commands.filter((child): child is PcgCommand => child instanceof PcgCommand)
  return [command, ...children.flatMap(commandsOf)]
}

function prepare(command: PcgCommand, host: Host): void {
  const paint = paintFor(host.out)
  command
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', () => examplesText(command) + (command.parent === null ? exitCodesText() : ''))
    .helpOption('-h, --help', 'show this help')
    .configureHelp({
      showGlobalOptions: command.talksToBroker,
      helpWidth: Math.min(110, Math.max(60, host.out.columns())),
      styleTitle: (text) => paint.bold(text),
    })
    .configureOutput({
      writeOut: (text) => host.out.write(text),
      // Commander's own words come as a CommanderError as well, and are written once, in our form.
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => host.out.colour,
    })
}

function exitCodesText(): string {
  return `\nExit codes:\n${EXIT_CODE_HELP.map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}\n`).join('')}`
}

/** Runs a command line (without the program's own name) and gives its exit code. Never throws. */
export async function run(host: Host, args: readonly string[]): Promise<number> {
  const program = buildProgram(host)
  try {
    if (args.length === 0) {
      program.outputHelp()
      return EXIT.ok
    }
    await program.parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (thrown) {
    if (thrown instanceof CommanderError) return usageError(thrown, program, args, host)
    const error = host.signal.aborted ? interrupted(thrown) : PcgError.from(thrown)
    host.err.write(errorText(error, host.err, Boolean(host.env.PCG_DEBUG)))
    return exitCodeOf(error.code)
  }
}

/** Whatever fails because of Ctrl-C fails as that; a command's own words about it are kept. */
function interrupted(thrown: unknown): PcgError {
  if (thrown instanceof PcgError && thrown.code === 'cancelled' && thrown.remedy !== undefined) return thrown
  return new PcgError('cancelled', 'interrupted')
}

function usageError(error: CommanderError, program: PcgCommand, args: readonly string[], host: Host): number {
  if (error.exitCode === 0) return EXIT.ok
  const command = reached(program, args)
  const path = commandPath(command)
  if (error.code === 'commander.help') {
    // A group of commands without one of them, e.g. `pcg keys`.
    host.err.write(command.helpInformation())
    return EXIT.invalid
  }
  const [said = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const remedy = `${suggestion === undefined ? '' : `${suggestion.replace(/^\(|\)$/g, '')} `}\`${path} --help\` shows what it takes.`
  host.err.write(errorText(new PcgError('invalid', said, { remedy }), host.err, false))
  return EXIT.invalid
}

/** The command that the arguments got to. */
function reached(program: PcgCommand, args: readonly string[]): PcgCommand {
  let command = program
  for (const arg of args) {
    const child = command.commands.find((each) => each.name() === arg || each.aliases().includes(arg))
    if (child instanceof PcgCommand) command = child
  }
  return command
}

function commandPath(command: PcgCommand): string {
  return command.parent instanceof PcgCommand ? `${commandPath(command.parent)} ${command.name()}` : command.name()
}

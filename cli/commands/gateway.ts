import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import { type Address, addressOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'

interface Options {
  readonly state: string
  readonly token?: string
  readonly tokenFile?: string
  readonly phoneHomeListen: Address
  readonly advertise?: string
  readonly logLevel: string
  readonly supervised?: boolean
}

export function gatewayCommand(host: Host): PcgCommand {
  const command = new PcgCommand('gateway')
    .summary('run a gateway on site')
    .description('Run a gateway on site. It needs a token once, to join; and no way in from outside, ever.')
    .option('--state <folder>', 'where it keeps its keys and its journal', './gateway')
    .option(
      '--token <token>',
      'what `pcg enroll` printed; better in PCG_JOIN_TOKEN or a file, which process lists do not show',
    )
    .option('--token-file <file>', 'a file with the token')
    .option('--phone-home-listen <address>', 'where new machines on site reach it', addressOption, {
      host: '0.0.0.0',
      port: 8080,
    })
    .option('--advertise <url>', 'the URL of that for machines, if it differs')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--supervised', 'end when stdin does, and tell on stdout where it listens (for a parent process)')
    .example('PCG_JOIN_TOKEN=pcg1.… pcg gateway --state /var/lib/pcg/gateway', 'the first time')
    .example('pcg gateway --state /var/lib/pcg/gateway --phone-home-listen 10.0.0.5:8080', 'from then on')
  command.action(async (options: Options) => {
    const token = await joinToken(host, options)
    const { startGateway } = await import('../../gateway/compose.ts')
    const { runService } = await import('../service.ts')
    await runService(host, { ...options, name: 'gateway' }, async (log, signal) => {
      const { advertise } = options
      const gateway = await startGateway({
        stateDir: resolve(host.cwd, options.state),
        phoneHome: { ...options.phoneHomeListen, ...(advertise === undefined ? {} : { advertise }) },
        log,
        clock: host.clock,
        signal,
        ...(token === undefined ? {} : { token }),
      })
      const { identity, phoneHomeUrl } = gateway
      return { ready: { ...identity, phoneHomeUrl }, close: () => gateway.close() }
    })
  })
  return command
}

async function joinToken(host: Host, options: Options): Promise<string | undefined> {
  if (options.token !== undefined) return options.token
  if (options.tokenFile === undefined) return host.env.PCG_JOIN_TOKEN || undefined
  const path = resolve(host.cwd, options.tokenFile)
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    throw new PcgError('invalid', `can't be read: ${PcgError.from(cause).message}`, { subject: path, cause })
  }
}

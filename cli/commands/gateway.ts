import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import {
  type Address,
  addressOption,
  advertiseOption,
  logLevelOption,
  type ServiceFlags,
  supervisedOption,
} from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'
import { ask } from '../prompt.ts'
import { readAll } from '../resource-files.ts'

interface Options extends ServiceFlags {
  readonly tokenFile?: string
  readonly phoneHomeListen: Address
  readonly advertise?: string
}

export function gatewayCommand(host: Host): PcgCommand {
  const command = new PcgCommand('gateway')
    .summary('run a gateway on site')
    .description('Run a gateway on site. It needs a token once, to join; and no way in from outside, ever.')
    .option('--state <folder>', 'where it keeps its keys and its journal', './gateway')
    .option('--token-file <file>', 'a file with the token of `pcg enroll`, or - for stdin (else PCG_JOIN_TOKEN)')
    .addOption(addressOption('--phone-home-listen <address>', 'where new machines on site reach it', '0.0.0.0:8080'))
    .addOption(advertiseOption())
    .addOption(logLevelOption())
    .addOption(supervisedOption())
    .example('pcg gateway --state /var/lib/pcg/gateway --token-file -', 'the first time: asks for the token')
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
  const { tokenFile } = options
  if (tokenFile === undefined) return host.env.PCG_JOIN_TOKEN || undefined
  if (tokenFile === '-' && options.supervised === true)
    throw new PcgError('invalid', "--token-file - and --supervised can't both have stdin", {
      remedy: 'Hand the token over in a file, or in PCG_JOIN_TOKEN.',
    })
  const token = (tokenFile === '-' ? await typedToken(host) : await readTokenFile(resolve(host.cwd, tokenFile))).trim()
  if (token !== '') return token
  throw new PcgError('invalid', 'there is no token in it', {
    subject: tokenFile === '-' ? 'stdin' : tokenFile,
    remedy: '`pcg enroll GATEWAY` makes one.',
  })
}

async function typedToken(host: Host): Promise<string> {
  return host.in.isTerminal ? await ask(host, 'Join token: ', { echo: false }) : await readAll(host.in, host)
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new PcgError('invalid', `can't be read: ${PcgError.from(cause).message}`, { subject: path, cause })
  }
}

import { join, resolve } from 'node:path'
import type { Host } from '../host.ts'
import {
  type Address,
  addressOption,
  logLevelOption,
  repeatedOption,
  type ServiceFlags,
  supervisedOption,
} from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'

interface Options extends ServiceFlags {
  readonly api: Address
  readonly tunnel: Address
  readonly name?: readonly string[]
}

export function brokerCommand(host: Host): PcgCommand {
  const command = new PcgCommand('broker')
    .summary('run a broker')
    .description('Run a broker: the end that tenants talk to, and that gateways dial.')
    .option('--state <folder>', 'where it keeps all that it knows', './broker')
    .addOption(addressOption('--api <address>', 'where tenants reach it', '0.0.0.0:8443'))
    .addOption(addressOption('--tunnel <address>', 'where gateways reach it', '0.0.0.0:8444'))
    .option(
      '--name <name>',
      'a DNS name or address by which it is reached, for its certificate; may be repeated',
      repeatedOption,
    )
    .addOption(logLevelOption())
    .addOption(supervisedOption())
    .example('pcg broker --state /var/lib/pcg/broker --name broker.example.com', 'on every address of this machine')
    .example('pcg broker --api 127.0.0.1:8443 --tunnel 127.0.0.1:8444', 'for this machine only')
    .addCommand(tenantCommand(host))
  command.action(async (options: Options) => {
    const { startBroker } = await import('../../broker/compose.ts')
    const { runService } = await import('../service.ts')
    await runService(host, { ...options, name: 'broker' }, async (log) => {
      const broker = await startBroker({
        stateDir: resolve(host.cwd, options.state),
        api: options.api,
        tunnel: options.tunnel,
        names: namesFor(options),
        log,
        clock: host.clock,
      })
      const { apiUrl, tunnelAddress } = broker
      return { ready: { apiUrl, tunnelAddress }, close: () => broker.close() }
    })
  })
  return command
}

/** Those that were named, or else the addresses that it listens on; and always those by which this machine reaches itself. */
function namesFor({ name, api, tunnel }: Options): string[] {
  const addresses = [api.host, tunnel.host].filter((each) => each !== '0.0.0.0' && each !== '::')
  return [...new Set([...(name ?? addresses), '127.0.0.1', 'localhost'])]
}

function tenantCommand(host: Host): PcgCommand {
  return new PcgCommand('tenant')
    .description('Tenants of a broker; to be run where its state is.')
    .example('pcg broker tenant create acme', 'a tenant with a first admin key')
    .addCommand(tenantCreateCommand(host))
}

function tenantCreateCommand(host: Host): PcgCommand {
  const command = new PcgCommand('create')
    .description("Make a tenant, and print the context of its first admin. Takes the broker's --state.")
    .argument('<name>', 'its name')
    .example(
      'pcg broker tenant create acme --state /var/lib/pcg/broker > acme.yaml',
      'a context for `--config acme.yaml` (chmod 600 it)',
    )
  command.action(async (name: string) => {
    const { createTenant, ADMIN_FILE } = await import('../../broker/compose.ts')
    const { readContext } = await import('../config.ts')
    // `--state` is the broker's own option, wherever on the line it stands.
    const stateDir = resolve(host.cwd, command.optsWithGlobals<Options>().state)
    // Where the broker is reached stands in the context of its first tenant; without one, no broker ever ran there.
    const { server, authority } = await readContext(join(stateDir, ADMIN_FILE))
    const apiKey = await createTenant(stateDir, name, host.clock)
    const { stringify } = await import('yaml')
    host.out.write(stringify({ server, authority, apiKey, tenant: name }, { lineWidth: 0 }))
  })
  return command
}

import { Option } from 'commander'
import type { Host } from '../host.ts'
import { durationOption } from '../options.ts'
import { PcgCommand } from '../pcg-command.ts'
import type { QuickstartCloud } from '../quickstart/quickstart.ts'

interface Options {
  readonly cloud: QuickstartCloud
  readonly exit?: boolean
  readonly state: string
  readonly timeout: number
}

const CLOUDS: readonly QuickstartCloud[] = ['sandbox', 'vsphere', 'openstack']

export function quickstartCommand(host: Host): PcgCommand {
  const command = new PcgCommand('quickstart')
    .summary('a broker, a gateway and a cluster on this machine')
    .description(
      'Start a broker and a gateway on this machine, and make a cluster through them: 3 control-plane machines, 2 workers.',
    )
    .addOption(
      new Option(
        '--cloud <cloud>',
        "sandbox is in memory; vsphere is the vCenter simulator vcsim; openstack is OpenStack's own services with pretended VMs",
      )
        .choices(CLOUDS)
        .default('sandbox'),
    )
    .option('--exit', 'end when the cluster is ready, in place of staying up')
    .option('--state <folder>', 'where it keeps everything', './.pcg/quickstart')
    .addOption(durationOption('--timeout <duration>', 'how long the cluster may take', '3m'))
    .example('pcg quickstart', 'in seconds, with nothing else installed')
    .example('pcg quickstart --cloud vsphere', "the same through vCenter's API; installs Go's vcsim the first time")
    .example(
      'pcg quickstart --cloud openstack',
      "the same through OpenStack's APIs; unpacks Debian's services the first time",
    )
    .example('pcg quickstart --exit', 'to see whether it works')
  command.action(async (options: Options) => {
    const { quickstart } = await import('../quickstart/quickstart.ts')
    await quickstart(host, {
      cloud: options.cloud,
      exit: options.exit === true,
      state: options.state,
      timeoutMs: options.timeout,
    })
  })
  return command
}

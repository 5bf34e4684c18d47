import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import type { Credentials } from '../../resources/sealing.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { nameOf } from '../api-types.ts'
import type { Client } from '../client.ts'
import type { ReadCloud } from '../clouds-yaml/read-clouds.ts'
import type { Host } from '../host.ts'
import { PcgCommand } from '../pcg-command.ts'
import { withSession } from '../session.ts'
import { resultLines } from './apply.ts'
import { sealingKeyOf } from './secret.ts'

interface Options {
  readonly cloud?: string
  readonly region?: string
  readonly gateway?: string
  readonly name?: string
  readonly apply?: boolean
}

export function accountCommand(host: Host): PcgCommand {
  return new PcgCommand('account')
    .summary('make cloud accounts from what you have')
    .description('Make cloud accounts from what you have.')
    .example('pcg account import clouds.yaml --apply', 'an OpenStack account from its clouds.yaml')
    .addCommand(importCommand(host))
    .viaBroker()
}

function importCommand(host: Host): PcgCommand {
  const command = new PcgCommand('import')
    .summary('make an OpenStack account from a clouds.yaml')
    .description(
      "Make an OpenStack account from a clouds.yaml, and the secure.yaml beside it: prints the CloudAccount, its credentials sealed to the gateway's key. Nobody between reads them.",
    )
    .argument('<file>', 'the clouds.yaml')
    .option('--cloud <name>', 'which of its clouds; the only one if left out')
    .option('--region <name>', "which of the cloud's regions; the only one if left out")
    .option('-g, --gateway <name>', 'the gateway that is to use the account; the only one if left out')
    .option('--name <account>', "the account's name; the cloud's if left out")
    .option('--apply', 'apply the account at once, in place of printing it')
    .example('pcg account import clouds.yaml > account.yaml', 'to look at it first')
    .example('pcg account import ~/.config/openstack/clouds.yaml --cloud prod --apply', 'one of several clouds')
    .completes('files')
    .viaBroker()
  command.action(async (file: string, options: Options) => {
    const { othersMayRead, readCloud } = await import('../clouds-yaml/read-clouds.ts')
    const cloud = await readCloud(host, file, { cloud: options.cloud, region: options.region })
    const name = await accountName(options.name, cloud.name, file)
    await withSession(host, command, async ({ client, format }) => {
      const gateway = options.gateway ?? (await onlyGateway(client, host.signal))
      const publicKey = await sealingKeyOf(client, gateway, host.signal)
      const credentials = await withPassword(host, file, cloud)
      const { seal } = await import('../../resources/sealing.ts')
      const sealed = await seal(publicKey, credentials, { tenant: client.context.tenant, gateway, account: name })
      const account = await checked(name, { ...specOf(cloud), gateway, sealed }, file)
      for (const note of cloud.draft.notes) host.err.write(`${note}\n`)
      if (await othersMayRead(host, file))
        host.err.write(`Others on this machine may read ${file}, which may hold secrets: \`chmod 600 ${file}\`.\n`)
      const { writeDocument } = await import('../output/document.ts')
      if (options.apply !== true) {
        await writeDocument(host.out, format === 'json' ? 'json' : 'yaml', account)
        return
      }
      const results = await client.apply([account], false, host.signal)
      if (format === 'table') host.out.write(resultLines(results, false))
      else await writeDocument(host.out, format, { results })
    })
  })
  return command
}

/** A cloud may have a name that an account can't have: then the user chooses. */
async function accountName(given: string | undefined, cloud: string, file: string): Promise<string> {
  const { nameSchema } = await import('../../resources/metadata.ts')
  const name = given ?? cloud.toLowerCase().replaceAll(/[_. ]+/g, '-')
  const problem = nameSchema.safeParse(name).error?.issues[0]?.message
  if (problem === undefined) return name
  throw new PcgError('invalid', problem, {
    subject: given === undefined ? `${file}: clouds.${cloud} as the name of an account` : '--name',
    remedy: 'Give the account a name with --name.',
  })
}

async function onlyGateway(client: Client, signal: AbortSignal): Promise<string> {
  const names = (await client.list('Gateway', signal)).map(nameOf)
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  if (only === undefined)
    throw new PcgError('conflict', 'there is no gateway yet, and credentials are sealed for one', {
      remedy: 'Make one and let it join: `pcg enroll NAME` shows how.',
    })
  throw new PcgError('invalid', `there are ${names.length} gateways: ${names.join(', ')}`, {
    remedy: 'Say with --gateway which one is to use the account.',
  })
}

async function withPassword(
  host: Host,
  file: string,
  { name, draft, clientCertificate }: ReadCloud,
): Promise<Credentials> {
  const known = { ...draft.credentials, ...clientCertificate }
  if (!draft.asksPassword) return known
  const missing = () =>
    new PcgError('invalid', 'is missing', {
      subject: `${file}: clouds.${name}.auth.password`,
      remedy: 'Write it there, or into a secure.yaml beside it; on a terminal it is asked for.',
    })
  if (!host.in.isTerminal) throw missing()
  const { ask } = await import('../prompt.ts')
  const password = await ask(host, 'Password: ', { echo: false })
  if (password === '') throw missing()
  return { ...known, password }
}

function specOf({ draft: { spec }, authority }: ReadCloud): Omit<OpenstackAccountSpec, 'gateway' | 'sealed'> {
  const { endpoints, ...others } = spec
  return { ...others, endpoints, ...(authority === undefined ? {} : { authority }) }
}

/** What the broker would say of it is said before it is printed. */
async function checked(name: string, spec: OpenstackAccountSpec, file: string) {
  const { cloudAccountSchema } = await import('../../resources/cloud-account.ts')
  const { API_VERSION } = await import('../../resources/metadata.ts')
  const read = cloudAccountSchema.safeParse({ apiVersion: API_VERSION, kind: 'CloudAccount', metadata: { name }, spec })
  if (read.success) return read.data
  const details = read.error.issues.map(({ path, message }) => ({ subject: `${file}: ${path.join('.')}`, message }))
  throw new PcgError('invalid', 'makes no valid account', { subject: file, details })
}

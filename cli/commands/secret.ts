import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Credentials } from '../../resources/sealing.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Client } from '../client.ts'
import { checkCredentials } from '../credential-form.ts'
import type { Host } from '../host.ts'
import { isObject } from '../is-object.ts'
import { PcgCommand } from '../pcg-command.ts'
import { ask } from '../prompt.ts'
import { readAll } from '../resource-files.ts'
import { withSession } from '../session.ts'

interface Options {
  readonly gateway: string
  readonly account: string
  readonly fromFile?: string
}

export function secretCommand(host: Host): PcgCommand {
  return new PcgCommand('secret')
    .summary('seal credentials so that only a gateway can read them')
    .description('Credentials that only a gateway can read.')
    .example('pcg secret seal --gateway site-a --account vcenter', 'asks for user and password')
    .addCommand(sealCommand(host))
    .viaBroker()
}

function sealCommand(host: Host): PcgCommand {
  const command = new PcgCommand('seal')
    .summary("seal an account's credentials to a gateway's key")
    .description(
      "Seal a cloud account's credentials to a gateway's public key. The broker and the file that it goes into see only the sealed line. Asks for user and password on a terminal; reads JSON from stdin elsewhere. For OpenStack it is JSON with a type, as `pcg account import` makes it from a clouds.yaml.",
    )
    .requiredOption('-g, --gateway <name>', 'the gateway that is to use them')
    .requiredOption('-a, --account <name>', 'the account that they are for; they open for no other')
    .option('--from-file <file>', 'JSON with username and password, or with a type and its fields, in place of asking')
    .example('pcg secret seal --gateway site-a --account vcenter', 'asks for user and password, shows neither')
    .example(
      'pcg secret seal -g site-a -a vcenter --from-file vc.json >> account.yaml',
      '{"username": …, "password": …}',
    )
    .example(
      'pcg secret seal -g site-a -a prod --from-file app.json',
      '{"type": "application-credential", "id": …, "secret": …}, for OpenStack',
    )
    .example('vault read -format=json … | pcg secret seal -g site-a -a vcenter', 'from a secret store, through stdin')
    .viaBroker()
  command.action(async (options: Options) => {
    await withSession(host, command, async ({ client, format }) => {
      const publicKey = await sealingKeyOf(client, options.gateway, host.signal)
      const credentials = await readCredentials(host, options.fromFile)
      const { seal } = await import('../../resources/sealing.ts')
      const binding = { tenant: client.context.tenant, gateway: options.gateway, account: options.account }
      const sealed = await seal(publicKey, credentials, binding)
      if (format === 'table') {
        host.out.write(`  sealed: ${sealed}\n`)
        if (host.out.isTerminal)
          host.err.write(`Put this line under spec of account ${options.account}, and apply it.\n`)
      } else await (await import('../output/document.ts')).writeDocument(host.out, format, { sealed })
    })
  })
  return command
}

/** The public key that a gateway has told the broker; raw. */
export async function sealingKeyOf(client: Client, gateway: string, signal: AbortSignal): Promise<Uint8Array> {
  const { status } = await client.get('Gateway', gateway, signal)
  const key = isObject(status) ? status.sealingKey : undefined
  if (typeof key === 'string' && key !== '') return Buffer.from(key, 'base64')
  throw new PcgError('conflict', 'has not joined yet, so there is no key to seal to', {
    subject: `gateway ${gateway}`,
    remedy: `Let it join: \`pcg enroll ${gateway}\` shows how.`,
  })
}

async function readCredentials(host: Host, file: string | undefined): Promise<Credentials> {
  if (file !== undefined) return parseCredentials(await readSecretFile(resolve(host.cwd, file)), file)
  if (!host.in.isTerminal) return parseCredentials(await readAll(host.in, host), 'stdin')
  const username = await ask(host, 'User: ', { echo: true })
  const password = await ask(host, 'Password: ', { echo: false })
  return checkCredentials({ username, password }, 'the answers')
}

async function readSecretFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new PcgError('invalid', `can't be read: ${PcgError.from(cause).message}`, { subject: path })
  }
}

/** Errors never say what stands in it. */
function parseCredentials(text: string, source: string): Credentials {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new PcgError('invalid', 'is not JSON', { subject: source, remedy: FORM })
  }
  if (!isObject(value) || Array.isArray(value))
    throw new PcgError('invalid', 'is not a JSON object', { subject: source, remedy: FORM })
  return checkCredentials(value, source)
}

const FORM =
  'It must be like {"username": "…", "password": "…"}, or for OpenStack {"type": "application-credential", "id": "…", "secret": "…"}.'

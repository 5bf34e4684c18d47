import { readFile, stat } from 'node:fs/promises'
import { dirname, extname, join, relative, resolve } from 'node:path'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Host } from '../host.ts'
import { type AccountDraft, draftAccount } from './account-draft.ts'
import { type CloudEntry, chooseCloud, problemAt } from './cloud-entry.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const KEY = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----/

/** Which cloud of the file is meant. */
export interface CloudChoice {
  readonly cloud: string | undefined
  readonly region: string | undefined
}

export interface ReadCloud {
  readonly name: string
  readonly draft: AccountDraft
  /** PEM. */
  readonly authority: string | undefined
  readonly clientCertificate: { readonly clientCertificate: string; readonly clientKey: string } | undefined
}

/** Reads a cloud from a clouds.yaml and the secure.yaml beside it, and the certificates that it names. Throws `invalid` with all that is wrong. */
export async function readCloud(host: Host, file: string, choice: CloudChoice): Promise<ReadCloud> {
  const path = resolve(host.cwd, file)
  const shown = relative(host.cwd, path).startsWith('../..') ? path : file
  const text = await readText(path, shown)
  const secure = await readSecure(path)
  const entry = chooseCloud(shown, await parse(text, shown), secure, choice)
  const draft = draftAccount(entry)
  const problems = [...draft.problems]
  const attempt = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read()
    } catch (thrown) {
      problems.push(...PcgError.from(thrown).details)
      return undefined
    }
  }
  const { cacert, cert, key } = draft.files
  const folder = dirname(path)
  const authority = cacert === undefined ? undefined : await attempt(() => readAuthority(host, entry, folder, cacert))
  const clientCertificate =
    cert === undefined ? undefined : await attempt(() => readClientCertificate(host, entry, folder, cert, key))
  const [first] = problems
  if (first !== undefined)
    throw problems.length === 1
      ? new PcgError('invalid', first.message, { subject: first.subject, ...remedyOf(first.remedy) })
      : new PcgError('invalid', `${problems.length} things are wrong`, { details: problems })
  return { name: entry.name, draft, authority, clientCertificate }
}

function remedyOf(remedy: string | undefined): { remedy?: string } {
  return remedy === undefined ? {} : { remedy }
}

/** Who else may read the file, if it holds what nobody else should. */
export async function othersMayRead(host: Host, file: string): Promise<boolean> {
  return ((await stat(resolve(host.cwd, file))).mode & 0o077) !== 0
}

/** Every scalar as the text that it is: a project's id of digits is no number. Errors don't quote: secrets stand in it. */
async function parse(text: string, shown: string): Promise<unknown> {
  const yaml = await import('yaml')
  try {
    return yaml.parse(text, {
      schema: 'failsafe',
      merge: true,
      prettyErrors: false,
      maxAliasCount: 100,
      logLevel: 'error',
    })
  } catch {
    throw new PcgError('invalid', 'is not valid YAML', { subject: shown })
  }
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const why = missing ? 'there is no such file' : `can't be read: ${PcgError.from(cause).message}`
    throw new PcgError('invalid', why, { subject: shown, cause })
  }
}

/** With the same ending, or any of those that os-client-config knows; undefined where there is none. */
async function readSecure(path: string): Promise<unknown> {
  const endings = [...new Set([extname(path), '.yaml', '.yml', '.json'])]
  for (const ending of endings) {
    const candidate = join(dirname(path), `secure${ending}`)
    if (candidate === path || (await stat(candidate).catch(() => undefined)) === undefined) continue
    return await parse(await readText(candidate, candidate), candidate)
  }
  return undefined
}

async function readAuthority(host: Host, entry: CloudEntry, folder: string, file: string): Promise<string> {
  const text = await readPem(host, entry, folder, 'cacert', file)
  const certificates = text.match(CERTIFICATE)
  if (certificates !== null) return `${certificates.join('\n')}\n`
  throw invalid(entry, 'cacert', `${file} has no certificate`, 'It must be PEM: -----BEGIN CERTIFICATE----- and so on.')
}

/** The key may stand in the certificate's file. */
async function readClientCertificate(
  host: Host,
  entry: CloudEntry,
  folder: string,
  certFile: string,
  keyFile: string | undefined,
): Promise<NonNullable<ReadCloud['clientCertificate']>> {
  const certText = await readPem(host, entry, folder, 'cert', certFile)
  const keyText = keyFile === undefined ? certText : await readPem(host, entry, folder, 'key', keyFile)
  const certificates = certText.match(CERTIFICATE)
  if (certificates === null) throw invalid(entry, 'cert', `${certFile} has no certificate`, 'It must be PEM.')
  const [key, kind = ''] = KEY.exec(keyText) ?? []
  if (key === undefined)
    throw invalid(entry, 'key', `${keyFile ?? certFile} has no private key`, 'Name the file that has it, in PEM.')
  if (kind.includes('ENCRYPTED') || key.includes('Proc-Type: 4,ENCRYPTED'))
    throw invalid(
      entry,
      'key',
      `${keyFile ?? certFile} is encrypted`,
      'Decrypt it (`openssl pkey`): the gateway keeps it sealed.',
    )
  return { clientCertificate: `${certificates.join('\n')}\n`, clientKey: `${key}\n` }
}

/** As openstacksdk finds it: from the folder one is in, and with ~; besides, from the folder of the clouds.yaml. */
async function readPem(host: Host, entry: CloudEntry, folder: string, field: string, file: string): Promise<string> {
  const path = file.startsWith('~/') ? join(host.home, file.slice(2)) : file
  for (const candidate of [resolve(host.cwd, path), resolve(folder, path)]) {
    const text = await readFile(candidate, 'utf8').catch(() => undefined)
    if (text !== undefined) return text
  }
  throw invalid(entry, field, `${file} is not there, or can't be read`, 'Correct the path.')
}

function invalid(entry: CloudEntry, field: string, message: string, remedy: string): PcgError {
  const detail = problemAt(entry, field, message, remedy)
  return new PcgError('invalid', message, { subject: detail.subject, details: [detail] })
}

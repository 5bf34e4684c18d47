import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PcgError } from '../runtime/pcg-error.ts'
import type { Host } from './host.ts'
import { isObject } from './is-object.ts'

/** Which broker, as which tenant, with which key. */
export interface Context {
  /** `https://host:port`. */
  readonly server: string
  /** PEM of the authority that signed the broker's certificate; the public ones if absent. */
  readonly authority?: string
  readonly apiKey: string
  readonly tenant: string
  /** Where the server comes from, for messages. */
  readonly source: string
  readonly authoritySource: string
  readonly keySource: string
}

/** What the command line says about it. */
export interface ContextFlags {
  readonly config?: string
  readonly server?: string
  /** A PEM file. */
  readonly authority?: string
  readonly apiKeyFile?: string
  readonly tenant?: string
}

/** The context of the flags, PCG_CONFIG, ./.pcg/config.yaml or ~/.config/pcg/config.yaml, whichever is first; flags override single fields. */
export async function loadContext(host: Host, flags: ContextFlags): Promise<Context> {
  const file = await contextFile(host, flags)
  const apiKey = flags.apiKeyFile === undefined ? file?.apiKey : (await readKeyFile(host, flags.apiKeyFile)).trim()
  const server = flags.server ?? file?.server
  if (server === undefined || apiKey === undefined) throw noContext(host, flags)
  const authority =
    flags.authority === undefined ? file?.authority : await readAuthority(resolve(host.cwd, flags.authority))
  const source = flags.server === undefined ? (file?.source ?? '--server') : '--server'
  return {
    server: checkServer(server, source),
    apiKey,
    tenant: flags.tenant ?? file?.tenant ?? 'default',
    source,
    authoritySource: flags.authority === undefined ? (file?.source ?? '--authority') : '--authority',
    keySource: flags.apiKeyFile ?? file?.source ?? '--api-key-file',
    ...(authority === undefined ? {} : { authority }),
  }
}

async function contextFile(host: Host, flags: ContextFlags): Promise<Context | undefined> {
  const named = flags.config ?? (host.env.PCG_CONFIG || undefined)
  if (named !== undefined) return await readContext(resolve(host.cwd, named))
  if (flags.server !== undefined && flags.apiKeyFile !== undefined) return undefined
  for (const path of [join(host.cwd, '.pcg', 'config.yaml'), join(host.home, '.config', 'pcg', 'config.yaml')])
    if ((await stat(path).catch(() => undefined)) !== undefined) return await readContext(path)
  return undefined
}

/** Reads a context, from YAML or from the `admin.json` that a broker writes. */
export async function readContext(path: string): Promise<Context> {
  const text = await readPrivate(path, 'the context')
  const { parse } = await import('yaml')
  let value: unknown
  try {
    value = parse(text)
  } catch {
    throw new PcgError('invalid', 'is not valid YAML', { subject: path, remedy: CONTEXT_REMEDY })
  }
  const fields: Record<string, unknown> = isObject(value) ? value : {}
  const { server, apiKey, authority, tenant = 'default' } = fields
  if (typeof server !== 'string' || typeof apiKey !== 'string' || apiKey === '' || typeof tenant !== 'string')
    throw new PcgError('invalid', 'is no context: it has no server, no apiKey, or a tenant that is no name', {
      subject: path,
      remedy: CONTEXT_REMEDY,
    })
  return {
    server,
    apiKey,
    tenant,
    ...(typeof authority === 'string' ? { authority } : {}),
    source: path,
    authoritySource: path,
    keySource: path,
  }
}

const CONTEXT_REMEDY =
  'It needs server (https://host:port), authority (PEM), apiKey and tenant, as in the admin.json of a broker.'

async function readAuthority(path: string): Promise<string> {
  const text = await readText(path, '--authority')
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new PcgError('invalid', 'has no certificate (for --authority)', {
    subject: path,
    remedy: 'It must be PEM: -----BEGIN CERTIFICATE----- and so on.',
  })
}

async function readKeyFile(host: Host, path: string): Promise<string> {
  return await readPrivate(resolve(host.cwd, path), 'the API key')
}

/** Reads a file that holds a secret; refuses one that others may read. */
async function readPrivate(path: string, what: string): Promise<string> {
  const text = await readText(path, what)
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0)
    throw new PcgError('denied', `others on this machine may read ${what}, which is a secret`, {
      subject: path,
      remedy: `Run \`chmod 600 ${path}\`; if others use this machine, make a new key with \`pcg keys create\` as well.`,
    })
  return text
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw new PcgError('invalid', missing ? `there is no such file (for ${what})` : `can't be read (for ${what})`, {
      subject: path,
      cause,
    })
  }
}

function checkServer(server: string, source: string): string {
  const url = URL.parse(server)
  const loopback = url !== null && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return url.origin
  throw new PcgError('invalid', `the server must be like https://broker.example:8443, and is ${server}`, {
    subject: source,
  })
}

function noContext(host: Host, flags: ContextFlags): PcgError {
  if (flags.server !== undefined)
    return new PcgError('invalid', '--server needs --api-key-file as well', {
      remedy: 'Or name a context that has both with --config FILE.',
    })
  return new PcgError('invalid', "pcg doesn't know which broker to talk to", {
    details: [
      { subject: join(host.cwd, '.pcg', 'config.yaml'), message: 'is not there' },
      { subject: join(host.home, '.config', 'pcg', 'config.yaml'), message: 'is not there' },
      { subject: 'PCG_CONFIG', message: 'is not set' },
    ],
    remedy:
      'Start one here with `pcg quickstart`; or put the context of yours (the admin.json in its state folder) into one of these places.',
  })
}

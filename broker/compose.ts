/** The broker's composition root: everything that makes up one embedded broker, wired and started. */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { lockState } from '../runtime/state-lock.ts'
import { formatAddress, parseAddress } from '../tunnel/address.ts'
import { type CertificateAuthority, openAuthority } from '../tunnel/certificate-authority.ts'
import { type Endpoint, startEndpoint } from '../tunnel/endpoint.ts'
import { createJoinToken } from '../tunnel/join-token.ts'
import { readSecretFile, replaceSecretFile } from '../tunnel/secret-file.ts'
import { openServerCertificate, type ServerTls } from '../tunnel/server-certificate.ts'
import { startRotation } from '../tunnel/server-certificate-rotation.ts'
import { startApi } from './api/api.ts'
import { DesiredState } from './desired-state.ts'
import { Enrolment } from './enrolment.ts'
import { GatewayQuestions } from './gateway-questions.ts'
import { Items } from './items.ts'
import { SqliteLog } from './log/sqlite-log.ts'
import { ReportWriter } from './reports.ts'
import { Sessions } from './sessions.ts'
import { openStore } from './store/broker-store.ts'
import { CommandOutbox } from './store/command-outbox.ts'
import { newApiKey, type TenantStore } from './store/tenant-store.ts'

export interface BrokerOptions {
  /** Made if need be, readable by its owner only. */
  readonly stateDir: string
  /** Port 0: any free one. */
  readonly api: { readonly host: string; readonly port: number }
  readonly tunnel: { readonly host: string; readonly port: number }
  /** DNS names and addresses by which it is reached; the first is the one that it tells others. */
  readonly names: readonly string[]
  readonly log: Log
  readonly clock: Clock
  readonly heartbeatMs?: number
  /** Life of gateways' certificates. */
  readonly certificateDays?: number
  /** How long after its certificate's end a gateway may still renew it. */
  readonly graceDays?: number
}

export interface RunningBroker {
  /** `https://host:port` */
  readonly apiUrl: string
  /** `host:port` */
  readonly tunnelAddress: string
  /** What to trust for both, PEM. */
  readonly authorityPem: string
  /** Lets gateways go in an orderly way, answers what was asked, and writes everything down. */
  close(): Promise<void>
}

/** How the first admin gets in; what `admin.json` holds. */
export interface AdminAccess {
  /** `https://host:port` */
  readonly server: string
  /** PEM */
  readonly authority: string
  readonly apiKey: string
  readonly tenant: string
}

const DAY_MS = 86_400_000
export const DEFAULT_TENANT = 'default'
export const ADMIN_FILE = 'admin.json'

/** Starts a broker; what it had started already is let go again if something fails. */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const started: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const end of started.splice(0).toReversed()) await end()
  }
  try {
    return await start(options, (end) => started.push(end), close)
  } catch (cause) {
    await close().catch((failed) => options.log.error({ err: failed }, 'closing after a failed start failed as well'))
    throw cause
  }
}

/**
 * Makes a tenant in the broker's database, whether the broker runs or not; returns its admin key, which is shown nowhere else.
 * Throws `conflict` if the name is taken, `invalid` if it isn't one.
 */
export async function createTenant(stateDir: string, name: string, clock: Clock): Promise<string> {
  await ownFolder(stateDir)
  const store = openStore(databasePath(stateDir), clock)
  try {
    return await store.tenants.create(name)
  } finally {
    store.database.close()
  }
}

async function start(
  options: BrokerOptions,
  onClose: (end: () => Promise<void>) => void,
  close: () => Promise<void>,
): Promise<RunningBroker> {
  const { stateDir, clock, log, names } = options
  const name = names[0]
  if (name === undefined)
    throw new PcgError('invalid', 'the broker has no name', {
      subject: 'names',
      remedy: 'Give a DNS name or address by which gateways and users reach it.',
    })
  await ownFolder(stateDir)
  const unlock = lockState(stateDir, 'broker')
  onClose(async () => unlock())
  const authority = await openAuthority({ folder: join(stateDir, 'authority'), clock })
  const openTls = () => openServerCertificate({ folder: join(stateDir, 'server'), names, authority, clock })
  const tls = await openTls()

  const store = openStore(databasePath(stateDir), clock)
  onClose(async () => store.database.close())
  const messages = new SqliteLog({ db: store.database.db, commits: store.database.commits, clock })
  onClose(() => messages.close())
  const outbox = new CommandOutbox({ database: store.database, messages, clock, log })
  onClose(() => outbox.close())
  void outbox.drain()

  // Tokens, questions and removed gateways need the endpoint, which needs the records: all are used once both stand.
  let endpoint: Endpoint | undefined
  const desired = new DesiredState({
    store,
    outbox,
    clock,
    gatewayRemoved: (identity) => {
      sessions.fence(identity)
      endpoint?.disconnect(identity)
    },
  })
  const reports = new ReportWriter({ store, desired, log })
  const sessions = new Sessions({ store, messages, outbox, desired, reports, clock, log })
  await sessions.reset()

  const enrolment = new Enrolment({
    store,
    sessions,
    clock,
    makeToken: () => createJoinToken(tunnelAddress, authority.fingerprint),
    disconnect: (identity) => endpoint?.disconnect(identity),
  })
  const tunnel = await startTunnel(options, { tls, authority, sessions, enrolment })
  endpoint = tunnel
  onClose(() => tunnel.close())
  const tunnelAddress = formatAddress(name, parseAddress(tunnel.address).port)

  const items = new Items({ store, sessions })
  const questions = new GatewayQuestions({ store, desired, queries: tunnel })
  const api = await startApi({
    ...options.api,
    tls,
    version: packageJson.version,
    log,
    services: { store, desired, items, enrolment, questions, clock },
  })
  onClose(() => api.close())
  const renewed = (next: ServerTls): void => {
    tunnel.replaceCertificate(next)
    api.replaceCertificate(next)
  }
  onClose(startRotation({ open: openTls, current: tls, renewed, clock, log }))
  onClose(() => tunnel.drain('the broker is closing'))

  const apiUrl = `https://${formatAddress(name, api.port)}`
  await writeAccess(stateDir, store.tenants, { server: apiUrl, authority: authority.certificatePem })
  log.info({ api: apiUrl, tunnel: tunnelAddress }, 'broker started')
  return { apiUrl, tunnelAddress, authorityPem: authority.certificatePem, close }
}

function startTunnel(
  options: BrokerOptions,
  parts: { tls: ServerTls; authority: CertificateAuthority; sessions: Sessions; enrolment: Enrolment },
): Promise<Endpoint> {
  const { tunnel, log, clock, heartbeatMs, certificateDays, graceDays } = options
  return startEndpoint({
    ...tunnel,
    tls: parts.tls,
    authority: parts.authority,
    sessions: parts.sessions,
    records: parts.enrolment,
    log,
    clock,
    ...(heartbeatMs !== undefined && { heartbeatMs }),
    ...(certificateDays !== undefined && { certificateLifeMs: certificateDays * DAY_MS }),
    ...(graceDays !== undefined && { graceMs: graceDays * DAY_MS }),
  })
}

/** Writes down where the broker is reached, and how its first admin gets in. */
async function writeAccess(
  stateDir: string,
  tenants: TenantStore,
  entrance: Omit<AdminAccess, 'apiKey' | 'tenant'>,
): Promise<void> {
  const path = join(stateDir, ADMIN_FILE)
  const written = await readSecretFile(path)
  if (tenants.exists(DEFAULT_TENANT)) {
    // Its ports may be others than last time. The file may be gone: the operator took the key away.
    if (written !== null) await writeJson(path, { ...(JSON.parse(written) as AdminAccess), ...entrance })
    return
  }
  // The key is written down before it counts, so that a crash in between leaves nobody without one.
  const apiKey = newApiKey()
  await writeJson(path, { ...entrance, apiKey, tenant: DEFAULT_TENANT })
  await tenants.create(DEFAULT_TENANT, apiKey)
}

async function writeJson(path: string, content: AdminAccess): Promise<void> {
  await replaceSecretFile(path, `${JSON.stringify(content, null, 2)}\n`)
}

async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
}

function databasePath(stateDir: string): string {
  return join(stateDir, 'broker.db')
}

/** Wires the gateway's process together; nothing else knows all of its parts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Adapter } from '../adapters/adapter.ts'
import { credentialsOf } from '../adapters/openstack/account.ts'
import { createOpenstackAdapter } from '../adapters/openstack/adapter.ts'
import { createSandboxAdapter } from '../adapters/sandbox/adapter.ts'
import { SandboxCloud } from '../adapters/sandbox/cloud.ts'
import { changeOutside, type SandboxControl, serveControl } from '../adapters/sandbox/control.ts'
import { fileStore } from '../adapters/sandbox/store.ts'
import { createVsphereAdapter } from '../adapters/vsphere/adapter.ts'
import type { CloudAccount } from '../resources/cloud-account.ts'
import { createSealingKey, exportSealingKey, importSealingKey, open, type SealingKey } from '../resources/sealing.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { lockState } from '../runtime/state-lock.ts'
import { enrol } from '../tunnel/enrol.ts'
import { type GatewayIdentity, gatewayKey } from '../tunnel/identity.ts'
import { type IdentityStore, openIdentityStore } from '../tunnel/identity-store.ts'
import { startLink } from '../tunnel/link.ts'
import { makeSecretFolder, readSecretFile, replaceSecretFile } from '../tunnel/secret-file.ts'
import { shareSession } from './accounts/share-session.ts'
import { startPhoneHome } from './bootstrap/phone-home.ts'
import { Journal } from './journal/journal.ts'
import { Orchestrator } from './orchestrator.ts'
import { PhoneHomeJournal } from './phone-home-journal.ts'
import { QueryAnswers } from './queries/answer-queries.ts'
import type { Boundary } from './units/step-runner.ts'

export interface GatewayOptions {
  /** Where all of its state lies; made with mode 0700. */
  readonly stateDir: string
  /** A join token: needed until the gateway is enrolled, and ignored afterwards. */
  readonly token?: string
  /** Where machines phone home to; `advertise` is how they reach it, if not by its own address. */
  readonly phoneHome: { readonly host: string; readonly port: number; readonly advertise?: string }
  readonly log: Log
  readonly clock: Clock
  /** Ends the enrolment, should it take too long. */
  readonly signal: AbortSignal
  /** Called before and after each intent, call and token. */
  readonly boundary?: Boundary
}

export interface RunningGateway {
  readonly identity: GatewayIdentity
  readonly phoneHomeUrl: string
  close(): Promise<void>
}

/** Starts a gateway; resolves when it reconciles. Throws `unauthenticated` if it is neither enrolled nor has a token, `conflict` if another gateway has its folder. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { stateDir } = options
  await makeSecretFolder(stateDir)
  const unlock = lockState(stateDir, 'gateway')
  try {
    return await startLocked(options, unlock)
  } catch (cause) {
    unlock()
    throw cause
  }
}

async function startLocked(options: GatewayOptions, unlock: () => void): Promise<RunningGateway> {
  const { stateDir, clock, log } = options
  const version = productVersion()
  const sealingKey = await openSealingKey(join(stateDir, 'sealing.key'))
  const identityStore = openIdentityStore(join(stateDir, 'identity'))
  const identity = await identify(identityStore, sealingKey, version, options)
  const journal = Journal.open(join(stateDir, 'state.db'), clock)
  const sandboxes = new Sandboxes(stateDir, clock, log)

  // The server needs somebody to take reports before the orchestrator, which needs the server's address, is there.
  const intake = Promise.withResolvers<PhoneHomeJournal>()
  const phoneHome = await startPhoneHome({
    ...options.phoneHome,
    folder: join(stateDir, 'phone-home'),
    sink: {
      report: async (...report) => (await intake.promise).report(...report),
      joinWanted: async (...asked) => (await intake.promise).joinWanted(...asked),
      left: async (...report) => (await intake.promise).left(...report),
    },
    log,
    clock,
  })
  const orchestrator = new Orchestrator({
    journal,
    owner: gatewayKey(identity),
    createAdapter: (account) => createAdapter(account, { identity, sealingKey, sandboxes, clock, log }),
    shareSession: (a, b) => shareSession(a, b, (name, sealed) => unsealed(name, sealed, { identity, sealingKey })),
    phoneHome,
    boundary: options.boundary ?? (() => undefined),
    clock,
    log,
  })
  const { changes, departures } = orchestrator
  intake.resolve(
    new PhoneHomeJournal({
      journal,
      changes,
      departures,
      machineChanged: (uid) => orchestrator.machineChanged(uid),
      clock,
    }),
  )
  orchestrator.start()
  const link = startLink({
    identityStore,
    inbox: journal,
    outbox: journal.outbox,
    answers: new QueryAnswers(journal, orchestrator),
    sealingKey: sealingKey.publicKey,
    version,
    log,
    clock,
    onState: (state) => log.info({ tunnel: state }, 'tunnel state'),
  })
  return {
    identity,
    phoneHomeUrl: phoneHome.url,
    async close() {
      await link.close()
      await orchestrator.close()
      await phoneHome.close()
      await sandboxes.close()
      journal.close()
      unlock()
    },
  }
}

/** Changes a sandbox behind its gateway's back: `power-off NAME`, `remove NAME` or `resize NAME CPUS`. Throws in the sandbox's words. */
export function changeSandbox(stateDir: string, account: string, change: string): Promise<void> {
  return changeOutside(controlPath(stateDir, account), change)
}

async function identify(
  store: IdentityStore,
  sealingKey: SealingKey,
  version: string,
  options: GatewayOptions,
): Promise<GatewayIdentity> {
  const credentials = await store.read()
  if (credentials !== null) return credentials.identity
  const { token, signal, clock } = options
  if (token === undefined)
    throw new PcgError('unauthenticated', 'this gateway is not enrolled yet', {
      subject: options.stateDir,
      remedy: 'make a one-time token with `pcg enroll GATEWAY`, and start the gateway with it',
    })
  return enrol({ token, identityStore: store, sealingKey: sealingKey.publicKey, version, signal, clock })
}

async function openSealingKey(path: string): Promise<SealingKey> {
  const stored = await readSecretFile(path)
  if (stored !== null) return importSealingKey(stored)
  const fresh = await createSealingKey()
  await replaceSecretFile(path, await exportSealingKey(fresh))
  return fresh
}

interface AdapterParts {
  readonly identity: GatewayIdentity
  readonly sealingKey: SealingKey
  readonly sandboxes: Sandboxes
  readonly clock: Clock
  readonly log: Log
}

async function createAdapter(account: CloudAccount, parts: AdapterParts): Promise<Adapter> {
  const { sandboxes, clock, log } = parts
  const { name } = account.metadata
  switch (account.spec.cloud) {
    case 'sandbox':
      return createSandboxAdapter(account.spec, { cloud: await sandboxes.cloud(name), clock, log })
    case 'vsphere': {
      const { username, password } = await unsealed(name, account.spec.sealed, parts)
      if (username === undefined || password === undefined)
        throw new PcgError('invalid', 'the sealed credentials have no username or no password', {
          subject: `account ${name}`,
          remedy: 'seal both with `pcg secret seal`, and apply the account again',
        })
      return createVsphereAdapter(account.spec, { username, password }, { clock, log })
    }
    case 'openstack': {
      const credentials = credentialsOf(await unsealed(name, account.spec.sealed, parts))
      return createOpenstackAdapter(account.spec, credentials, { clock, log })
    }
    default:
      return account.spec satisfies never
  }
}

type SealingParts = Pick<AdapterParts, 'identity' | 'sealingKey'>

/** Throws `invalid` if the credentials weren't sealed to this gateway and account. */
function unsealed(
  account: string,
  sealed: string,
  { identity, sealingKey }: SealingParts,
): Promise<Readonly<Record<string, string>>> {
  return open(sealingKey, sealed, { ...identity, account })
}

/** The sandbox clouds, one for each account; their VMs outlive the gateway's process as real ones do. */
class Sandboxes {
  readonly #stateDir: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #open = new Map<string, { readonly cloud: SandboxCloud; readonly control: SandboxControl }>()

  constructor(stateDir: string, clock: Clock, log: Log) {
    this.#stateDir = stateDir
    this.#clock = clock
    this.#log = log
  }

  async cloud(account: string): Promise<SandboxCloud> {
    const known = this.#open.get(account)
    if (known !== undefined) return known.cloud
    const store = fileStore(join(this.#stateDir, `sandbox-${account}.db`))
    const cloud = new SandboxCloud({ clock: this.#clock, log: this.#log }, store)
    const control = await serveControl(cloud, controlPath(this.#stateDir, account))
    this.#open.set(account, { cloud, control })
    return cloud
  }

  async close(): Promise<void> {
    for (const { cloud, control } of this.#open.values()) {
      await control.close()
      await cloud.close()
    }
  }
}

function controlPath(stateDir: string, account: string): string {
  return join(stateDir, `sandbox-${account}.sock`)
}

function productVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return manifest.version
}

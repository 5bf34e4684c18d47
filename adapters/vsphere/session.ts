/**
 * One session with a vCenter for everything that the adapter does.
 *
 * Invariants
 * 1. At most one login is under way; every caller waits for that one.
 * 2. After vCenter refused the credentials nothing is sent any more: trying again would lock the account.
 * 3. A call that finds the session gone is repeated once, after one login that all who found the same share.
 * 4. A caller's signal ends its waiting, never the login that others wait for.
 */
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { abortable, cancelled, throwIfAborted } from './abortable.ts'
import { type BulkChannel, bulkChannel } from './bulk-channel.ts'
import { type MoRef, soapRef } from './moref.ts'
import { field, list, ref, text } from './soap-value.ts'
import { Transport } from './transport.ts'
import type { Endpoint, Trust } from './trusted-agent.ts'
import { type CallOptions, VimClient } from './vim-client.ts'
import { faultError, faultOf, localizedFault } from './vim-fault.ts'

/** vCenter ends a session that is idle for 30 minutes. */
const KEEP_ALIVE_MS = 10 * 60_000
const LOGOUT_TIMEOUT_MS = 5_000
export const SERVICE_INSTANCE: MoRef = { type: 'ServiceInstance', value: 'ServiceInstance' }

export interface VsphereCredentials {
  readonly username: string
  readonly password: string
}

export interface About {
  readonly fullName: string
  readonly apiVersion: string
  /** Tells this vCenter from every other. */
  readonly instanceUuid: string
}

/** vCenter's own singletons. */
export interface ServiceContent {
  readonly about: About
  readonly rootFolder: MoRef
  readonly propertyCollector: MoRef
  readonly viewManager: MoRef
  readonly sessionManager: MoRef
  readonly authorizationManager: MoRef
  readonly customFieldsManager: MoRef
  readonly taskManager: MoRef
  readonly searchIndex: MoRef
}

export interface LoggedIn {
  /** Grows with each login: whatever was made in an older session is gone. */
  readonly epoch: number
  readonly key: string
  /** As vCenter writes it, `DOMAIN\user`. */
  readonly userName: string
  readonly content: ServiceContent
}

export interface SessionOptions {
  readonly client: VimClient
  readonly transport: Transport
  readonly credentials: VsphereCredentials
  readonly clock: Clock
  readonly log: Log
}

/** Nothing is sent before it is first used. */
export function openSession(
  endpoint: Endpoint,
  trust: Trust,
  credentials: VsphereCredentials,
  { clock, log }: Pick<SessionOptions, 'clock' | 'log'>,
): Session {
  const transport = new Transport(endpoint, trust)
  return new Session({ client: new VimClient(transport), transport, credentials, clock, log })
}

export class Session {
  readonly #options: SessionOptions
  readonly #closing = new AbortController()
  #login: Promise<LoggedIn> | undefined
  /** What `#login` came to. */
  #loggedIn: LoggedIn | undefined
  #epoch = 0
  /** Why no request may be sent any more (invariant 2). */
  #refused: PcgError | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Logs in if nobody has yet. */
  current(signal: AbortSignal): Promise<LoggedIn> {
    if (this.#refused !== undefined) return Promise.reject(this.#refused)
    this.#login ??= this.#logIn()
    return abortable(this.#login, signal)
  }

  /** A call that changes nothing: tried once more where its reply was lost. */
  read(operation: string, on: MoRef, args: object, options: CallOptions): Promise<unknown> {
    return repeatable(options.signal, () => this.act(operation, on, args, options))
  }

  /** Many calls that change nothing, with answers that are parsed as they come in; as `read`, all of them are tried once more. */
  readInBulk<T>(signal: AbortSignal, work: (channel: BulkChannel, content: ServiceContent) => Promise<T>): Promise<T> {
    const channel = bulkChannel(this.#options.transport)
    return repeatable(signal, () => this.#loggedInto(signal, ({ content }) => work(channel, content)))
  }

  /** A call that may change something: `interrupted` says that its reply was lost and that it may have been done. */
  act(operation: string, on: MoRef, args: object, options: CallOptions): Promise<unknown> {
    return this.#loggedInto(options.signal, () => this.#send(operation, on, args, options))
  }

  /** Logs out, as far as vCenter can be reached. */
  async close(): Promise<void> {
    this.#closing.abort()
    const open = await this.#login?.catch(() => undefined)
    const { client, transport, log } = this.#options
    if (open !== undefined) {
      const signal = AbortSignal.timeout(LOGOUT_TIMEOUT_MS)
      await client
        .call('Logout', { _this: soapRef(open.content.sessionManager) }, { signal })
        .catch((err: unknown) => log.debug({ err }, 'logout failed'))
    }
    transport.close()
  }

  async #loggedInto<T>(signal: AbortSignal, work: (open: LoggedIn) => Promise<T>): Promise<T> {
    const used = await this.current(signal)
    try {
      return await work(used)
    } catch (error) {
      if (faultOf(error)?.type !== 'NotAuthenticated') throw error
      this.#expire(used)
      return work(await this.current(signal))
    }
  }

  async #send(operation: string, on: MoRef, args: object, options: CallOptions): Promise<unknown> {
    const answer = await this.#options.client.call(operation, { _this: soapRef(on), ...args }, options)
    for (const object of list(answer, 'objects')) {
      // Without a session vCenter may give objects with nothing in them, which would read as "not there".
      for (const missing of list(object, 'missingSet')) {
        const fault = localizedFault(field(missing, 'fault'))
        if (fault.type === 'NotAuthenticated') throw faultError('internal', fault.message, fault)
      }
    }
    return answer
  }

  #expire(used: LoggedIn): void {
    if (this.#loggedIn !== used) return
    this.#loggedIn = undefined
    this.#login = undefined
  }

  #logIn(): Promise<LoggedIn> {
    const login = this.#tryLogin()
    login.then(
      (open) => {
        this.#loggedIn = open
        void this.#keepAlive(open)
      },
      () => {
        if (this.#login === login) this.#login = undefined
      },
    )
    return login
  }

  async #tryLogin(): Promise<LoggedIn> {
    const { client, transport, credentials, log } = this.#options
    const signal = this.#closing.signal
    if (signal.aborted) throw cancelled(signal)
    transport.forgetSession()
    const content = readContent(
      await client.call('RetrieveServiceContent', { _this: soapRef(SERVICE_INSTANCE) }, { signal }),
    )
    const args = { userName: credentials.username, password: credentials.password, locale: 'en_US' }
    try {
      const user = await client.call('Login', { _this: soapRef(content.sessionManager), ...args }, { signal })
      this.#epoch += 1
      log.info({ vcenter: content.about.fullName, epoch: this.#epoch }, 'logged in to vCenter')
      const userName = text(user, 'userName') ?? credentials.username
      return { epoch: this.#epoch, key: text(user, 'key') ?? '', userName, content }
    } catch (error) {
      const fault = faultOf(error)
      if (fault?.type !== 'InvalidLogin' && fault?.type !== 'NoPermission' && fault?.type !== 'PasswordExpired')
        throw error
      this.#refused = faultError(
        'credentials',
        `vCenter ${transport.endpoint.host} refused the login of ${credentials.username}: ${fault.message}`,
        fault,
        {
          subject: 'spec.sealed',
          remedy: 'Seal the right user and password (`pcg secret seal`) and apply the account again.',
        },
      )
      throw this.#refused
    }
  }

  async #keepAlive(open: LoggedIn): Promise<void> {
    const { clock, log } = this.#options
    const signal = this.#closing.signal
    while (!signal.aborted && this.#loggedIn === open) {
      try {
        await clock.sleep(KEEP_ALIVE_MS, signal)
        if (this.#loggedIn === open) await this.read('CurrentTime', SERVICE_INSTANCE, {}, { signal })
      } catch (err) {
        if (signal.aborted) return
        log.debug({ err }, 'keep-alive failed')
      }
    }
  }
}

async function repeatable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isInterrupted(error)) throw error
    throwIfAborted(signal)
    return await work().catch((again: unknown) => {
      throw isInterrupted(again) ? new PcgError('unavailable', again.message, { cause: again }) : again
    })
  }
}

function isInterrupted(error: unknown): error is PcgError {
  return error instanceof PcgError && error.code === 'interrupted'
}

function readContent(answer: unknown): ServiceContent {
  const manager = (name: string): MoRef => {
    const found = ref(answer, name)
    if (found === undefined)
      throw new PcgError('invalid', `this server has no ${name}: it is not a vCenter`, { subject: 'spec.server' })
    return found
  }
  return {
    about: {
      fullName: text(answer, 'about', 'fullName') ?? 'vCenter',
      apiVersion: text(answer, 'about', 'apiVersion') ?? '0',
      instanceUuid: text(answer, 'about', 'instanceUuid') ?? '',
    },
    rootFolder: manager('rootFolder'),
    propertyCollector: manager('propertyCollector'),
    viewManager: manager('viewManager'),
    sessionManager: manager('sessionManager'),
    authorizationManager: manager('authorizationManager'),
    customFieldsManager: manager('customFieldsManager'),
    taskManager: manager('taskManager'),
    searchIndex: manager('searchIndex'),
  }
}

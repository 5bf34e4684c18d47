/**
 * One token for everything that one set of credentials does.
 *
 * Invariants
 * 1. At most one request for a token is under way; every caller waits for that one.
 * 2. After keystone refused the credentials nothing is sent any more: trying again would lock the account. For the same reason a
 *    request for a token whose answer was lost is not repeated by itself.
 * 3. A token that a service refused is replaced once, for all who found the same.
 * 4. A caller's signal ends its waiting, never the request that others wait for.
 */
import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { authRequest } from './auth-request.ts'
import { abortable, cancelled } from './cancellation.ts'
import { type OpenstackCredentials, secretsOf } from './credentials.ts'
import type { CloudOptions } from './endpoint-options.ts'
import { keystoneUrl } from './endpoint-url.ts'
import { decodeJson } from './json-answer.ts'
import { faultError, faultOf, readFault } from './openstack-fault.ts'
import { isTransient, persist } from './retry.ts'
import { readToken, type Token } from './token.ts'
import type { Transport } from './transport.ts'

/** Long enough for a request that was just begun to be answered. */
const RENEW_BEFORE_EXPIRY_MS = 60_000

export interface SessionOptions {
  readonly cloud: Pick<CloudOptions, 'authUrl' | 'scope'>
  readonly credentials: OpenstackCredentials
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Log
  readonly random: (() => number) | undefined
}

export class Session {
  readonly #options: SessionOptions
  #token: Token | undefined
  #request: Promise<Token> | undefined
  /** Why no request may be sent any more (invariant 2). */
  #refused: PcgError | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /**
   * A token that lives for this long yet, as far as it can be renewed.
   * @param lifeMs what the caller is about to do may take longer than usual
   */
  token(signal: AbortSignal, lifeMs: number = RENEW_BEFORE_EXPIRY_MS): Promise<Token> {
    const { transport } = this.#options
    if (this.#refused !== undefined) return Promise.reject(this.#refused)
    if (transport.closing.aborted) return Promise.reject(cancelled(transport.closing))
    if (this.#token !== undefined && !this.#isDue(this.#token, lifeMs)) return Promise.resolve(this.#token)
    this.#request ??= this.#renew()
    return abortable(this.#request, signal)
  }

  /** A service refused it (invariant 3). */
  expire(token: Token): void {
    if (this.#token === token) this.#token = undefined
  }

  #isDue(token: Token, lifeMs: number): boolean {
    const left = token.expiresAtMs - this.#options.clock.now()
    // A token that was made from a token ends with it: a new one wouldn't live longer.
    return left <= (this.#options.credentials.type === 'token' ? 0 : lifeMs)
  }

  async #renew(): Promise<Token> {
    try {
      this.#token = await this.#ask()
      return this.#token
    } catch (err) {
      const { log, clock } = this.#options
      const old = this.#token
      if (old === undefined || this.#refused !== undefined || old.expiresAtMs <= clock.now()) throw err
      log.warn({ err, expiresAt: old.expiresAt }, 'the token was not renewed; the old one is used while it lasts')
      return old
    } finally {
      this.#request = undefined
    }
  }

  async #ask(): Promise<Token> {
    const { transport, clock, random, log, cloud } = this.#options
    const token = await persist(() => this.#askOnce(), {
      clock,
      random,
      signals: [transport.closing],
      mayRetry: (error) => isTransient(error) && error.code !== 'interrupted',
      onRetry: ({ message }, delayMs) => log.debug({ reason: message, delayMs }, 'no token yet; trying again'),
    })
    const { user, project, expiresAt } = token
    log.info({ keystone: cloud.authUrl, user: user.name, project: project?.name, expiresAt }, 'got a token')
    return token
  }

  async #askOnce(): Promise<Token> {
    const { cloud, credentials, transport, clock } = this.#options
    const to = 'keystone'
    const url = `${keystoneUrl(cloud.authUrl)}/auth/tokens`
    const reply = await transport.send({
      to,
      subject: 'spec.authUrl',
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(authRequest(credentials, cloud.scope)),
      signal: transport.closing,
    })
    const asked = { method: 'POST', path: new URL(url).pathname, secrets: secretsOf(credentials) } as const
    if (reply.status !== 201 && reply.status !== 200) {
      const error = faultError(to, readFault(reply, asked, clock.now()))
      throw reply.status === 401 ? this.#refuse(error) : error
    }
    return readToken(reply.header('x-subject-token'), decodeJson(to, 'POST', asked.path, reply), clock.now())
  }

  #refuse(error: PcgError): PcgError {
    const { cloud, credentials } = this.#options
    const fault = faultOf(error)
    this.#refused = new PcgError(
      'credentials',
      `keystone ${cloud.authUrl} refused ${nameOf(credentials)}: ${fault?.message ?? error.message}`,
      {
        cause: error.cause,
        subject: 'spec.sealed',
        remedy: `Seal the right credentials (\`pcg secret seal\`), check spec.scope, and apply the account again.`,
      },
    )
    return this.#refused
  }
}

function nameOf(credentials: OpenstackCredentials): string {
  switch (credentials.type) {
    case 'password':
      return `the password of user ${credentials.username ?? credentials.userId}`
    case 'application-credential':
      return `the application credential ${credentials.name ?? credentials.id}`
    case 'token':
      return 'the token'
  }
}

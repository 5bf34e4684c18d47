/**
 * Join tokens and certificates.
 *
 * Invariants
 * 1. A token is stored as its SHA-256 only, counts for one key and until its end, and only for its gateway.
 * 2. Enrolling makes every earlier certificate of the gateway void; renewing leaves the earlier one valid until the newer one is used,
 *    since the reply that brings it may be lost.
 * 3. The reply to an enrolment may be lost as well: until the token's end the same key may ask by it again, as long as nothing else
 *    enrolled the gateway since.
 */
import { type Clock, timestamp } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { EnrolmentRecords } from '../tunnel/endpoint-ports.ts'
import type { GatewayIdentity } from '../tunnel/identity.ts'
import { hashJoinToken } from '../tunnel/join-token.ts'
import { refuseCertificate } from './certificates.ts'
import { notFound } from './desired-state.ts'
import { noteGateway, type Sessions } from './sessions.ts'
import type { BrokerStore } from './store/broker-store.ts'

export const TOKEN_DEFAULT_SECONDS = 3_600
export const TOKEN_MAX_SECONDS = 7 * 86_400
/** How long a spent or expired token can be told from one that never was. */
const TOKEN_MEMORY_MS = 30 * 86_400_000

export interface EnrolmentOptions {
  readonly store: BrokerStore
  readonly sessions: Sessions
  readonly clock: Clock
  /** A new token for its reader: where to dial, a fresh secret, and what proves the broker. */
  readonly makeToken: () => string
  /** Ends the gateway's connections. */
  readonly disconnect: (identity: GatewayIdentity) => void
}

export class Enrolment implements EnrolmentRecords {
  readonly #options: EnrolmentOptions

  constructor(options: EnrolmentOptions) {
    this.#options = options
  }

  /** A one-time token for a gateway that exists; throws `not-found` otherwise. */
  async createToken(identity: GatewayIdentity, ttlSeconds: number): Promise<{ token: string; expiresAt: string }> {
    const { store, clock, makeToken } = this.#options
    const token = makeToken()
    const expiresMs = clock.now() + ttlSeconds * 1_000
    await store.database.write(() => {
      if (store.gateways.get(identity) === undefined) throw notFound({ kind: 'Gateway', name: identity.gateway })
      store.gateways.dropOldTokens(clock.now() - TOKEN_MEMORY_MS)
      store.gateways.addToken(hashJoinToken(token), identity, expiresMs)
    })
    return { token, expiresAt: new Date(expiresMs).toISOString() }
  }

  /** From now on none of the gateway's certificates, tokens or connections counts. */
  async revoke(identity: GatewayIdentity): Promise<void> {
    const { store, sessions, clock, disconnect } = this.#options
    await store.database.write(() => {
      if (store.gateways.get(identity) === undefined) throw notFound({ kind: 'Gateway', name: identity.gateway })
      store.gateways.revoke(identity)
      noteGateway(store, identity, {
        severity: 'warning',
        reason: 'Revoked',
        message: 'its certificates and join tokens no longer count',
        time: timestamp(clock),
      })
    })
    sessions.fence(identity)
    disconnect(identity)
  }

  async redeem(token: string, serial: string, sealingKey: Uint8Array, keyHash: string): Promise<GatewayIdentity> {
    const { store, clock } = this.#options
    const hash = hashJoinToken(token)
    return store.database.write(() => {
      const now = clock.now()
      const found = store.gateways.token(hash)
      if (found === undefined) throw refusedToken('is not known here', 'Check that it was copied as a whole')
      const again = found.spentMs !== null
      if (again && found.keyHash !== keyHash)
        throw refusedToken('was used already; each enrols one gateway once', 'Check nobody else used it')
      if (found.expiresMs <= now) throw refusedToken(`expired at ${new Date(found.expiresMs).toISOString()}`)
      const identity: GatewayIdentity = { tenant: found.tenant, gateway: found.gateway }
      store.gateways.spendToken(hash, identity, keyHash, now)
      store.gateways.enrol(identity, serial, Buffer.from(sealingKey).toString('base64'))
      noteGateway(store, identity, {
        severity: 'info',
        reason: 'Enrolled',
        message: `enrolled by a join token${again ? ', again with the same key' : ''}; earlier certificates no longer count`,
        time: timestamp(clock),
      })
      return identity
    })
  }

  async renewed(identity: GatewayIdentity, oldSerial: string, newSerial: string): Promise<void> {
    const { store } = this.#options
    await store.database.write(() => {
      refuseCertificate(store.gateways, identity, oldSerial)
      store.gateways.addSerial(identity, newSerial)
    })
  }
}

function refusedToken(what: string, hint?: string): PcgError {
  const anew = 'make a new one with `pcg enroll GATEWAY` or `POST /v1/gateways/{name}/token`'
  return new PcgError('unauthenticated', `the join token ${what}`, {
    subject: 'token',
    remedy: hint === undefined ? `Please ${anew}.` : `${hint}, or ${anew}.`,
  })
}

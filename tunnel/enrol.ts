/** How the gateway gets its certificate, and a new one in time. */
import type { X509Certificate } from 'node:crypto'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { createCertificateRequest } from './certificate-request.ts'
import { dial } from './dial.ts'
import { EnrollmentService } from './gen/pcg/tunnel/v1/tunnel.ts'
import { type Channel, openChannel } from './grpc-channel.ts'
import { type GatewayIdentity, gatewayKey } from './identity.ts'
import type { Credentials, IdentityStore } from './identity-store.ts'
import { parseJoinToken } from './join-token.ts'
import { certificatesOf, fingerprintOf, verifyBroker } from './peer-verification.ts'
import { DIAL_TIMEOUT_MS } from './protocol.ts'
import type { ReceivedError } from './wire-error.ts'

export interface EnrolOptions {
  /** As it was shown to the person who made it. */
  readonly token: string
  readonly identityStore: IdentityStore
  /** The gateway's HPKE public key, raw. */
  readonly sealingKey: Uint8Array
  readonly version: string
  readonly signal: AbortSignal
  readonly clock?: Clock
}

/**
 * Trades the token for a certificate and stores it. The token's fingerprint authenticates the broker before the token
 * is sent. Throws what the broker says of the token, or why it could not be reached; the key on disk survives all.
 */
export async function enrol(options: EnrolOptions): Promise<GatewayIdentity> {
  const { identityStore, sealingKey, version, signal, clock = systemClock } = options
  const token = parseJoinToken(options.token)
  const csr = await createCertificateRequest(await identityStore.key(), null)
  const socket = await dial({
    address: token.address,
    client: null,
    verify: (chain, host) => verifyByFingerprint(chain, host, token.fingerprint, clock.now()),
    timeoutMs: DIAL_TIMEOUT_MS,
    signal,
  })
  const result = await during(openChannel(socket, token.address), signal, (channel) =>
    channel.call(EnrollmentService.enroll, {
      token: options.token.trim(),
      csr,
      sealingKey: Buffer.from(sealingKey),
      version,
    }),
  )
  if (!result.ok) throw result.error
  const { response } = result
  if (!certificatesOf(response.authorities).some((authority) => fingerprintOf(authority) === token.fingerprint)) {
    throw new PcgError('unauthenticated', "the broker's answer does not name the authority that the token is of")
  }
  const stored = await identityStore.store({
    chainPem: response.certificateChain,
    authoritiesPem: response.authorities,
    broker: token.address,
  })
  const told: GatewayIdentity = { tenant: response.tenant, gateway: response.gateway }
  if (gatewayKey(stored.identity) !== gatewayKey(told)) {
    throw new PcgError(
      'internal',
      `the certificate names ${gatewayKey(stored.identity)}, the broker ${gatewayKey(told)}`,
    )
  }
  return stored.identity
}

export type Renewal =
  | { readonly ok: true; readonly credentials: Credentials }
  /** The broker's answer was no. */
  | ({ readonly ok: false } & ReceivedError)

/**
 * Trades the certificate on disk, good or within its grace, for a new one on the same key; stores and gives it.
 * Throws where the broker could not be asked, or its certificate not be stored.
 */
export async function renew(options: {
  readonly credentials: Credentials
  readonly identityStore: IdentityStore
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}): Promise<Renewal> {
  const { credentials, identityStore, signal } = options
  const csr = await createCertificateRequest(credentials.keyPem, credentials.identity)
  const socket = await dialBroker({ ...options, credentials })
  const result = await during(openChannel(socket, credentials.broker), signal, (channel) =>
    channel.call(EnrollmentService.renew, { csr }),
  )
  if (!result.ok) return result
  const renewed = await identityStore.store({
    chainPem: result.response.certificateChain,
    authoritiesPem: result.response.authorities,
    broker: credentials.broker,
  })
  return { ok: true, credentials: renewed }
}

/** A verified connection to our broker, showing our certificate. */
export function dialBroker(options: {
  readonly credentials: Credentials
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}): ReturnType<typeof dial> {
  const { credentials, clock } = options
  const authorities = certificatesOf(credentials.authoritiesPem)
  return dial({
    address: credentials.broker,
    client: credentials,
    verify: ([leaf], host) => verifyBroker(leaf, { authorities, host, nowMs: clock.now() }),
    timeoutMs: options.timeoutMs,
    signal: options.signal,
  })
}

function verifyByFingerprint(
  chain: readonly X509Certificate[],
  host: string,
  fingerprint: string,
  nowMs: number,
): void {
  const [leaf, ...issuers] = chain
  const authority = issuers.find((issuer) => fingerprintOf(issuer) === fingerprint)
  if (authority === undefined) {
    throw new PcgError('unauthenticated', `${host} is not the broker that the join token is of`, {
      subject: 'join token',
      remedy:
        'If a proxy in between inspects TLS, exempt the broker’s address from it; if the broker was set up anew, make a new token there.',
    })
  }
  verifyBroker(leaf, { authorities: [authority], host, nowMs })
}

/** Runs one call on the channel, which is closed after it, and at once when `signal` aborts. */
async function during<T>(channel: Channel, signal: AbortSignal, work: (channel: Channel) => Promise<T>): Promise<T> {
  const onAbort = (): void => channel.close()
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    return await work(channel)
  } finally {
    signal.removeEventListener('abort', onAbort)
    channel.close()
  }
}

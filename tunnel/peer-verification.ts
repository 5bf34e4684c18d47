/**
 * Who is at the other end, decided from its certificate by the clock that is handed in.
 * Our chains are one step long (authority → leaf), so the whole check is here: signature, issuer, usage, name, life.
 * The TLS handshake itself has proved that the peer holds the certificate's key.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { PcgError } from '../runtime/pcg-error.ts'
import { type GatewayIdentity, parseIdentityUri } from './identity.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Every certificate of a PEM bundle, in its order. Throws where one can't be read. */
export function certificatesOf(pem: string): X509Certificate[] {
  return (pem.match(PEM_BLOCK) ?? []).map((block) => new X509Certificate(block))
}

/** SHA-256 of the DER, hex. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex')
}

/** Lower-case hex without leading zeros. */
export function serialOf(certificate: X509Certificate): string {
  return certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, '')
}

export function isIssuedBy(leaf: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some(
    (authority) => authority.ca && leaf.checkIssued(authority) && leaf.verify(authority.publicKey),
  )
}

/** Whether the certificate is for this DNS name or IP address. */
export function checkServerName(leaf: X509Certificate, name: string): boolean {
  const match = isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) : leaf.checkIP(name)
  return match !== undefined
}

export interface KnownPeer {
  readonly kind: 'known'
  readonly identity: GatewayIdentity
  readonly serial: string
  readonly endsMs: number
  readonly beginsMs: number
  /** SPKI, DER. */
  readonly publicKey: Buffer
}

/** What a connection's certificate says, before any look at the time. */
export type PeerStanding =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'foreign'; readonly why: string }
  | KnownPeer

export function standingOf(leaf: X509Certificate | undefined, authorities: readonly X509Certificate[]): PeerStanding {
  if (leaf === undefined) return { kind: 'anonymous' }
  if (!isIssuedBy(leaf, authorities)) {
    return { kind: 'foreign', why: `it was issued by "${oneLine(leaf.issuer)}", not by this broker's authority` }
  }
  if (!usagesOf(leaf).includes(CLIENT_AUTH)) return { kind: 'foreign', why: "it is not a gateway's" }
  const [, uri] = /^URI:([^,"]+)$/.exec(leaf.subjectAltName ?? '') ?? []
  if (uri === undefined) return { kind: 'foreign', why: 'it names no gateway' }
  let identity: GatewayIdentity
  try {
    identity = parseIdentityUri(uri)
  } catch {
    return { kind: 'foreign', why: 'it names no gateway' }
  }
  return {
    kind: 'known',
    identity,
    serial: serialOf(leaf),
    beginsMs: leaf.validFromDate.getTime(),
    endsMs: leaf.validToDate.getTime(),
    publicKey: leaf.publicKey.export({ format: 'der', type: 'spki' }),
  }
}

/**
 * The peer, if its certificate counts at `nowMs` or ended at most `graceMs` ago.
 * Throws `unauthenticated` that says why not, and what helps.
 */
export function requireKnown(standing: PeerStanding, nowMs: number, graceMs: number): KnownPeer {
  switch (standing.kind) {
    case 'anonymous':
      throw unauthenticated('the gateway presented no certificate', ENROL)
    case 'foreign':
      throw unauthenticated(`the gateway's certificate is refused: ${standing.why}`, ENROL)
    case 'known': {
      if (nowMs < standing.beginsMs) {
        throw unauthenticated(
          `the gateway's certificate counts from ${iso(standing.beginsMs)} only; the broker's clock says ${iso(nowMs)}`,
          "Set the broker's clock.",
        )
      }
      if (nowMs > standing.endsMs + graceMs) {
        const ended = `the gateway's certificate ended at ${iso(standing.endsMs)}`
        if (graceMs === 0) throw unauthenticated(ended, 'The gateway renews it by itself within the grace period.')
        throw unauthenticated(`${ended}, longer ago than the grace period of ${days(graceMs)} allows`, ENROL)
      }
      return standing
    }
  }
}

const ENROL = 'Make a new join token for this gateway and enrol it again.'

export interface BrokerCheck {
  readonly authorities: readonly X509Certificate[]
  /** The DNS name or IP address that was dialled. */
  readonly host: string
  readonly nowMs: number
}

/** Throws `unauthenticated` unless the certificate is our broker's, with the likeliest cause and its remedy. */
export function verifyBroker(leaf: X509Certificate | undefined, check: BrokerCheck): void {
  const { host, nowMs } = check
  if (leaf === undefined) {
    throw unauthenticated(`${host} presented no certificate`, "Check that the address is the broker's tunnel port.")
  }
  if (!isIssuedBy(leaf, check.authorities)) {
    throw unauthenticated(
      `the certificate of ${host} was issued by "${oneLine(leaf.issuer)}", not by the authority that this gateway enrolled with`,
      'If a proxy in between inspects TLS, exempt the broker’s address from it; if the broker was replaced, enrol the gateway again.',
    )
  }
  if (!usagesOf(leaf).includes(SERVER_AUTH)) {
    throw unauthenticated(`the certificate of ${host} is not a broker's`, 'Check the address of the broker.')
  }
  if (!checkServerName(leaf, host)) {
    throw unauthenticated(
      `the broker's certificate is not for "${host}" but for ${leaf.subjectAltName ?? 'no name'}`,
      `Start the broker with "${host}" among its names.`,
    )
  }
  const [begins, ends] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  if (nowMs < begins || nowMs > ends) {
    throw unauthenticated(
      `by the local clock, ${iso(nowMs)}, the broker's certificate does not count: it is for ${iso(begins)} to ${iso(ends)}`,
      "Set the gateway's clock (for instance with NTP); if the clock is right, renew the broker's certificate by restarting it.",
    )
  }
}

function usagesOf(leaf: X509Certificate): readonly string[] {
  return leaf.keyUsage ?? []
}

function unauthenticated(message: string, remedy: string): PcgError {
  return new PcgError('unauthenticated', message, { subject: 'certificate', remedy })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function days(ms: number): string {
  return `${Math.round((ms / 86_400_000) * 10) / 10} days`
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}

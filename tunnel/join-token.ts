/**
 * The one-time token that a gateway joins with: `pcg1.` + base64url of JSON {a, s, f}.
 * It carries all that a new gateway needs: where the broker is, a secret, and what authenticates the broker.
 */
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { PcgError } from '../runtime/pcg-error.ts'
import { parseAddress } from './address.ts'

export interface JoinToken {
  /** `host:port` of the broker's tunnel. */
  readonly address: string
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** SHA-256, hex, of the DER of the authority's certificate: the broker's must be issued by that one. */
  readonly fingerprint: string
}

const PREFIX = 'pcg1.'
const contentSchema = z.strictObject({
  a: z.string(),
  s: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  f: z.string().regex(/^[0-9a-f]{64}$/),
})

/** A new token with a fresh secret, as it is shown to the person who asked for it. */
export function createJoinToken(address: string, fingerprint: string): string {
  return formatJoinToken({ address, secret: randomBytes(32).toString('base64url'), fingerprint })
}

export function formatJoinToken(token: JoinToken): string {
  const content = JSON.stringify({ a: token.address, s: token.secret, f: token.fingerprint })
  return PREFIX + Buffer.from(content).toString('base64url')
}

/** Throws `invalid`, without ever repeating the token, when it is not one. */
export function parseJoinToken(text: string): JoinToken {
  const trimmed = text.trim()
  if (!trimmed.startsWith(PREFIX)) throw notAToken(`it does not begin with "${PREFIX}"`)
  const decoded = contentSchema.safeParse(jsonOf(trimmed.slice(PREFIX.length)))
  if (!decoded.success) throw notAToken('it is damaged or not complete')
  const { a: address, s: secret, f: fingerprint } = decoded.data
  parseAddress(address)
  return { address, secret, fingerprint }
}

/**
 * SHA-256 of the secret, hex: all that the broker stores of a token. The rest of it is for the gateway: a site that reaches
 * the broker by another address may write that into the token. Throws as `parseJoinToken`.
 */
export function hashJoinToken(text: string): string {
  return createHash('sha256').update(parseJoinToken(text).secret).digest('hex')
}

function jsonOf(encoded: string): unknown {
  try {
    return JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}

function notAToken(why: string): PcgError {
  return new PcgError('invalid', `the join token cannot be read: ${why}`, {
    subject: 'join token',
    remedy: 'Copy the whole token, from "pcg1." to its end, as `pcg` printed it; or make a new one for this gateway.',
  })
}

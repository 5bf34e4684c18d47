/**
 * Credentials on their way to a gateway: sealed by whoever enters them, opened by the gateway and nobody between.
 *
 * HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A sealed text is
 * `pcg-hpke-v1.KEYID.ENC.CIPHERTEXT`, the last two base64url: the encapsulated key and the credentials as JSON.
 *
 * Invariants
 * 1. The tenant, the gateway and the account are authenticated with the ciphertext: a sealed text that was moved to
 *    another account, gateway or tenant doesn't open.
 * 2. No error says what was inside, nor repeats the text.
 */
import { createHash, type webcrypto } from 'node:crypto'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { z } from 'zod'
import { PcgError } from '../runtime/pcg-error.ts'

const FORMAT = 'pcg-hpke-v1'
const INFO = new TextEncoder().encode(FORMAT)
/** So many that no cloud needs more, and no sealed text fills the broker. */
const MAX_BYTES = 16_384

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
const credentialsSchema = z.record(z.string(), z.string())
const jwkSchema = z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: z.string(), d: z.string() })

/** What a gateway opens sealed credentials with. Never leaves it. */
export interface SealingKey {
  /** Names the key in sealed texts: the beginning of its public half's SHA-256. */
  readonly keyId: string
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly privateKey: webcrypto.CryptoKey
}

/** Where a sealed text counts. */
export interface SealBinding {
  readonly tenant: string
  readonly gateway: string
  readonly account: string
}

export type Credentials = Readonly<Record<string, string>>

/** A new key, by which nothing that was sealed before can be opened. */
export async function createSealingKey(): Promise<SealingKey> {
  const pair = await suite.kem.generateKeyPair()
  return keyFrom(pair.privateKey, new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)))
}

/** The key as a JSON Web Key, private half included: for a file that only the gateway may read. */
export async function exportSealingKey(key: SealingKey): Promise<string> {
  return JSON.stringify(await crypto.subtle.exportKey('jwk', key.privateKey))
}

/** The key that `exportSealingKey` wrote. Throws `invalid` for anything else. */
export async function importSealingKey(text: string): Promise<SealingKey> {
  try {
    const jwk = jwkSchema.parse(JSON.parse(text))
    const privateKey = await suite.kem.importKey('jwk', jwk, false)
    return keyFrom(privateKey, new Uint8Array(Buffer.from(jwk.x, 'base64url')))
  } catch {
    throw new PcgError('invalid', 'this is not a sealing key: it must be an X25519 private key as a JSON Web Key', {
      remedy: 'Restore the key from a backup; or remove the file, restart the gateway, and seal the credentials anew.',
    })
  }
}

/** The name of a public key (raw, 32 bytes) in sealed texts. */
export function sealingKeyId(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('base64url').slice(0, 12)
}

/** Seals credentials, e.g. `{username, password}`, to a gateway's public key (raw, 32 bytes) for one account. */
export async function seal(publicKey: Uint8Array, credentials: Credentials, binding: SealBinding): Promise<string> {
  const plain = new TextEncoder().encode(JSON.stringify(credentials))
  if (plain.length > MAX_BYTES)
    throw new PcgError('invalid', `the credentials are ${plain.length} bytes long, and may be ${MAX_BYTES}`)
  if (publicKey.length !== 32)
    throw new PcgError('invalid', `a sealing key has 32 bytes, and this one has ${publicKey.length}`, {
      subject: `gateway ${binding.gateway}`,
    })
  const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(publicKey))
  const { ct, enc } = await suite.seal({ recipientPublicKey, info: bytes(INFO) }, bytes(plain), additionalData(binding))
  return [FORMAT, sealingKeyId(publicKey), base64url(enc), base64url(ct)].join('.')
}

/** Opens what was sealed for this account. Throws `invalid` with the remedy if it was sealed for another, or changed. */
export async function open(key: SealingKey, sealed: string, binding: SealBinding): Promise<Credentials> {
  const subject = `account ${binding.account}`
  const remedy = `Seal the credentials anew with \`pcg secret seal --gateway ${binding.gateway} --account ${binding.account}\`, put the line into the account, and apply it.`
  const [format, keyId, enc, ciphertext, ...rest] = sealed.split('.')
  if (format !== FORMAT || !keyId || !enc || !ciphertext || rest.length > 0)
    throw new PcgError('invalid', `the sealed credentials are not of the form ${FORMAT}.KEY.ENC.CIPHERTEXT`, {
      subject,
      remedy,
    })
  if (keyId !== key.keyId)
    throw new PcgError(
      'invalid',
      `the credentials are sealed to key ${keyId}, but the key of gateway ${binding.gateway} is ${key.keyId}`,
      { subject, remedy },
    )
  try {
    const plain = await suite.open(
      { recipientKey: key.privateKey, enc: decode(enc), info: bytes(INFO) },
      decode(ciphertext),
      additionalData(binding),
    )
    return credentialsSchema.parse(JSON.parse(new TextDecoder().decode(plain)))
  } catch {
    // The cause is left out (invariant 2): a parser's error may quote what it read.
    throw new PcgError('invalid', 'the sealed credentials were made for another account, or changed since', {
      subject,
      remedy,
    })
  }
}

function keyFrom(privateKey: webcrypto.CryptoKey, publicKey: Uint8Array): SealingKey {
  return { keyId: sealingKeyId(publicKey), publicKey, privateKey }
}

/** Invariant 1. As a JSON list, no two bindings read the same. */
function additionalData(binding: SealBinding): ArrayBuffer {
  return bytes(new TextEncoder().encode(JSON.stringify([binding.tenant, binding.gateway, binding.account])))
}

function base64url(buffer: ArrayBuffer): string {
  return Buffer.from(buffer).toString('base64url')
}

function decode(text: string): ArrayBuffer {
  return bytes(Buffer.from(text, 'base64url'))
}

/** A buffer of exactly these bytes, as @hpke/core wants it. */
function bytes(view: Uint8Array): ArrayBuffer {
  return new Uint8Array(view).buffer
}

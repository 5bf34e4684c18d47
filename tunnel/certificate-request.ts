/** Keys and PKCS#10 requests of the gateway, and how the authority reads them. ECDSA P-256 throughout. */
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import {
  ExtensionsAttribute,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509'
import { PcgError } from '../runtime/pcg-error.ts'
import { type GatewayIdentity, identityUri } from './identity.ts'

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'

/** A new private key, PKCS#8 PEM. */
export async function createKeyPem(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  return pemOfPrivateKey(keys.privateKey)
}

export async function pemOfPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

/** The pair of a private key in PKCS#8 PEM. Throws where it is no P-256 key. */
export async function keyPairOf(privateKeyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(privateKeyPem)
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, KEY_ALGORITHM, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, KEY_ALGORITHM, true, ['verify']),
  }
}

/** A request for a certificate on this key, DER; `identity` only where the certificate that it renews has it already. */
export async function createCertificateRequest(keyPem: string, identity: GatewayIdentity | null): Promise<Buffer> {
  const names =
    identity === null ? [] : [new SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(identity) }])]
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=gateway',
    keys: await keyPairOf(keyPem),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: names,
  })
  return Buffer.from(request.rawData)
}

/**
 * The public key (SPKI, DER) that `csr` asks a certificate for. The broker says who a gateway is, the request never
 * does: one that names anything other than `identity` (or anything at all, where that is null) is refused, as is one
 * whose signature or kind of key is wrong. Throws `invalid`.
 */
export async function readCertificateRequest(csr: Uint8Array, identity: GatewayIdentity | null): Promise<Buffer> {
  const request = decoded(csr)
  const algorithm = request.publicKey.algorithm
  if (algorithm.name !== KEY_ALGORITHM.name || !('namedCurve' in algorithm) || algorithm.namedCurve !== 'P-256') {
    throw refused('its key is not an ECDSA P-256 key')
  }
  if (!(await request.verify().catch(() => false))) throw refused('it is not signed with its own key')
  const asked = namesAskedFor(request)
  const granted = identity === null ? undefined : `url:${identityUri(identity)}`
  const other = asked.find((name) => name !== granted)
  if (other !== undefined) {
    throw refused(`it asks for the name "${other}", which is not this gateway's: the broker alone names a gateway`)
  }
  return Buffer.from(request.publicKey.rawData)
}

function decoded(csr: Uint8Array): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(Buffer.from(csr))
  } catch (cause) {
    throw refused('it is not a PKCS#10 request in DER', cause)
  }
}

/** `type:value` of every alternative name in every extension request. */
function namesAskedFor(request: Pkcs10CertificateRequest): string[] {
  const inAttributes = request.attributes.flatMap((attribute) =>
    attribute instanceof ExtensionsAttribute ? attribute.items : [],
  )
  return [...request.extensions, ...inAttributes]
    .filter((extension) => extension.type === SUBJECT_ALTERNATIVE_NAME)
    .map((extension) => new SubjectAlternativeNameExtension(extension.rawData))
    .flatMap((extension) => extension.names.items.map((name) => `${name.type}:${name.value}`))
}

function refused(why: string, cause?: unknown): PcgError {
  return new PcgError('invalid', `the certificate request is refused: ${why}`, {
    subject: 'certificate request',
    remedy: 'Enrol with the gateway’s own `pcg enroll`, which makes the right request.',
    cause,
  })
}

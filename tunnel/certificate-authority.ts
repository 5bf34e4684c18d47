/**
 * The broker's own certificate authority: issues the certificates of gateways and of the broker itself.
 *
 * Invariants
 * 1. The authority's key leaves its folder never, and is readable by its owner only (0600 in 0700).
 * 2. An authority that is there is never replaced: with half of it missing or damaged, opening fails and changes nothing.
 * 3. Of a request only the public key reaches a certificate; names, usages and life are ours.
 * 4. A gateway's certificate is good for client authentication only, the broker's for server authentication only:
 *    neither can play the other.
 * 5. No certificate outlives the authority.
 */
import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as PeculiarCertificate,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Clock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { KEY_ALGORITHM, keyPairOf, pemOfPrivateKey, SIGNING_ALGORITHM } from './certificate-request.ts'
import { type GatewayIdentity, identityUri } from './identity.ts'
import { fingerprintOf } from './peer-verification.ts'
import { makeSecretFolder, readSecretFile, replaceSecretFile } from './secret-file.ts'

export const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3_650
/** Long enough that a gateway whose clock is a year ahead still attaches, also right before the renewal at two thirds. */
const SERVER_DAYS = 1_825
/** Certificates begin in the past, so that a clock that is somewhat behind does not refuse them. */
const SERVER_BACKDATE_MS = DAY_MS
const GATEWAY_BACKDATE_MS = 3_600_000

export interface IssuedCertificate {
  /** Leaf first, then the authority, PEM. */
  readonly chainPem: string
  /** Hex, lower case, no leading zeros. */
  readonly serial: string
  readonly endsMs: number
}

export interface GatewayCertificateRequest {
  /** SPKI, DER; from `readCertificateRequest`. */
  readonly publicKey: Uint8Array
  readonly identity: GatewayIdentity
  /** From `newSerial()`: known before issuing, so that it can be recorded first. */
  readonly serial: string
  readonly lifeMs: number
}

export interface CertificateAuthority {
  readonly certificatePem: string
  /** SHA-256 of the certificate's DER, hex: what a join token carries. */
  readonly fingerprint: string
  /** `names` are DNS names and IP addresses. */
  issueServer(names: readonly string[]): Promise<IssuedCertificate & { readonly keyPem: string }>
  issueGateway(request: GatewayCertificateRequest): Promise<IssuedCertificate>
}

/** 127 random bits, hex: unique without a counter, positive, of fixed length. */
export function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

/** The authority in `folder`, made there if the folder has none yet. */
export async function openAuthority(options: { folder: string; clock: Clock }): Promise<CertificateAuthority> {
  const { folder, clock } = options
  await makeSecretFolder(folder)
  const keyPath = join(folder, 'ca-key.pem')
  const certificatePath = join(folder, 'ca.pem')
  const [keyPem, certificatePem] = await Promise.all([readSecretFile(keyPath), readSecretFile(certificatePath)])
  if (certificatePem === null) {
    // The certificate is written last: a key alone is what a crash before the first use left, and serves.
    const keys = keyPem === null ? await newKeys() : await keyPairOf(keyPem)
    const certificate = await selfSigned(keys, clock.now())
    if (keyPem === null) await replaceSecretFile(keyPath, await pemOfPrivateKey(keys.privateKey))
    await replaceSecretFile(certificatePath, certificate)
    return authorityOf(keys, certificate, clock)
  }
  if (keyPem === null || !belongTogether(keyPem, certificatePem)) {
    throw new PcgError('invalid', `the certificate authority in ${folder} is damaged: its key is missing or another`, {
      subject: keyPath,
      remedy: `Restore ${keyPath} and ${certificatePath} from the broker's backup; gateways trust no other authority.`,
    })
  }
  return authorityOf(await keyPairOf(keyPem), certificatePem, clock)
}

function belongTogether(keyPem: string, certificatePem: string): boolean {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    return false
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
}

async function selfSigned(keys: webcrypto.CryptoKeyPair, nowMs: number): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=Private Cloud Gateway authority',
    keys,
    notBefore: new Date(nowMs - SERVER_BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

interface Leaf {
  readonly serial: string
  readonly subject: string
  readonly publicKey: webcrypto.CryptoKey
  readonly usage: ExtendedKeyUsage
  readonly names: SubjectAlternativeNameExtension
  readonly beginsMs: number
  readonly endsMs: number
}

function authorityOf(keys: webcrypto.CryptoKeyPair, certificatePem: string, clock: Clock): CertificateAuthority {
  const own = new X509Certificate(certificatePem)
  const issuer = new PeculiarCertificate(certificatePem)

  async function issue(leaf: Leaf): Promise<IssuedCertificate> {
    // Invariant 5; whole seconds, as X.509 has no finer.
    const endsMs = Math.floor(Math.min(leaf.endsMs, own.validToDate.getTime()) / 1_000) * 1_000
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([leaf.usage], false),
      leaf.names,
      await SubjectKeyIdentifierExtension.create(leaf.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ]
    const certificate = await X509CertificateGenerator.create({
      serialNumber: leaf.serial,
      subject: leaf.subject,
      issuer: issuer.subject,
      notBefore: new Date(leaf.beginsMs),
      notAfter: new Date(endsMs),
      publicKey: leaf.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions,
    })
    return { chainPem: `${certificate.toString('pem')}\n${certificatePem}`, serial: leaf.serial, endsMs }
  }

  return {
    certificatePem,
    fingerprint: fingerprintOf(own),
    async issueServer(names) {
      const fresh = await newKeys()
      const nowMs = clock.now()
      const issued = await issue({
        serial: newSerial(),
        subject: 'CN=Private Cloud Gateway broker',
        publicKey: fresh.publicKey,
        usage: ExtendedKeyUsage.serverAuth,
        names: new SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
        ),
        beginsMs: nowMs - SERVER_BACKDATE_MS,
        endsMs: nowMs + SERVER_DAYS * DAY_MS,
      })
      return { ...issued, keyPem: await pemOfPrivateKey(fresh.privateKey) }
    },
    async issueGateway(request) {
      const nowMs = clock.now()
      return issue({
        serial: request.serial,
        subject: `CN=${request.identity.gateway}`,
        publicKey: await webcrypto.subtle.importKey('spki', new Uint8Array(request.publicKey), KEY_ALGORITHM, true, [
          'verify',
        ]),
        usage: ExtendedKeyUsage.clientAuth,
        names: new SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(request.identity) }]),
        beginsMs: nowMs - Math.min(GATEWAY_BACKDATE_MS, request.lifeMs / 10),
        endsMs: nowMs + request.lifeMs,
      })
    },
  }
}

import 'reflect-metadata'
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Clock } from '../../runtime/clock.ts'

const DAY_MS = 86_400_000
/** As kubeadm makes its own. */
const AUTHORITY_DAYS = 3_650
/** A machine whose clock is behind must not find the authority to be of the future. */
const BACKDATE_MS = DAY_MS
export const JOIN_TOKEN_LIFE_MS = 2 * 3_600_000
/** A machine that is made now must have this long to boot and join. */
const JOIN_TOKEN_REST_MS = 3_600_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const TOKEN_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

export interface JoinToken {
  /** `abcdef.0123456789abcdef` */
  readonly token: string
  /** ISO 8601. */
  readonly ends: string
}

/** What a kubeadm cluster's machines share. JSON, for the journal; secret but for the authority's certificate. */
export interface ClusterSecrets {
  /** The cluster's certificate authority, made here so that who joins knows its hash before the first machine boots. */
  readonly authority: {
    /** PEM. */
    readonly certificate: string
    /** PKCS#8, PEM. */
    readonly key: string
    /** `sha256:…` of the public key, as kubeadm's `caCertHashes` takes it. */
    readonly hash: string
  }
  /** 32 bytes in hex: encrypts the control plane's certificates that kubeadm hands to its further machines. */
  readonly certificateKey: string
  /** Those that have not ended; the newest last. */
  readonly joinTokens: readonly JoinToken[]
}

/**
 * A cluster's secrets with a join token that is good for another hour at least. Authority and certificate key are made
 * once (`known` is null) and kept; tokens end and follow one another.
 */
export async function freshSecrets(
  known: ClusterSecrets | null,
  cluster: string,
  clock: Clock,
): Promise<ClusterSecrets> {
  const nowMs = clock.now()
  const secrets = known ?? {
    authority: await createAuthority(cluster, nowMs),
    certificateKey: randomBytes(32).toString('hex'),
    joinTokens: [],
  }
  const newest = secrets.joinTokens.at(-1)
  if (newest !== undefined && Date.parse(newest.ends) - nowMs >= JOIN_TOKEN_REST_MS) return secrets
  const fresh = { token: createJoinToken(), ends: new Date(nowMs + JOIN_TOKEN_LIFE_MS).toISOString() }
  return { ...secrets, joinTokens: [...liveTokens(secrets, nowMs), fresh] }
}

/** What the control plane must have valid now, so that machines which were made with these tokens can join. */
export function joinWanted(secrets: ClusterSecrets, clock: Clock): { tokens: string[]; certificateKey: string } {
  return {
    tokens: liveTokens(secrets, clock.now()).map(({ token }) => token),
    certificateKey: secrets.certificateKey,
  }
}

function liveTokens(secrets: ClusterSecrets, nowMs: number): JoinToken[] {
  return secrets.joinTokens.filter(({ ends }) => Date.parse(ends) > nowMs)
}

/** kubeadm's form: six letters or digits that name it, sixteen that are secret (81 bits). */
function createJoinToken(): string {
  return `${randomLetters(6)}.${randomLetters(16)}`
}

function randomLetters(count: number): string {
  let text = ''
  while (text.length < count)
    for (const byte of randomBytes(count)) {
      // 252 is the largest multiple of 36 in a byte: above it some letters would be likelier.
      if (byte < 252 && text.length < count) text += TOKEN_LETTERS[byte % TOKEN_LETTERS.length]
    }
  return text
}

async function createAuthority(cluster: string, nowMs: number): Promise<ClusterSecrets['authority']> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: `CN=kubernetes, O=${cluster}`,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.keyCertSign,
        true,
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey))
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: pem('PRIVATE KEY', pkcs8),
    hash: `sha256:${createHash('sha256').update(spki).digest('hex')}`,
  }
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** An authority of a test's own, and what it signs. */
import { webcrypto } from 'node:crypto'
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

/** PEM. */
export interface Signed {
  readonly cert: string
  readonly key: string
}

export interface TestAuthority {
  readonly cert: string
  /** For 127.0.0.1 if it serves. */
  sign(name: string): Promise<Signed>
}

const life = () => ({ notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) })
const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`
}

export async function testAuthority(name: string): Promise<TestAuthority> {
  const keys = await newKeys()
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...life(),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  })
  let serial = 1
  return {
    cert: authority.toString('pem'),
    async sign(subject) {
      const own = await newKeys()
      const cert = await X509CertificateGenerator.create({
        serialNumber: `0${++serial}`,
        subject: `CN=${subject}`,
        issuer: authority.subject,
        ...life(),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
      })
      return { cert: cert.toString('pem'), key: await keyPem(own.privateKey) }
    },
  }
}

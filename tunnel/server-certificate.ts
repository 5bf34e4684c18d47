/** The broker's own certificate on disk: kept while it serves, made anew when it is past two thirds of its life. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import { checkServerName } from './peer-verification.ts'
import { renewAtMs } from './renewal-schedule.ts'
import { makeSecretFolder, readSecretFile, replaceSecretFile } from './secret-file.ts'

export interface ServerTls {
  /** PKCS#8, PEM. */
  readonly key: string
  /** The chain with the authority, which a gateway that enrols checks against its token's fingerprint. PEM. */
  readonly cert: string
  /** The authorities that gateways' certificates must be from, PEM. */
  readonly ca: string
}

/**
 * The certificate for `names` (DNS names, IP addresses) from `folder`; issued and stored there where it is missing,
 * for other names, of another authority, or past two thirds of its life.
 */
export async function openServerCertificate(options: {
  readonly folder: string
  readonly names: readonly string[]
  readonly authority: CertificateAuthority
  readonly clock: Clock
}): Promise<ServerTls> {
  const { folder, names, authority, clock } = options
  await makeSecretFolder(folder)
  const path = join(folder, 'server.pem')
  const stored = await readSecretFile(path)
  if (stored !== null && serves(stored, names, authority, clock.now())) return tlsOf(stored, authority)
  const issued = await authority.issueServer(names)
  // Key and chain in one file: they change together or not at all.
  const content = `${issued.keyPem}${issued.chainPem}`
  await replaceSecretFile(path, content)
  return tlsOf(content, authority)
}

function tlsOf(content: string, authority: CertificateAuthority): ServerTls {
  const begin = content.indexOf('-----BEGIN CERTIFICATE-----')
  return { key: content.slice(0, begin), cert: content.slice(begin), ca: authority.certificatePem }
}

function serves(content: string, names: readonly string[], authority: CertificateAuthority, nowMs: number): boolean {
  try {
    const { key, cert } = tlsOf(content, authority)
    const leaf = new X509Certificate(cert)
    const ca = new X509Certificate(authority.certificatePem)
    return (
      leaf.checkPrivateKey(createPrivateKey(key)) &&
      leaf.verify(ca.publicKey) &&
      names.every((name) => checkServerName(leaf, name)) &&
      nowMs >= leaf.validFromDate.getTime() &&
      nowMs < renewAtMs(leaf.validFromDate.getTime(), leaf.validToDate.getTime())
    )
  } catch {
    return false
  }
}

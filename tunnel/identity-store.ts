/**
 * The gateway's identity on disk: key.pem, certificate.pem, authorities.pem and broker.
 *
 * Invariants
 * 1. The key is made once and never replaced or removed here, whatever fails: with it an old certificate can be renewed.
 * 2. The certificate is written last: where it is, everything else is.
 * 3. Each file is replaced as a whole (0600 in 0700); a certificate that is not for our key is never stored.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { PcgError } from '../runtime/pcg-error.ts'
import { createKeyPem } from './certificate-request.ts'
import type { GatewayIdentity } from './identity.ts'
import { certificatesOf, standingOf } from './peer-verification.ts'
import { makeSecretFolder, readSecretFile, replaceSecretFile } from './secret-file.ts'

export interface Credentials {
  readonly identity: GatewayIdentity
  /** PKCS#8, PEM. */
  readonly keyPem: string
  /** Leaf first, PEM. */
  readonly chainPem: string
  readonly authoritiesPem: string
  /** `host:port` of the broker's tunnel. */
  readonly broker: string
  readonly beginsMs: number
  readonly endsMs: number
}

export interface IdentityStore {
  /** What is on disk, or null before enrolment. Throws `invalid` that names the file where something is damaged. */
  read(): Promise<Credentials | null>
  /** The gateway's key, PEM; made and stored at the first call. */
  key(): Promise<string>
  /** Puts a certificate for our key in the place of the one before. Throws, and changes nothing, if it is not one. */
  store(issued: {
    readonly chainPem: string
    readonly authoritiesPem: string
    readonly broker: string
  }): Promise<Credentials>
}

export function openIdentityStore(folder: string): IdentityStore {
  const keyPath = join(folder, 'key.pem')
  const certificatePath = join(folder, 'certificate.pem')
  const authoritiesPath = join(folder, 'authorities.pem')
  const brokerPath = join(folder, 'broker')

  let making: Promise<string> | undefined

  /** Invariant 1: two that ask at once get the same key. */
  function key(): Promise<string> {
    making ??= readOrMakeKey().finally(() => {
      making = undefined
    })
    return making
  }

  async function readOrMakeKey(): Promise<string> {
    const stored = await readSecretFile(keyPath)
    if (stored !== null) return stored
    await makeSecretFolder(folder)
    const fresh = await createKeyPem()
    await replaceSecretFile(keyPath, fresh)
    return fresh
  }

  return {
    key,
    async read() {
      const chainPem = await readSecretFile(certificatePath)
      if (chainPem === null) return null
      const [keyPem, authoritiesPem, broker] = await Promise.all([
        required(keyPath),
        required(authoritiesPath),
        required(brokerPath),
      ])
      return credentialsOf({ keyPem, chainPem, authoritiesPem, broker: broker.trim() }, certificatePath)
    },
    async store(issued) {
      const credentials = credentialsOf({ ...issued, keyPem: await key() }, 'the broker’s answer')
      await replaceSecretFile(authoritiesPath, issued.authoritiesPem)
      await replaceSecretFile(brokerPath, `${issued.broker}\n`)
      await replaceSecretFile(certificatePath, issued.chainPem)
      return credentials
    },
  }
}

async function required(path: string): Promise<string> {
  const content = await readSecretFile(path)
  if (content === null) throw damaged(path, 'it is missing')
  return content
}

/** Invariant 3. `source` is named where the parts don't fit together. */
function credentialsOf(
  parts: Pick<Credentials, 'keyPem' | 'chainPem' | 'authoritiesPem' | 'broker'>,
  source: string,
): Credentials {
  const leaf = readable(source, () => new X509Certificate(parts.chainPem))
  const authorities = readable(source, () => certificatesOf(parts.authoritiesPem))
  const key = readable('key.pem', () => createPrivateKey(parts.keyPem))
  if (!leaf.checkPrivateKey(key)) throw damaged(source, "its certificate is not for this gateway's key")
  const standing = standingOf(leaf, authorities)
  if (standing.kind !== 'known') {
    const why = standing.kind === 'foreign' ? standing.why : 'it is missing'
    throw damaged(source, `its certificate does not count: ${why}`)
  }
  return { ...parts, identity: standing.identity, beginsMs: standing.beginsMs, endsMs: standing.endsMs }
}

function readable<T>(source: string, read: () => T): T {
  try {
    return read()
  } catch {
    throw damaged(source, 'it cannot be read')
  }
}

function damaged(subject: string, why: string): PcgError {
  return new PcgError('invalid', `the gateway's identity is damaged: ${subject}: ${why}`, {
    subject,
    remedy: 'Restore the identity folder from a backup, or move it away and enrol the gateway with a new join token.',
  })
}

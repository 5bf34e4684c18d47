import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { freshSecrets, joinWanted } from '../../../gateway/bootstrap/cluster-secrets.ts'
import { clockAt, NOW } from './fixtures.ts'

const MINUTE = 60_000

describe('the secrets of a cluster', () => {
  it('hold an authority that signs, whose hash is known before any machine boots', async () => {
    const { authority } = await freshSecrets(null, 'prod', clockAt(NOW))
    const certificate = new X509Certificate(authority.certificate)
    expect(certificate.ca).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(authority.key))).toBe(true)
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
    expect(authority.hash).toBe(`sha256:${createHash('sha256').update(spki).digest('hex')}`)
    expect(certificate.validFromDate.getTime()).toBeLessThan(NOW)
  })

  it('have the forms that kubeadm takes', async () => {
    const secrets = await freshSecrets(null, 'prod', clockAt(NOW))
    expect(secrets.certificateKey).toMatch(/^[0-9a-f]{64}$/)
    expect(secrets.joinTokens.map(({ token }) => token)).toEqual([expect.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)])
    expect(JSON.parse(JSON.stringify(secrets))).toEqual(secrets)
  })

  it('stay as they are while the join token has an hour left', async () => {
    const secrets = await freshSecrets(null, 'prod', clockAt(NOW))
    expect(await freshSecrets(secrets, 'prod', clockAt(NOW + 60 * MINUTE))).toBe(secrets)
  })

  it('get another join token later, and keep the rest', async () => {
    const first = await freshSecrets(null, 'prod', clockAt(NOW))
    const second = await freshSecrets(first, 'prod', clockAt(NOW + 61 * MINUTE))
    expect(second.authority).toEqual(first.authority)
    expect(second.certificateKey).toBe(first.certificateKey)
    expect(second.joinTokens).toHaveLength(2)
    expect(second.joinTokens[0]).toEqual(first.joinTokens[0])
    const third = await freshSecrets(second, 'prod', clockAt(NOW + 24 * 60 * MINUTE))
    expect(third.joinTokens).toHaveLength(1)
  })

  it('make a control plane accept every token that a machine may still come with, and none that has ended', async () => {
    const first = await freshSecrets(null, 'prod', clockAt(NOW))
    const second = await freshSecrets(first, 'prod', clockAt(NOW + 61 * MINUTE))
    const tokens = second.joinTokens.map(({ token }) => token)
    expect(joinWanted(second, clockAt(NOW + 61 * MINUTE)).tokens).toEqual(tokens)
    expect(joinWanted(second, clockAt(NOW + 121 * MINUTE)).tokens).toEqual(tokens.slice(1))
    expect(joinWanted(second, clockAt(NOW + 600 * MINUTE))).toEqual({
      tokens: [],
      certificateKey: first.certificateKey,
    })
  })
})

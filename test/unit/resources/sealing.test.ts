import { describe, expect, it } from 'vitest'
import { cloudAccountSchema } from '../../../resources/cloud-account.ts'
import {
  createSealingKey,
  exportSealingKey,
  importSealingKey,
  open,
  type SealBinding,
  seal,
  sealingKeyId,
} from '../../../resources/sealing.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

const binding: SealBinding = { tenant: 'default', gateway: 'site-a', account: 'vc-1' }
const credentials = { username: 'pcg@vsphere.local', password: 'S3cret! ünïcode' }

async function failure(promise: Promise<unknown>): Promise<PcgError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof PcgError)) throw new Error(`expected a PcgError, got ${String(thrown)}`)
  return thrown
}

describe('sealed credentials', () => {
  it('open on the gateway that they were sealed to', async () => {
    const key = await createSealingKey()
    expect(await open(key, await seal(key.publicKey, credentials, binding), binding)).toEqual(credentials)
  })

  it('are of the form that an account takes', async () => {
    const key = await createSealingKey()
    const sealed = await seal(key.publicKey, credentials, binding)
    const account = {
      apiVersion: 'pcg/v1',
      kind: 'CloudAccount',
      metadata: { name: 'vc-1' },
      spec: { cloud: 'vsphere', gateway: 'site-a', server: 'vcenter.example', sealed },
    }
    expect(cloudAccountSchema.safeParse(account).error).toBeUndefined()
    expect(sealed).toContain(`.${sealingKeyId(key.publicKey)}.`)
  })

  it('differ each time, and show nothing of what is inside', async () => {
    const key = await createSealingKey()
    const first = await seal(key.publicKey, credentials, binding)
    const second = await seal(key.publicKey, credentials, binding)
    expect(first).not.toBe(second)
    const bytes = Buffer.from(first.split('.')[3] ?? '', 'base64url').toString('latin1')
    expect(bytes).not.toContain('S3cret')
  })

  it('open by a key that was stored and read again', async () => {
    const key = await createSealingKey()
    const stored = await exportSealingKey(key)
    const again = await importSealingKey(stored)
    expect(again.keyId).toBe(key.keyId)
    expect(Buffer.from(again.publicKey)).toEqual(Buffer.from(key.publicKey))
    expect(await open(again, await seal(key.publicKey, credentials, binding), binding)).toEqual(credentials)
  })

  it('do not open by another key: the error names both and how to seal anew', async () => {
    const [right, wrong] = await Promise.all([createSealingKey(), createSealingKey()])
    const error = await failure(open(wrong, await seal(right.publicKey, credentials, binding), binding))
    expect(error.code).toBe('invalid')
    expect(error.message).toContain(right.keyId)
    expect(error.message).toContain(wrong.keyId)
    expect(error.remedy).toContain('pcg secret seal --gateway site-a --account vc-1')
  })

  it.each([
    ['account', { ...binding, account: 'vc-2' }],
    ['gateway', { ...binding, gateway: 'site-b' }],
    ['tenant', { ...binding, tenant: 'other' }],
    ['border between the names', { tenant: 'default', gateway: 'site-', account: 'avc-1' }],
  ])('do not open when moved to another %s', async (_, moved) => {
    const key = await createSealingKey()
    const error = await failure(open(key, await seal(key.publicKey, credentials, binding), moved))
    expect(error.message).toContain('another account')
  })

  it('do not open when any byte was changed', async () => {
    const key = await createSealingKey()
    const parts = (await seal(key.publicKey, credentials, binding)).split('.')
    for (const part of [2, 3]) {
      const bytes = Buffer.from(parts[part] ?? '', 'base64url')
      bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5)
      const tampered = parts.with(part, bytes.toString('base64url')).join('.')
      expect((await failure(open(key, tampered, binding))).code).toBe('invalid')
    }
  })

  it.each(['', 'hunter2', 'pcg-hpke-v1.a.b', 'pcg-hpke-v2.a.b.c', 'pcg-hpke-v1.a.b.c.d'])(
    'are not %j: the error does not repeat it',
    async (text) => {
      const error = await failure(open(await createSealingKey(), text, binding))
      expect(error.code).toBe('invalid')
      if (text !== '') expect(JSON.stringify([error.message, error.remedy])).not.toContain(text)
    },
  )

  it('are refused when too long', async () => {
    const key = await createSealingKey()
    const error = await failure(seal(key.publicKey, { password: 'x'.repeat(20_000) }, binding))
    expect(error.message).toContain('16384')
  })

  it.each(['', '{}', '{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}'])('are not opened by %j', async (text) => {
    expect((await failure(importSealingKey(text))).message).toContain('not a sealing key')
  })
})

/** Bytes sent as they come. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UploadOptions } from '../../../../adapters/openstack/client/service.ts'
import { FakeCloud, HOUR_MS, rejection, SIGNAL } from './fake-cloud.ts'

const FILE = '/image/v2/images/i1/file'
const CHUNK = Buffer.alloc(64 * 1024, 'x')

describe('an upload', () => {
  let cloud: FakeCloud
  let started: number
  beforeEach(async () => {
    started = 0
    cloud = await FakeCloud.open()
    cloud.on('PUT', FILE, () => ({ status: 204 }))
  })
  afterEach(() => cloud.close())

  const source = (chunks: number) =>
    async function* () {
      started++
      for (let i = 0; i < chunks; i++) yield CHUNK
    }
  const upload = (chunks: number, options: Partial<UploadOptions> = {}, client = cloud.client()) =>
    client.service('image').upload('/images/i1/file', source(chunks), { signal: SIGNAL, ...options })

  it('sends everything as an octet stream, in chunks where its size is not known', async () => {
    await upload(20)
    const [asked] = cloud.calls('PUT', FILE)
    expect(asked?.body).toHaveLength(20 * CHUNK.length)
    expect(asked?.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' })
  })

  it('says its size where that is known', async () => {
    await upload(3, { size: 3 * CHUNK.length })
    expect(cloud.calls('PUT', FILE)[0]?.headers['content-length']).toBe(String(3 * CHUNK.length))
  })

  it('tells how far it is', async () => {
    const progress: number[] = []
    await upload(4, { onProgress: (sent) => progress.push(sent / CHUNK.length) })
    expect(progress).toEqual([1, 2, 3, 4])
  })

  it.each([2, 5])('fails where the source has another size than was said (%i chunks of 3)', async (chunks) => {
    expect(await rejection(upload(chunks, { size: 3 * CHUNK.length }))).toMatchObject({
      code: 'invalid',
      message: 'what was to be uploaded has another size than was said',
    })
  })

  it('fails with the source’s own error, and closes the source', async () => {
    let closed = false
    const broken = async function* () {
      try {
        yield CHUNK
        throw new Error('disk gone')
      } finally {
        closed = true
      }
    }
    const error = await rejection(cloud.client().service('image').upload('/images/i1/file', broken, { signal: SIGNAL }))
    expect(error.message).toBe('what was to be uploaded could not be read: disk gone')
    expect(closed).toBe(true)
  })

  it('ends with its signal in the middle, and closes the source', async () => {
    const leaving = new AbortController()
    let closed = false
    const endless = async function* () {
      try {
        for (let i = 0; ; i++) {
          if (i === 10) leaving.abort()
          yield CHUNK
        }
      } finally {
        closed = true
      }
    }
    const error = await rejection(
      cloud.client().service('image').upload('/images/i1/file', endless, { signal: leaving.signal }),
    )
    expect(error).toMatchObject({ code: 'cancelled' })
    expect(closed).toBe(true)
  })

  it('begins anew with another token when its own is refused at the end', async () => {
    const client = cloud.client()
    await client.identity(SIGNAL)
    cloud.revokeTokens()
    await upload(10, {}, client)
    expect(started).toBe(2)
    expect(cloud.tokens).toBe(2)
    expect(cloud.calls('PUT', FILE).map(({ body }) => body.length)).toEqual([10 * CHUNK.length, 10 * CHUNK.length])
  })

  it('begins anew when its token is refused before the bytes were taken', async () => {
    const client = cloud.client()
    await client.identity(SIGNAL)
    cloud.refusesEarly = true
    cloud.revokeTokens()
    await upload(200, {}, client)
    expect(started).toBe(2)
    expect(cloud.calls('PUT', FILE).map(({ body }) => body.length)).toEqual([0, 200 * CHUNK.length])
  })

  it('is not begun a third time', async () => {
    cloud.on('PUT', FILE, () => ({ status: 401 }))
    expect(await rejection(upload(3))).toMatchObject({ code: 'unauthenticated' })
    expect(started).toBe(2)
  })

  it('renews a token that is about to end before it begins', async () => {
    const client = cloud.client()
    await client.identity(SIGNAL)
    cloud.clock.at += HOUR_MS - 10 * 60_000
    await upload(2, {}, client)
    expect(started).toBe(1)
    expect(cloud.tokens).toBe(2)
  })

  it('is not repeated when the connection is lost', async () => {
    cloud.on('PUT', FILE, (_, response) => {
      response.destroy()
      return undefined
    })
    expect(await rejection(upload(3))).toMatchObject({ code: 'interrupted' })
    expect(started).toBe(1)
  })
})

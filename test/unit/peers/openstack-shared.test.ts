import { describe, expect, it } from 'vitest'
import type { OpenstackServer } from '../../peers/openstack/cloud.ts'
import { askShared, hostShared } from '../../peers/openstack/shared.ts'

/** A cloud that is no more than its folder. */
function fakeCloud() {
  const clouds: { folder: string; crash: string | null; ended: boolean }[] = []
  const start = async (): Promise<OpenstackServer> => {
    const cloud = { folder: `/cloud-${clouds.length + 1}`, crash: null as string | null, ended: false }
    clouds.push(cloud)
    const ports = { keystone: 1, glance: 2, placement: 3, nova: 4, neutron: 5, cinder: 6, octavia: 7 }
    return {
      settings: { folder: cloud.folder, packages: '', password: '', ports },
      memoryMiB: async () => 0,
      crash: () => cloud.crash,
      end: async () => {
        cloud.ended = true
      },
    }
  }
  return { clouds, start }
}

describe('the cloud that the files of a run share', () => {
  it('starts when the first asks, once for all, and ends with the run', async () => {
    const { clouds, start } = fakeCloud()
    const host = await hostShared(start)
    expect(clouds).toHaveLength(0)
    const answers = await Promise.all([askShared(host.url), askShared(host.url)])
    expect(answers.map(({ folder }) => folder)).toEqual(['/cloud-1', '/cloud-1'])
    await host.close()
    expect(clouds.map(({ ended }) => ended)).toEqual([true])
  })

  it('is another one after a crash', async () => {
    const { clouds, start } = fakeCloud()
    const host = await hostShared(start)
    await askShared(host.url)
    for (const cloud of clouds) cloud.crash = 'nova ended'
    expect((await askShared(host.url)).folder).toBe('/cloud-2')
    await host.close()
    expect(clouds.map(({ ended }) => ended)).toEqual([true, true])
  })

  it('says why it could not start, and tries again for the next', async () => {
    let attempts = 0
    const { start } = fakeCloud()
    const host = await hostShared(async () => {
      attempts += 1
      if (attempts === 1) throw new Error('no port is free')
      return start()
    })
    await expect(askShared(host.url)).rejects.toThrow('no port is free')
    expect((await askShared(host.url)).folder).toBe('/cloud-1')
    await host.close()
  })

  it('answers nobody who does not know its path', async () => {
    const host = await hostShared(fakeCloud().start)
    const { status } = await fetch(new URL('/', host.url))
    expect(status).toBe(404)
    await host.close()
  })
})

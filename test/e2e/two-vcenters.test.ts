import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { startVcsim, type Vcsim } from '../peers/vcsim.ts'
import { playGuests } from '../peers/vcsim-guest.ts'
import { Saas } from './support/saas.ts'
import { GATEWAY, marked, useVcenter, vsphereCluster } from './support/vsphere-site.ts'

const simulator = await peer('vcsim')

describe.skipIf(!simulator.available)(title('one gateway, two vCenters', simulator), () => {
  const stop = new AbortController()
  let north: Vcsim
  let south: Vcsim
  let saas: Saas
  let guests: ReturnType<typeof playGuests>[] = []

  beforeAll(async () => {
    north = await startVcsim({ taskMs: 10 })
    south = await startVcsim({ taskMs: 10 })
    guests = [north, south].map((vcsim) => playGuests(vcsim, { signal: stop.signal, everyMs: 50 }))
    saas = await Saas.start()
    await saas.gateway(GATEWAY)
    await useVcenter(saas, north, { account: 'north' })
    await useVcenter(saas, south, { account: 'south' })
    await saas.apply(vsphereCluster('on-north', 1, {}, 'north'), vsphereCluster('on-south', 2, {}, 'south'))
    await saas.ready('on-north')
    await saas.ready('on-south')
  })
  afterAll(async () => {
    stop.abort()
    await Promise.all(guests.map((played) => played.ended))
    await saas?.close()
    await north?.close()
    await south?.close()
  })

  it('makes each cluster where its account is', async () => {
    expect((await marked(north)).map((vm) => vm.extraConfig['pcg.cluster'])).toEqual(['on-north', 'on-north'])
    expect((await marked(south)).map((vm) => vm.extraConfig['pcg.cluster'])).toEqual([
      'on-south',
      'on-south',
      'on-south',
    ])
  })

  it('goes on with the one while the other is down', async () => {
    const outage = await north.control.inject({ method: '*', action: 'cut-before', times: -1 })
    await saas.apply(vsphereCluster('on-north', 2, {}, 'north'), vsphereCluster('on-south', 3, {}, 'south'))
    await saas.until(async () => (await saas.machines('on-south')).length === 4)
    await saas.ready('on-south')
    expect((await saas.cluster('on-north'))?.phase).not.toBe('Ready')
    expect(await outage.heal()).toBeGreaterThan(0)
    // By itself: nobody has to apply anything again.
    await saas.until(async () => (await saas.machines('on-north')).length === 3)
    await saas.ready('on-north')
  })

  it('keeps their passwords off every disk and out of every log, the databases of both ends included', () => {
    const files = filesBelow(saas.folder)
    expect(files.length).toBeGreaterThan(10)
    for (const { password } of [north, south])
      expect(files.filter((file) => readFileSync(file).includes(password))).toEqual([])
  })

  it('lets nobody else read what it keeps', () => {
    const readable = filesBelow(saas.folder).filter((file) => (statSync(file).mode & 0o077) !== 0)
    expect(readable.filter((file) => !/\.(log|boundaries)$/.test(file))).toEqual([])
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

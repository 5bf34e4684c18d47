import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MachineSpec } from '../../adapters/adapter.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive, ownedBy } from './drive.ts'
import { untilStep, untilStuck } from './openstack-hands.ts'
import { GATEWAY, OpenstackSite } from './openstack-site.ts'

const openstack = await peer('openstack')

describe.skipIf(!openstack.available)(title('a lost reply of OpenStack', openstack), () => {
  let site: OpenstackSite
  beforeAll(async () => {
    site = await OpenstackSite.start()
  })
  afterEach(() => site.cloud.front.behave())
  afterAll(() => site?.close())

  it.for([
    ['neutron', /\/ports$/, 'create-port'],
    ['cinder', /\/volumes$/, 'create-volume'],
    ['nova', /\/servers$/, 'create-server'],
  ] as const)('of %s leads to one object of each kind, none twice', async ([api, path, kind], { signal }) => {
    const spec = site.spec({ disks: [{ sizeGiB: 1 }] })
    const cut = site.cloud.front.inject({ api, method: 'POST', path }, { do: 'cut', when: 'after' })
    const seen: string[] = []
    const outcomes = await untilStuck(site.adapter(), spec, signal, seen)
    expect(cut.hits).toBe(1)
    expect(outcomes).toMatchObject([{ kind: 'unknown' }])
    expect(seen.filter((each) => each === kind)).toHaveLength(1)
    expect(await objectKinds(spec, signal)).toEqual(['Port', 'Server', 'Volume'])
  })

  it.for([
    ['neutron', /\/ports$/, 'Port'],
    ['cinder', /\/volumes$/, 'Volume'],
  ] as const)(
    'that makes another try make a second one of %s: the surplus goes',
    async ([api, path, kind], { signal }) => {
      const spec = site.spec({ disks: [{ sizeGiB: 1 }] })
      const adapter = site.adapter()
      const held = site.cloud.front.inject({ api, method: 'POST', path }, { do: 'hold', when: 'before' }, 2)
      const adapters = [site.adapter(), site.adapter()]
      const step = await untilStep(site.adapter(), spec, kind, signal)
      // Both have looked before either has made it.
      const starting = adapters.map((one) => one.start(step, spec, contextOf(signal)))
      await expect.poll(() => held.hits, { timeout: 60_000 }).toBe(2)
      held.release()
      await Promise.all(starting)
      expect((await objectKinds(spec, signal)).filter((each) => each === kind)).toHaveLength(2)

      const observed = await drive(adapter, spec, signal)
      expect(observed?.power).toBe('on')
      expect(await objectKinds(spec, signal)).toEqual(['Port', 'Server', 'Volume'])
      expect((await serverOf(spec)).addresses).toHaveProperty('private')
    },
  )

  it('of nova, that makes another try make a second server, too: the one that has the port stays', async ({
    signal,
  }) => {
    const spec = site.spec()
    const step = await untilStep(site.adapter(), spec, 'Server', signal)
    const held = site.cloud.front.inject(
      { api: 'nova', method: 'POST', path: /\/servers$/ },
      { do: 'hold', when: 'before' },
      2,
    )
    const starting = [site.adapter(), site.adapter()].map((one) => one.start(step, spec, contextOf(signal)))
    await expect.poll(() => held.hits, { timeout: 60_000 }).toBe(2)
    held.release()
    // Most often nova refuses the second: the port is in use.
    for (const { kind } of await Promise.all(starting)) expect(['running', 'retryable']).toContain(kind)
    await drive(site.adapter(), spec, signal)
    const { id, metadata, tags } = await serverOf(spec)

    const { api } = site.cloud
    const { flavors } = await api.get<{ flavors: { id: string; name: string }[] }>('nova', '/v2.1/flavors')
    const { images } = await api.get<{ images: { id: string }[] }>('glance', '/v2/images?name=debian-12')
    const flavorRef = flavors.find(({ name }) => name === 'm1.small')?.id
    const server = { name: spec.name, flavorRef, imageRef: images[0]?.id, networks: 'none', metadata, tags }
    await site.cloud.apiAs(site.project).post('nova', '/v2.1/servers', { server })
    const seen: string[] = []
    await untilStuck(site.adapter(), spec, signal, seen)
    expect(seen).toEqual(['delete-server'])
    expect((await serverOf(spec)).id).toBe(id)
  })

  async function serverOf({ name, owner }: MachineSpec) {
    const servers = await site.control.servers()
    const [server, ...others] = servers.filter(({ metadata }) => metadata['pcg-machine'] === owner.machine)
    if (server === undefined || others.length > 0) throw new Error(`${name} has ${others.length + 1} servers or none`)
    return server
  }

  async function objectKinds({ owner }: MachineSpec, signal: AbortSignal): Promise<string[]> {
    const all = await ownedBy(site.adapter(), GATEWAY, signal)
    return all.flatMap(({ kind, owner: { machine } }) => (machine === owner.machine ? [kind] : [])).toSorted()
  }
})

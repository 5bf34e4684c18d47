import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FoundationSpec, MachineSpec, Observed } from '../../adapters/adapter.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive, ownedBy } from './drive.ts'
import { driveFoundation, untilEnd, untilRetryable, untilStep, untilStuck } from './openstack-hands.ts'
import { GATEWAY, OpenstackSite, PLACEMENT } from './openstack-site.ts'

const openstack = await peer('openstack')

describe.skipIf(!openstack.available)(title('machines on OpenStack', openstack), () => {
  let site: OpenstackSite
  beforeAll(async () => {
    site = await OpenstackSite.start()
  })
  afterEach(() => site.cloud.front.behave())
  afterAll(() => site?.close())

  const action = (id: string, body: object) => site.cloud.api.post('nova', `/v2.1/servers/${id}/action`, body)

  it('a server has the shape, place, network, user-data and marks that were asked for, and its port too', async ({
    signal,
  }) => {
    const { security_group: group } = await projectApi().post<{ security_group: { id: string } }>(
      'neutron',
      '/v2.0/security-groups',
      { security_group: { name: 'ssh-only' } },
    )
    await projectApi().post('nova', '/v2.1/os-keypairs', { keypair: { name: 'ops', public_key: SSH_KEY } })
    const spec = site.spec({
      placement: { ...PLACEMENT, availabilityZone: 'az-1', keypair: 'ops', securityGroups: ['ssh-only'] },
      address: {
        type: 'static',
        address: '10.10.7.7',
        prefix: 16,
        gateway: '10.10.0.1',
        nameservers: [],
        searchDomains: [],
      },
      serves: { type: 'virtual-ip', address: '10.10.9.9' },
      userData: '#cloud-config\n# ünicode\n',
    })
    const observed = await drive(site.adapter(), spec, signal)
    expect(observed).toMatchObject({ power: 'on', addresses: ['10.10.7.7'] })
    const { gateway, cluster, machine } = spec.owner
    const server = await serverOf(spec)
    expect(server).toMatchObject({
      name: spec.name,
      metadata: { 'pcg-gateway': gateway, 'pcg-cluster': cluster, 'pcg-machine': machine },
      flavor: { original_name: 'm1.small' },
      'OS-EXT-AZ:availability_zone': 'az-1',
      key_name: 'ops',
      config_drive: 'True',
    })
    const { server: private_ } = await site.cloud.api.get<{ server: Record<string, string> }>(
      'nova',
      `/v2.1/servers/${server.id}`,
    )
    expect(Buffer.from(private_['OS-EXT-SRV-ATTR:user_data'] ?? '', 'base64').toString()).toBe(spec.userData)
    const [port] = (await site.control.ports()).filter(({ device_id }) => device_id === server.id)
    expect(port).toMatchObject({
      name: spec.name,
      description: expect.stringContaining(machine),
      fixed_ips: [{ ip_address: '10.10.7.7' }],
      security_groups: [group.id],
      allowed_address_pairs: [{ ip_address: '10.10.9.9' }],
    })

    const taken = await untilStuck(site.adapter(), site.spec({ address: spec.address }), signal)
    expect(taken.at(-1)).toMatchObject({
      kind: 'fatal',
      reason: 'AddressTaken',
      message: expect.stringContaining(spec.name),
    })
  })

  it('boots from a volume, has further ones, and leaves none of them', async ({ signal }) => {
    const spec = site.spec({
      placement: { ...PLACEMENT, bootVolume: { type: 'fast' }, volumeType: 'standard' },
      size: { type: 'flavor', flavor: 'v1.small' },
      diskGiB: 12,
      disks: [{ sizeGiB: 3 }, { sizeGiB: 4 }],
    })
    await drive(site.adapter(), spec, signal)
    const server = await serverOf(spec)
    const volumes = (await site.control.volumes()).toSorted((one, other) =>
      (one.name ?? '') < (other.name ?? '') ? -1 : 1,
    )
    const attachments = [{ server_id: server.id }]
    expect(volumes).toMatchObject([
      { name: `${spec.name}-boot`, size: 12, volume_type: 'fast', bootable: 'true', status: 'in-use', attachments },
      { name: `${spec.name}-disk-1`, size: 3, volume_type: 'standard', status: 'in-use', attachments },
      { name: `${spec.name}-disk-2`, size: 4, volume_type: 'standard', status: 'in-use', attachments },
    ])
    const lost = volumes[1]?.id ?? ''
    await site.cloud.api.request('DELETE', 'nova', `/v2.1/servers/${server.id}/os-volume_attachments/${lost}`)
    await expect.poll(async () => (await volume(lost))?.status, { timeout: 30_000 }).toBe('available')
    expect(kinds(spec, await site.adapter().observe(spec, contextOf(signal)))).toEqual(['attach-volume'])
    await drive(site.adapter(), spec, signal)
    expect((await volume(lost))?.status).toBe('in-use')

    expect(await drive(site.adapter(), { ...spec, want: 'absent' }, signal)).toBeNull()
    expect(await site.control.volumes()).toEqual([])
    expect((await ownedBy(site.adapter(), GATEWAY, signal)).filter(isOf(spec))).toEqual([])
  })

  describe('a build that fails', () => {
    it('is told in nova’s words, deleted, and tried again', async ({ signal }) => {
      const spec = site.spec()
      await site.control.failBuilds(1, 'the disk is on fire')
      const outcomes = await untilStuck(site.adapter(), spec, signal)
      expect(outcomes).toHaveLength(1)
      expect(outcomes[0]).toMatchObject({ kind: 'retryable', message: expect.stringContaining('the disk is on fire') })
      expect(outcomes[0]).toHaveProperty(
        'afterMs',
        expect.toSatisfy((ms: number) => ms >= 1_000),
      )
      expect((await serversOf(spec)).map(({ status }) => status)).toEqual(['ACTIVE'])
    })

    it('is fatal the fifth time, whoever counts, and leaves no server; deleting leaves nothing', async ({ signal }) => {
      const spec = site.spec()
      await site.control.failBuilds(5, 'the disk is on fire')
      const outcomes = await untilStuck(site.adapter(), spec, signal)
      expect(outcomes.map(({ kind }) => kind)).toEqual([...Array(5).fill('retryable'), 'fatal'])
      expect(outcomes.at(-1)).toMatchObject({
        reason: 'BuildFailed',
        message: expect.stringContaining('the disk is on fire'),
        remedy: expect.stringMatching(/./),
      })
      expect(await serversOf(spec)).toEqual([])
      await drive(site.adapter(), { ...spec, want: 'absent' }, signal)
      expect((await ownedBy(site.adapter(), GATEWAY, signal)).filter(isOf(spec))).toEqual([])
    })
  })

  describe('what can’t be made is a clear outcome, and leaves no server', () => {
    it('an image that is missing, queued, deactivated or deleted meanwhile', async ({ signal }) => {
      const missing = await untilStuck(
        site.adapter(),
        site.spec({ placement: { ...PLACEMENT, image: 'debian-13' } }),
        signal,
      )
      expect(missing.at(-1)).toMatchObject({ kind: 'fatal', reason: 'NotFound', remedy: 'Did you mean debian-12?' })

      const { id } = await projectApi().post<{ id: string }>('glance', '/v2/images', { name: 'not-yet', ...RAW })
      const queued = await untilStuck(
        site.adapter(),
        site.spec({ placement: { ...PLACEMENT, image: 'not-yet' } }),
        signal,
      )
      expect(queued.at(-1)).toMatchObject({
        kind: 'fatal',
        message: expect.stringContaining('image not-yet'),
        remedy: expect.stringContaining('Upload'),
      })
      await site.control.deleteImage(id)

      const image = await site.cloud.addImage({ name: 'soon-gone' })
      const spec = site.spec({ placement: { ...PLACEMENT, image: 'soon-gone' } })
      const adapter = site.adapter()
      await site.cloud.api.post('glance', `/v2/images/${image}/actions/deactivate`, undefined)
      expect((await untilStuck(adapter, spec, signal)).at(-1)).toMatchObject({
        message: expect.stringContaining('is deactivated'),
        remedy: expect.stringContaining('Reactivate'),
      })
      await site.cloud.api.post('glance', `/v2/images/${image}/actions/reactivate`, undefined)
      // The adapter has seen it active.
      const another = site.spec({ placement: spec.placement })
      await drive(adapter, another, signal)
      await site.control.deleteImage(image)
      expect((await untilStuck(adapter, spec, signal)).at(-1)).toMatchObject({
        kind: 'fatal',
        reason: 'NotFound',
        message: expect.stringContaining('image soon-gone does not exist'),
      })
      expect(await serversOf(spec)).toEqual([])
    })

    it('a flavor that is too small for the image', async ({ signal }) => {
      const spec = site.spec({ size: { type: 'flavor', flavor: 'm1.tiny' } })
      expect((await untilStuck(site.adapter(), spec, signal)).at(-1)).toMatchObject({
        kind: 'fatal',
        message: expect.stringContaining('flavor m1.tiny is too small for image debian-12'),
        remedy: expect.stringContaining('larger flavor'),
      })
      expect(await serversOf(spec)).toEqual([])
    })

    it('a project out of quota', async ({ signal }) => {
      const spec = site.spec()
      await site.project.setQuota({ compute: { instances: 0 } })
      const [outcome] = await untilRetryable(site.adapter(), spec, signal)
      await site.project.setQuota({ compute: { instances: 300 } })
      expect(outcome).toMatchObject({ kind: 'retryable', fault: 'capacity', message: expect.stringMatching(/quota/i) })
      expect(await serversOf(spec)).toEqual([])
    })

    it('more user-data than nova takes, after it was packed', async ({ signal }) => {
      const random = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64')
      const spec = site.spec({ userData: `#cloud-config\n# ${random}\n` })
      expect((await untilStuck(site.adapter(), spec, signal)).at(-1)).toMatchObject({
        kind: 'fatal',
        message: expect.stringContaining('65535'),
      })
    })
  })

  it('stands on its cluster’s foundation: its security groups, and a host of its own', async ({ signal }) => {
    const adapter = site.adapter()
    const placement = { ...PLACEMENT, availabilityZone: 'az-1', antiAffinity: 'hard' } as const
    const foundation: FoundationSpec = {
      owner: { gateway: GATEWAY, cluster: 'apart', machine: crypto.randomUUID() },
      name: 'apart',
      placement,
      endpoint: { type: 'external', address: '10.10.0.9', port: 6443 },
      pools: [{ name: 'workers', role: 'worker' }],
      want: 'present',
    }
    const { cluster, machine } = foundation.owner
    const worker = () => {
      const spec = site.spec({ placement, foundation: machine })
      return { ...spec, owner: { ...spec.owner, cluster } }
    }
    const early = worker()
    const [first] = await untilRetryable(site.adapter(), early, signal)
    expect(first).toMatchObject({ kind: 'retryable', fault: 'connection', message: expect.stringContaining('apart') })
    await driveFoundation(adapter, foundation, signal)

    const second = worker()
    await drive(adapter, early, signal)
    const { id } = await serverOf(early)
    const [group] = (await site.control.serverGroups()).filter(({ members }) => members.includes(id))
    expect(group).toMatchObject({ policy: 'anti-affinity', members: [id] })
    const groups = (await site.control.ports()).find(({ device_id }) => device_id === id)?.security_groups
    const ours = (await ownedBy(adapter, GATEWAY, signal)).filter(({ kind }) => kind === 'SecurityGroup')
    expect(groups).toHaveLength(1)
    expect(ours.map(({ id }) => id)).toEqual(expect.arrayContaining(groups ?? []))
    // There is one host in the zone.
    const [full] = await untilRetryable(site.adapter(), second, signal)
    expect(full).toMatchObject({
      kind: 'retryable',
      fault: 'capacity',
      message: expect.stringMatching(/no valid host/i),
    })

    for (const spec of [early, second]) await drive(adapter, { ...spec, want: 'absent' }, signal)
    await driveFoundation(adapter, { ...foundation, want: 'absent' }, signal)
    expect((await ownedBy(adapter, GATEWAY, signal)).filter(({ owner }) => owner.cluster === cluster)).toEqual([])
  })

  describe('what somebody else did', () => {
    it('a lock stops changes and says how to go on', async ({ signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      const { id } = await serverOf(spec)
      await site.control.powerOff(id)
      await action(id, { lock: null })
      for (const want of ['present', 'absent'] as const)
        expect((await untilStuck(site.adapter(), { ...spec, want }, signal)).at(-1)).toMatchObject({
          kind: 'fatal',
          reason: 'Locked',
          remedy: expect.stringContaining('openstack server unlock'),
        })
      await action(id, { unlock: null })
      expect(await drive(site.adapter(), { ...spec, want: 'absent' }, signal)).toBeNull()
    })

    it('a resize that waits to be confirmed is taken back', async ({ signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      const { id } = await serverOf(spec)
      const { flavors } = await site.cloud.api.get<{ flavors: { id: string; name: string }[] }>('nova', '/v2.1/flavors')
      await action(id, { resize: { flavorRef: flavors.find(({ name }) => name === 'm1.medium')?.id } })
      await expect.poll(async () => (await site.control.server(id)).status, { timeout: 60_000 }).toBe('VERIFY_RESIZE')
      expect((await drive(site.adapter(), spec, signal))?.power).toBe('on')
      expect(await site.control.server(id)).toMatchObject({ status: 'ACTIVE', flavor: { original_name: 'm1.small' } })
    })

    it.for([{ suspend: null }, { pause: null }, { shelve: null }])('%o is undone', async (body, { signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      const { id } = await serverOf(spec)
      await action(id, body)
      await expect.poll(async () => (await site.control.server(id)).status, { timeout: 60_000 }).not.toBe('ACTIVE')
      expect((await drive(site.adapter(), spec, signal))?.power).toBe('on')
      expect((await site.control.server(id)).status).toBe('ACTIVE')
    })

    it('a port without its address pair is put right', async ({ signal }) => {
      const spec = site.spec({ serves: { type: 'virtual-ip', address: '10.10.9.9' } })
      await drive(site.adapter(), spec, signal)
      const { id } = await serverOf(spec)
      const portOf = async () => (await site.control.ports()).find(({ device_id }) => device_id === id)
      const change = { port: { allowed_address_pairs: [] } }
      await site.cloud.api.put('neutron', `/v2.0/ports/${(await portOf())?.id}`, change)
      const seen: string[] = []
      await untilStuck(site.adapter(), spec, signal, seen)
      expect(seen).toEqual(['update-port'])
      expect((await portOf())?.allowed_address_pairs).toMatchObject([{ ip_address: '10.10.9.9' }])
    })
  })

  it('a token outlives the adapter, and one that nobody wrote is unknown', async ({ signal }) => {
    const spec = site.spec()
    const first = site.adapter()
    const step = await untilStep(site.adapter(), spec, 'Server', signal)
    const outcome = await first.start(step, spec, contextOf(signal))
    await first.close()
    expect(await untilEnd(site.adapter(), outcome, signal)).toEqual({ kind: 'done' })
    expect((await serverOf(spec)).status).toBe('ACTIVE')
    const token = 'server:11111111-1111-4111-8111-111111111111:built:0'
    expect(await site.adapter().poll(token, contextOf(signal))).toMatchObject({ kind: 'unknown' })
  })

  function projectApi() {
    return site.cloud.apiAs(site.project)
  }

  async function serversOf({ owner }: MachineSpec) {
    return (await site.control.servers()).filter(({ metadata }) => metadata['pcg-machine'] === owner.machine)
  }

  async function serverOf(spec: MachineSpec) {
    const [server, ...others] = await serversOf(spec)
    if (server === undefined || others.length > 0)
      throw new Error(`${spec.name} has ${others.length + 1} servers or none`)
    return server
  }

  async function volume(id: string) {
    return (await site.control.volumes()).find((each) => each.id === id)
  }

  function kinds(spec: MachineSpec, observed: Observed | null): string[] {
    return site
      .adapter()
      .plan(spec, observed)
      .map(({ kind }) => kind)
  }

  function isOf(spec: MachineSpec) {
    return ({ owner }: { owner: { machine: string } }) => owner.machine === spec.owner.machine
  }
})

const RAW = { disk_format: 'raw', container_format: 'bare' }
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ops@example'

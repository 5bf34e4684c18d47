import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { customSizeOf, type Outcome, type Step } from '../../adapters/adapter.ts'
import { readGuestInfo, redacted } from '../peers/guestinfo.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive, follow, ownedBy } from './drive.ts'
import { GATEWAY, PLACEMENT, VsphereSite } from './vsphere-site.ts'

const vcsim = await peer('vcsim')

describe.skipIf(!vcsim.available)(title('machines in vSphere', vcsim), () => {
  let site: VsphereSite
  beforeAll(async () => {
    site = await VsphereSite.start({ taskMs: 30 })
  })
  afterAll(() => site.close())

  describe('a clone', () => {
    it('has the shape, mark, labels and place that were asked for', async ({ signal }) => {
      const spec = site.spec({
        size: { type: 'custom', cpus: 3, memoryMiB: 3072 },
        diskGiB: 40,
        disks: [{ sizeGiB: 5 }, { sizeGiB: 6 }],
      })
      await drive(site.adapter(), spec, signal)
      const gib = 1024 ** 2
      const { gateway, cluster, machine } = spec.owner
      expect(await site.vcenter.control.vm(spec.name)).toMatchObject({
        power: 'poweredOn',
        instanceUuid: machine,
        cpus: 3,
        memoryMB: 3072,
        disksKB: [40 * gib, 5 * gib, 6 * gib],
        datastores: ['LocalDS_0'],
        networks: ['VM Network'],
        extraConfig: { 'pcg.gateway': gateway, 'pcg.cluster': cluster, 'pcg.machine': machine },
        attributes: { 'pcg-gateway': gateway, 'pcg-cluster': cluster, 'pcg-machine': machine },
      })
    })

    it('goes into the resource pool and onto the distributed network that the placement names', async ({ signal }) => {
      const spec = site.spec({
        placement: {
          ...PLACEMENT,
          resourcePool: 'DC0_C0_RP1',
          network: 'DC0_DVPG1',
          datastore: 'LocalDS_1',
          clone: 'linked',
        },
      })
      await drive(site.adapter(), spec, signal)
      expect(await site.vcenter.control.vm(spec.name)).toMatchObject({
        pool: 'DC0_C0_RP1',
        networks: ['DC0_DVPG1'],
        datastores: ['LocalDS_1'],
      })
    })

    it('tells cloud-init its name, its user-data and its static address, for the MAC address that it has', async ({
      signal,
    }) => {
      const userData = `#cloud-config\npackages: []\n# ${'long '.repeat(4_000)}\n`
      const spec = site.spec({
        userData,
        address: {
          type: 'static',
          address: '10.1.2.3',
          prefix: 24,
          gateway: '10.1.2.1',
          nameservers: ['10.1.2.53'],
          searchDomains: ['example.test'],
        },
      })
      await drive(site.adapter(), spec, signal)
      const vm = await site.vcenter.control.vm(spec.name)
      expect(readGuestInfo(vm?.extraConfig ?? {})).toMatchObject({
        instanceId: spec.owner.machine,
        hostName: spec.name,
        addresses: ['10.1.2.3'],
        userData,
      })
      const metadata = Buffer.from(vm?.extraConfig['guestinfo.metadata'] ?? '', 'base64').toString()
      expect(JSON.parse(metadata).network.ethernets.eth0.match.macaddress).toBe(vm?.macs[0])
    })
  })

  describe('user-data that its guest has cleared', () => {
    it('is no drift, and stays cleared when the machine is healed', async ({ signal }) => {
      const spec = site.spec()
      const { cpus } = customSizeOf(spec)
      await drive(site.adapter(), spec, signal)
      const cleared = redacted(['userdata'])
      await site.vcenter.control.reconfigure(spec.name, { extraConfig: cleared })
      const adapter = site.adapter()
      expect(adapter.plan(spec, await adapter.observe(spec, contextOf(signal)))).toEqual([])
      await site.vcenter.control.powerOff(spec.name)
      await site.vcenter.control.reconfigure(spec.name, { cpus: cpus + 1 })
      expect(await drive(adapter, spec, signal)).toMatchObject({ power: 'on', cpus })
      expect((await site.vcenter.control.vm(spec.name))?.extraConfig).toMatchObject(cleared)
    })
  })

  describe('a name that is taken', () => {
    it('by a foreign VM is a fatal outcome that names it, and changes nothing', async ({ signal }) => {
      const theirs = site.spec({ owner: { ...site.spec().owner, gateway: 'somebody/else' } })
      await drive(site.adapter(), theirs, signal)
      const before = await site.vcenter.control.vms()
      const holder = before.find(({ name }) => name === theirs.name)
      const outcome = await startFirst(site.spec({ name: theirs.name }), signal)
      expect(outcome).toMatchObject({
        kind: 'fatal',
        reason: 'NameTaken',
        remedy: expect.stringContaining(holder?.ref ?? '?'),
      })
      expect(outcome).toHaveProperty('message', expect.stringContaining('somebody/else'))
      expect((await site.vcenter.control.vms()).length).toBe(before.length)
    })

    it('is found by preflight', async ({ signal }) => {
      const theirs = site.spec({ owner: { ...site.spec().owner, gateway: 'somebody/else' } })
      await drive(site.adapter(), theirs, signal)
      const findings = await site.adapter().preflight([site.spec({ name: theirs.name }), theirs], contextOf(signal))
      expect(findings).toHaveLength(1)
      expect(findings[0]).toMatchObject({ severity: 'error', subject: `name ${theirs.name}` })
    })
  })

  describe('a copy that somebody makes of our VM', () => {
    it('is not ours, though it copies the marks', async ({ signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      const copied = (await site.vcenter.control.vm(spec.name))?.extraConfig ?? {}
      const copy = site.spec({ owner: { ...site.spec().owner, gateway: 'somebody/else' } })
      await drive(site.adapter(), copy, signal)
      await site.vcenter.control.reconfigure(copy.name, { extraConfig: copied })
      const ours = await ownedBy(site.adapter(), GATEWAY, signal)
      expect(ours.filter(({ owner }) => owner.machine === spec.owner.machine).map(({ name }) => name)).toEqual([
        spec.name,
      ])
    })
  })

  describe('a datastore without room', () => {
    it('is found by preflight, with what is free and what is asked for; a linked clone needs less', async ({
      signal,
    }) => {
      const placement = { ...PLACEMENT, datastore: 'LocalDS_1' }
      await site.vcenter.control.setFreeSpace('LocalDS_1', 8 * 1024 ** 3)
      const spec = site.spec({ placement, disks: [], size: { type: 'custom', cpus: 4, memoryMiB: 1024 } })
      const [finding] = await site.adapter().preflight([spec], contextOf(signal))
      expect(finding).toMatchObject({
        severity: 'error',
        subject: 'datastore LocalDS_1',
        message: 'has 8 GiB free, and 11 GiB are asked for',
      })
      const linked = site.spec({ ...spec, placement: { ...placement, clone: 'linked' }, name: 'linked' })
      expect(await site.adapter().preflight([linked], contextOf(signal))).toEqual([])
      const five = [1, 2, 3, 4, 5].map((n) => ({ ...linked, name: `linked-${n}` }))
      expect(await site.adapter().preflight(five, contextOf(signal))).toHaveLength(1)
    })

    it('ends the clone in a retryable outcome with vCenter’s own words', async ({ signal }) => {
      await site.vcenter.control.setFreeSpace('LocalDS_1', 1024 ** 3)
      const spec = site.spec({ placement: { ...PLACEMENT, datastore: 'LocalDS_1' } })
      const outcome = await untilEnd(await startFirst(spec, signal), signal)
      expect(outcome).toMatchObject({ kind: 'retryable', fault: 'capacity' })
      expect(outcome).toHaveProperty('message', "clone debian-12: Insufficient disk space on datastore 'LocalDS_1'.")
      expect(await site.vcenter.control.vm(spec.name)).toBeNull()
    })
  })

  it('a missing privilege is fatal, and names the privilege and the object by its name', async ({ signal }) => {
    const template = await site.vcenter.control.vm('debian-12')
    const privilege = 'VirtualMachine.Provisioning.DeployTemplate'
    await site.vcenter.control.inject({
      method: 'CloneVM_Task',
      action: 'fault',
      fault: 'NoPermission',
      fields: { PrivilegeId: privilege, Object: { Type: 'VirtualMachine', Value: template?.ref } },
    })
    const outcome = await startFirst(site.spec(), signal)
    expect(outcome).toMatchObject({ kind: 'fatal', reason: 'NoPermission' })
    expect(outcome).toHaveProperty('message', expect.stringContaining(`${privilege} is missing on debian-12`))
  })

  describe('a placement that names what is not there', () => {
    it.for([
      ['datacenter', 'DC9', 'DC0'],
      ['folder', 'nowhere', 'none'],
      ['resourcePool', 'no-pool', 'DC0_C0_RP1'],
      ['datastore', 'no-store', 'LocalDS_1'],
      ['network', 'no-net', 'DC0_DVPG0'],
      ['template', 'no-template', 'debian-12'],
    ] as const)(
      '%s: preflight and clone name it, and what is there instead',
      async ([field, name, instead], { signal }) => {
        const spec = site.spec({ placement: { ...PLACEMENT, [field]: name } })
        const [finding, ...others] = await site.adapter().preflight([spec], contextOf(signal))
        expect(others).toEqual([])
        expect(finding).toMatchObject({ severity: 'error', subject: `${field} ${name}` })
        expect(finding?.message).toContain(instead)
        expect(finding?.remedy).toContain(`placement.${field}`)
        const outcome = await startFirst(spec, signal)
        expect(outcome).toMatchObject({ kind: 'fatal', reason: 'NotFound' })
        expect(outcome).toHaveProperty('message', expect.stringContaining(`${field} ${name} does not exist`))
      },
    )
  })

  it('a task token outlives the adapter that began the task', async ({ signal }) => {
    const spec = site.spec()
    const first = site.adapter()
    const outcome = await first.start(firstStep(spec), spec, contextOf(signal))
    await first.close()
    expect(await follow(site.adapter(), outcome, contextOf(signal))).toBe(true)
    expect(await site.vcenter.control.vm(spec.name)).not.toBeNull()
  })

  it('a task of another vCenter is unknown', async ({ signal }) => {
    const adapter = site.adapter()
    expect(await adapter.poll('clone/another-vcenter/task-1', contextOf(signal))).toMatchObject({ kind: 'unknown' })
  })

  function firstStep(spec: ReturnType<VsphereSite['spec']>): Step {
    const [step] = site.adapter().plan(spec, null)
    if (step === undefined) throw new Error('no step')
    return step
  }

  function startFirst(spec: ReturnType<VsphereSite['spec']>, signal: AbortSignal): Promise<Outcome> {
    return site.adapter().start(firstStep(spec), spec, contextOf(signal))
  }

  async function untilEnd(first: Outcome, signal: AbortSignal): Promise<Outcome> {
    const adapter = site.adapter()
    let outcome = first
    while (outcome.kind === 'running') outcome = await adapter.poll(outcome.token, contextOf(signal))
    return outcome
  }
})

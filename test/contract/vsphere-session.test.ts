import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive, follow, ownedBy } from './drive.ts'
import { GATEWAY, PLACEMENT, VsphereSite } from './vsphere-site.ts'

const vcsim = await peer('vcsim')

describe.skipIf(!vcsim.available)(title('the session with vSphere', vcsim), () => {
  let site: VsphereSite
  beforeAll(async () => {
    site = await VsphereSite.start({ taskMs: 30 })
  })
  afterEach(async () => {
    await site.vcenter.control.healAll()
    await site.vcenter.control.denyPrivileges([])
  })
  afterAll(() => site.close())

  describe('trust', () => {
    it('in the site’s authority', async ({ signal }) => {
      expect(await errorsOf(site.adapter().verify(contextOf(signal)))).toEqual([])
    })

    it('in the certificate’s thumbprint alone, with colons or without', async ({ signal }) => {
      const plain = site.vcenter.thumbprint.replaceAll(':', '').toLowerCase()
      for (const thumbprint of [site.vcenter.thumbprint, plain]) {
        const { authority: _, ...account } = site.account({ thumbprint })
        expect(await errorsOf(site.adapterFor(account).verify(contextOf(signal)))).toEqual([])
      }
    })

    it('is refused to another certificate: the message names its fingerprint, and no password is sent', async ({
      signal,
    }) => {
      const before = await site.vcenter.control.logins()
      const { authority: _, ...account } = site.account()
      const other = { ...account, thumbprint: 'ab'.repeat(32) }
      for (const untrusted of [account, other]) {
        const [error] = await errorsOf(site.adapterFor(untrusted).verify(contextOf(signal)))
        expect(error?.message).toContain(site.vcenter.thumbprint)
        expect(error?.remedy).toContain('spec.thumbprint')
      }
      expect(await site.vcenter.control.logins()).toEqual(before)
    })
  })

  it('refused credentials are tried once, and then answered without asking vCenter', async ({ signal }) => {
    const before = await site.vcenter.control.logins()
    const adapter = site.adapter({}, 'wrong')
    const spec = site.spec()
    const [step] = adapter.plan(spec, null)
    if (step === undefined) throw new Error('no step')
    const answers = await Promise.allSettled([
      adapter.observe(spec, contextOf(signal)),
      adapter.inventory(contextOf(signal)),
      ownedBy(adapter, GATEWAY, signal),
      adapter.observe(spec, contextOf(signal)),
    ])
    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'credentials' } })
    expect(await adapter.start(step, spec, contextOf(signal))).toMatchObject({ kind: 'credentials' })
    await expect(adapter.verify(contextOf(signal))).rejects.toMatchObject({
      code: 'credentials',
      message: expect.stringContaining(site.vcenter.username),
    })
    const after = await site.vcenter.control.logins()
    expect(after.refused - before.refused).toBe(1)
  })

  it('is one for all callers, and ended by close', async ({ signal }) => {
    const before = await site.vcenter.control.logins()
    const open = (await site.vcenter.control.sessions()).length
    const adapter = site.adapter()
    await Promise.all(Array.from({ length: 10 }, () => adapter.observe(site.spec(), contextOf(signal))))
    expect((await site.vcenter.control.logins()).accepted - before.accepted).toBe(1)
    expect((await site.vcenter.control.sessions()).length - open).toBe(1)
    await adapter.close()
    expect((await site.vcenter.control.sessions()).length).toBe(open)
  })

  it('that expired is opened anew once, for all who find it so', async ({ signal }) => {
    const adapter = site.adapter()
    const spec = site.spec()
    await drive(adapter, spec, signal)
    const before = await site.vcenter.control.logins()
    await site.vcenter.control.expireSessions()
    const seen = await Promise.all(Array.from({ length: 10 }, () => adapter.observe(spec, contextOf(signal))))
    for (const observed of seen) expect(observed).toMatchObject({ power: 'on' })
    expect((await site.vcenter.control.logins()).accepted - before.accepted).toBe(1)
  })

  it('that expired while a listing was read never makes it look empty', async ({ signal }) => {
    const adapter = site.adapter()
    const spec = site.spec()
    await drive(adapter, spec, signal)
    await site.vcenter.control.expireSessions()
    expect(await ownedBy(adapter, GATEWAY, signal)).toContainEqual(expect.objectContaining({ name: spec.name }))
  })

  it('that expired while a task ran is opened anew to follow it', async ({ signal }) => {
    const adapter = site.adapter()
    const spec = site.spec()
    const [step] = adapter.plan(spec, null)
    if (step === undefined) throw new Error('no step')
    const outcome = await adapter.start(step, spec, contextOf(signal))
    await site.vcenter.control.expireSessions()
    expect(await follow(adapter, outcome, contextOf(signal))).toBe(true)
  })

  it('waits for changes by one outstanding call, however many watch and follow tasks', async ({ signal }) => {
    const alone = await VsphereSite.start({ taskMs: 200 })
    onTestFinished(() => alone.close())
    const adapter = alone.adapter()
    const controller = new AbortController()
    const watches = [1, 2, 3].map(() => Array.fromAsync(adapter.watch(GATEWAY, contextOf(controller.signal))))
    const specs = [alone.spec(), alone.spec(), alone.spec()]
    await Promise.all(specs.map((spec) => drive(adapter, spec, signal)))
    const { outstanding } = await alone.vcenter.control.stats()
    controller.abort()
    await Promise.allSettled(watches)
    expect(outstanding.WaitForUpdatesEx?.max).toBe(1)
  })

  it('lets a watch live through a lost connection and an expired session, and tells what changed meanwhile', async ({
    signal,
  }) => {
    const adapter = site.adapter()
    const spec = site.spec()
    await drive(adapter, spec, signal)
    const controller = new AbortController()
    const changes = adapter
      .watch(GATEWAY, contextOf(AbortSignal.any([signal, controller.signal])))
      [Symbol.asyncIterator]()
    const nextOfOurs = async () => {
      for (;;) {
        const { value } = await changes.next()
        if (value?.machine === spec.owner.machine) return value
      }
    }
    expect(await nextOfOurs()).toMatchObject({ observed: { power: 'on' } })
    await site.vcenter.control.inject({ method: 'WaitForUpdatesEx', action: 'cut-before', times: 3 })
    await site.vcenter.control.expireSessions()
    await site.vcenter.control.destroy(spec.name)
    let change = await nextOfOurs()
    while (change.observed !== null) change = await nextOfOurs()
    controller.abort()
  })

  describe('a lost reply', () => {
    it.for(['CloneVM_Task', 'ReconfigVM_Task', 'PowerOnVM_Task'])(
      'of %s is unknown, and leads to one machine all the same',
      async (method, { signal }) => {
        const adapter = site.adapter()
        const spec = site.spec()
        const injected = await site.vcenter.control.inject({ method, action: 'cut-after' })
        const outcomes: string[] = []
        for (let round = 0; round < 20; round += 1) {
          const step = adapter.plan(spec, await adapter.observe(spec, contextOf(signal)))[0]
          if (step === undefined) break
          const outcome = await adapter.start(step, spec, contextOf(signal))
          outcomes.push(outcome.kind)
          await follow(adapter, outcome, contextOf(signal))
        }
        expect(await injected.taken()).toBe(1)
        expect(outcomes).toContain('unknown')
        expect(await adapter.observe(spec, contextOf(signal))).toMatchObject({ power: 'on', disksKiB: { length: 2 } })
        const ours = await ownedBy(adapter, GATEWAY, signal)
        expect(ours.filter(({ owner }) => owner.machine === spec.owner.machine)).toHaveLength(1)
      },
    )

    it('of a clone that takes its time makes no second one, and no other machine waits for it', async ({ signal }) => {
      await site.vcenter.control.setTaskTime(1_500)
      onTestFinished(() => site.vcenter.control.setTaskTime(30))
      const adapter = site.adapter()
      const [lost, later] = [site.spec(), site.spec()]
      const [step] = adapter.plan(lost, null)
      if (step === undefined) throw new Error('no step')
      expect(await adapter.observe(lost, contextOf(signal))).toBeNull()
      await site.vcenter.control.inject({ method: 'CloneVM_Task', action: 'cut-after', matching: lost.name })
      expect(await adapter.start(step, lost, contextOf(signal))).toMatchObject({ kind: 'unknown' })
      const seen = await adapter.observe(lost, contextOf(signal))
      expect(adapter.plan(lost, seen)[0]?.kind).toBe('await-clone')
      expect(await adapter.start(step, lost, contextOf(signal))).toMatchObject({ kind: 'running' })

      // Another adapter's clone, begun meanwhile, is nothing to wait for.
      const other = site.adapter()
      expect(await adapter.observe(later, contextOf(signal))).not.toBeNull()
      await drive(adapter, lost, signal)
      await other.start(step, later, contextOf(signal))
      expect(await adapter.observe(site.spec(), contextOf(signal))).toBeNull()
      const ours = await ownedBy(adapter, GATEWAY, signal)
      expect(ours.filter(({ owner }) => owner.machine === lost.owner.machine)).toHaveLength(1)
      await drive(other, later, signal)
    })

    it('of Destroy_Task leads to its being gone', async ({ signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      await site.vcenter.control.inject({ method: 'Destroy_Task', action: 'cut-after' })
      expect(await drive(site.adapter(), { ...spec, want: 'absent' }, signal)).toBeNull()
      expect(await site.vcenter.control.vm(spec.name)).toBeNull()
    })

    it('of a reading call is asked for again', async ({ signal }) => {
      const spec = site.spec()
      await drive(site.adapter(), spec, signal)
      await site.vcenter.control.inject({ method: 'FindByUuid', action: 'cut-after' })
      expect(await site.adapter().observe(spec, contextOf(signal))).toMatchObject({ power: 'on' })
    })
  })

  it('takes an answer that is no vCenter’s for an error', async ({ signal }) => {
    await site.vcenter.control.inject({ method: 'FindByUuid', action: 'status', status: 503, times: -1 })
    await expect(site.adapter().observe(site.spec(), contextOf(signal))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('verify says which privileges are missing on which object', async ({ signal }) => {
    await site.vcenter.control.denyPrivileges(['Datastore.AllocateSpace', 'VirtualMachine.Interact.PowerOn'])
    const errors = await errorsOf(site.adapter().verify(contextOf(signal)))
    expect(errors.map(({ subject, message }) => `${subject} ${message}`)).toEqual([
      'folder /DC0/vm the user lacks VirtualMachine.Interact.PowerOn',
      'datastore LocalDS_0 the user lacks Datastore.AllocateSpace',
      'datastore LocalDS_1 the user lacks Datastore.AllocateSpace',
    ])
    const preflight = await site.adapter().preflight([site.spec()], contextOf(signal))
    expect(preflight.map(({ subject }) => subject)).toEqual(['folder /DC0/vm', 'datastore LocalDS_0'])
  })

  it('inventory lists what a placement may name, under the name to write', async ({ signal }) => {
    await site.vcenter.control.makeFolder('prod/web')
    const items = await site.adapter().inventory(contextOf(signal))
    const named = items.map(({ kind, name }) => `${kind} ${name}`)
    expect(named).toEqual(
      expect.arrayContaining([
        'datacenter DC0',
        'cluster DC0_C0',
        'resource-pool DC0_C0_RP1',
        'datastore LocalDS_0',
        'network VM Network',
        'network DC0_DVPG0',
        'folder prod',
        'folder prod/web',
        'template debian-12',
      ]),
    )
    expect(named.filter((one) => one.includes('Uplink'))).toEqual([])
    const datastore = items.find(({ name }) => name === 'LocalDS_0')
    expect(datastore?.detail).toEqual({
      id: expect.any(String),
      datacenter: 'DC0',
      type: expect.any(String),
      freeGiB: expect.any(Number),
      capacityGiB: expect.any(Number),
    })
    const cluster = items.find(({ kind }) => kind === 'cluster')
    expect(cluster?.detail).toEqual({
      id: expect.any(String),
      datacenter: 'DC0',
      hosts: 2,
      cores: expect.any(Number),
      memoryGiB: expect.any(Number),
    })
  })

  it('a machine goes into the folder that its placement names', async ({ signal }) => {
    await site.vcenter.control.makeFolder('prod/db')
    const spec = site.spec({ placement: { ...PLACEMENT, folder: 'prod/db' } })
    expect(await site.adapter().preflight([spec], contextOf(signal))).toEqual([])
    await drive(site.adapter(), spec, signal)
    expect((await site.vcenter.control.vm(spec.name))?.folder).toBe('db')
  })
})

async function errorsOf<T extends { readonly severity: string }>(findings: Promise<readonly T[]>): Promise<T[]> {
  return (await findings).filter(({ severity }) => severity === 'error')
}

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openSession, type Session } from '../../adapters/vsphere/session.ts'
import { readAllVms } from '../../adapters/vsphere/vm-records.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { peer, title } from '../peers/peer.ts'
import type { Vcsim } from '../peers/vcsim.ts'
import { drive, ownedBy } from './drive.ts'
import { GATEWAY, VsphereSite } from './vsphere-site.ts'

const vcsim = await peer('vcsim')
/** More than one portion. */
const MACHINES = 300
const PROPERTIES = [
  'name',
  'parent',
  'runtime.powerState',
  'guest.ipAddress',
  'config.template',
  'config.uuid',
  'config.instanceUuid',
  'config.hardware',
] as const

describe.skipIf(!vcsim.available)(title('retrieving the whole inventory of vSphere', vcsim), () => {
  let site: VsphereSite
  let vcenter: Vcsim
  let session: Session
  beforeAll(async () => {
    site = await VsphereSite.start({ machines: MACHINES })
    vcenter = site.vcenter
    const trust = { authority: vcenter.authorityPem }
    session = openSession(vcenter, trust, vcenter, { clock: systemClock, log: silentLog })
  })
  afterEach(() => vcenter.control.healAll())
  afterAll(async () => {
    await session?.close()
    await site?.close()
  })

  const retrieve = (signal: AbortSignal) => readAllVms(session, { properties: PROPERTIES }, signal)

  it('gives every VM as vCenter has it', async ({ signal }) => {
    await vcenter.control.setGuest('DC0_C0_RP0_VM7', { addresses: ['10.1.2.3'], hostName: 'seven' })
    await vcenter.control.powerOff('DC0_C0_RP0_VM8')
    const found = await retrieve(signal)
    const shown = found.map((vm) => ({
      ref: vm.ref,
      name: vm.name,
      power: vm.powerState,
      uuid: vm.uuid,
      instanceUuid: vm.instanceUuid,
      cpus: vm.hardware?.cpus,
      memoryMB: vm.hardware?.memoryMiB,
      disksKB: vm.hardware?.disks.map((disk) => disk.capacityKiB),
      macs: vm.hardware?.nics.map((nic) => nic.macAddress),
      addresses: vm.guestAddress === null ? [] : [vm.guestAddress],
      template: vm.template,
    }))
    const expected = (await vcenter.control.vms()).map((vm) => ({
      ref: vm.ref,
      name: vm.name,
      power: vm.power,
      uuid: vm.uuid,
      instanceUuid: vm.instanceUuid,
      cpus: vm.cpus,
      memoryMB: vm.memoryMB,
      disksKB: vm.disksKB,
      macs: vm.macs,
      addresses: vm.addresses,
      template: vm.template,
    }))
    const byRef = (one: { ref: string }, other: { ref: string }) => one.ref.localeCompare(other.ref)
    expect(shown).toHaveLength(MACHINES + 1)
    expect(shown.sort(byRef)).toEqual(expected.sort(byRef))
  })

  it('leaves out a VM that is deleted meanwhile', async ({ signal }) => {
    const held = await vcenter.control.inject({
      method: 'RetrievePropertiesEx',
      skip: 1,
      action: 'delay',
      delayMs: 500,
    })
    const retrieving = retrieve(signal)
    while ((await held.taken()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await vcenter.control.destroy('DC0_C0_RP0_VM9')
    const names = (await retrieving).map((vm) => vm.name)
    expect(names.filter((name) => name !== 'DC0_C0_RP0_VM9')).toHaveLength(MACHINES)
  })

  it('logs in again, once, where the session ends meanwhile', async ({ signal }) => {
    await retrieve(signal)
    const before = await vcenter.control.logins()
    const held = await vcenter.control.inject({ method: 'RetrievePropertiesEx', skip: 2, action: 'hold' })
    const retrieving = retrieve(signal)
    while ((await held.taken()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await vcenter.control.expireSessions()
    await held.heal()
    expect(await retrieving).toHaveLength(MACHINES)
    expect((await vcenter.control.logins()).accepted - before.accepted).toBe(1)
  })

  it('asks once more where an answer was lost, and then says so', async ({ signal }) => {
    await vcenter.control.inject({ method: 'RetrievePropertiesEx', skip: 1, action: 'cut-after' })
    expect(await retrieve(signal)).toHaveLength(MACHINES)
    await vcenter.control.inject({ method: 'RetrievePropertiesEx', action: 'cut-after', times: -1 })
    await expect(retrieve(signal)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('takes an answer that is no vCenter’s for an error', async ({ signal }) => {
    await vcenter.control.inject({ method: 'CreateContainerView', action: 'status', status: 503, times: -1 })
    await expect(retrieve(signal)).rejects.toMatchObject({ code: 'unavailable', subject: 'spec.server' })
  })

  it('ends at once when it is aborted', async () => {
    await vcenter.control.inject({ method: 'RetrievePropertiesEx', skip: 1, action: 'hold' })
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 100)
    await expect(retrieve(controller.signal)).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('finds all that is ours among the others, with labels or without', async ({ signal }) => {
    const adapter = site.adapter()
    const ours = [1, 2, 3].map(() => site.spec())
    const theirs = site.spec({ owner: { ...site.spec().owner, gateway: 'somebody/else' } })
    for (const spec of [...ours, theirs]) await drive(adapter, spec, signal)
    await vcenter.control.inject({ method: 'SetField', action: 'fault', fault: 'NoPermission', times: -1 })
    const unlabelled = site.spec()
    await drive(adapter, unlabelled, signal)
    expect((await vcenter.control.vm(unlabelled.name))?.attributes).toEqual({})

    const found = await ownedBy(site.adapter(), GATEWAY, signal)
    const expected = [...ours, unlabelled].map(({ name, owner }) => ({
      kind: 'VirtualMachine',
      id: expect.stringMatching(/^vm-/),
      name,
      owner,
    }))
    expect(found.toSorted(byName)).toEqual(expected.toSorted(byName))
    expect(await ownedBy(site.adapter(), 'somebody/else', signal)).toHaveLength(1)
  })

  it('throws where a VM might be ours and cannot be read', async ({ signal }) => {
    const adapter = site.adapter()
    await ownedBy(adapter, GATEWAY, signal)
    const denied = { action: 'fault', fault: 'NoPermission' } as const
    await vcenter.control.inject({ method: 'RetrievePropertiesEx', skip: 1, ...denied })
    await expect(ownedBy(adapter, GATEWAY, signal)).rejects.toMatchObject({ code: 'denied' })
  })
})

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name.localeCompare(other.name)
}

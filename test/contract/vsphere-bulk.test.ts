import { Agent } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BulkOptions, retrieveAllVms } from '../../adapters/vsphere/bulk.ts'
import { httpsChannel } from '../../adapters/vsphere/bulk-channel.ts'
import { peer, title } from '../peers/peer.ts'
import { logIn } from '../peers/vcenter-login.ts'
import { startVcsim, type Vcsim } from '../peers/vcsim.ts'

const vcsim = await peer('vcsim')
/** More than one portion. */
const MACHINES = 300

describe.skipIf(!vcsim.available)(title('retrieving the whole inventory of vSphere', vcsim), () => {
  let vcenter: Vcsim
  let agent: Agent
  let cookie: string
  beforeAll(async () => {
    vcenter = await startVcsim({ machines: MACHINES })
    agent = new Agent({ keepAlive: true, ca: vcenter.authorityPem })
    cookie = await logIn({ ...vcenter, agent })
  })
  afterAll(async () => {
    agent.destroy()
    await vcenter.close()
  })

  function retrieve(signal: AbortSignal, asWhom = cookie) {
    const channel = httpsChannel({ host: vcenter.host, port: vcenter.port, agent, cookie: async () => asWhom })
    const options: BulkOptions = {
      propertyCollector: { type: 'PropertyCollector', value: 'propertyCollector' },
      viewManager: { type: 'ViewManager', value: 'ViewManager' },
      container: { type: 'Folder', value: 'group-d1' },
      properties: [
        'name',
        'runtime.powerState',
        'guest.ipAddress',
        'config.uuid',
        'config.instanceUuid',
        'config.hardware',
        'summary',
      ],
      signal,
    }
    return retrieveAllVms(channel, options)
  }

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
      template: vm.summary?.template,
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

  it('says that nobody is logged in, rather than that there are no VMs', async ({ signal }) => {
    await expect(retrieve(signal, 'vmware_soap_session=nobody')).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('says that the answer was lost', async ({ signal }) => {
    await vcenter.control.inject({ method: 'RetrievePropertiesEx', skip: 1, action: 'cut-after' })
    await expect(retrieve(signal)).rejects.toMatchObject({ code: 'interrupted' })
  })
})

/** vCenter, unlike its simulator, insists on the order of elements and on declared namespaces; so the requests themselves are looked at. */
import { describe, expect, it } from 'vitest'
import { cloneSpec, reconfigureSpec } from '../../../adapters/vsphere/clone-spec.ts'
import { readDevices } from '../../../adapters/vsphere/devices.ts'
import { soapRef } from '../../../adapters/vsphere/moref.ts'
import type { ResolvedPlacement } from '../../../adapters/vsphere/placement.ts'
import { Transport } from '../../../adapters/vsphere/transport.ts'
import { VimClient } from '../../../adapters/vsphere/vim-client.ts'
import { machine, observed, PLACEMENT } from './fixtures.ts'

const DISK = {
  xsiType: 'VirtualDisk',
  key: 2000,
  deviceInfo: { label: 'Hard disk 1', summary: '10 GB' },
  backing: {
    xsiType: 'VirtualDiskFlatVer2BackingInfo',
    fileName: '[fast] debian-12/debian-12.vmdk',
    diskMode: 'persistent',
    thinProvisioned: true,
  },
  controllerKey: 1000,
  unitNumber: 0,
  capacityInKB: 10 * 1024 ** 2,
}
const card = (key: number) => ({
  xsiType: 'VirtualVmxnet3',
  key,
  backing: { xsiType: 'X', deviceName: 'old', network: { type: 'Network', value: 'network-1' } },
  macAddress: '00:50:56:00:00:09',
  controllerKey: 100,
  unitNumber: 7,
})
const DEVICES = readDevices([card(4001), card(4000), DISK])
const node = { ref: { type: 'X', value: 'x-1' }, name: 'x', parent: undefined, values: new Map() }
const RESOLVED: ResolvedPlacement = {
  datacenter: node,
  folder: { type: 'Folder', value: 'group-v3' },
  pool: { ...node, ref: { type: 'ResourcePool', value: 'resgroup-8' } },
  datastore: { ref: { type: 'Datastore', value: 'datastore-9' }, name: 'fast', freeBytes: 0 },
  network: { kind: 'distributed', portgroupKey: 'dvportgroup-1', switchUuid: 'aa bb' },
  networkNode: node,
  template: node,
  isTemplate: true,
}

class Recording extends Transport {
  sent = ''

  override async post(body: string): Promise<{ status: number; body: string }> {
    this.sent = body
    return { status: 503, body: '' }
  }
}

async function sent(operation: string, args: object): Promise<string> {
  const transport = new Recording({ host: '127.0.0.1', port: 1 }, {})
  const vm = soapRef({ type: 'VirtualMachine', value: 'vm-1' })
  await new VimClient(transport)
    .call(operation, { _this: vm, ...args }, { signal: new AbortController().signal })
    .catch(() => undefined)
  transport.close()
  return transport.sent
}

describe('the request for a clone', () => {
  const template = { devices: DEVICES, snapshot: { type: 'VirtualMachineSnapshot', value: 'snapshot-2' } }
  const request = (spec = machine()) =>
    sent('CloneVM_Task', {
      folder: soapRef(RESOLVED.folder),
      name: spec.name,
      spec: cloneSpec(spec, RESOLVED, template),
    })

  it('has its elements in the order of the API', async () => {
    const xml = await request(machine({ placement: { ...PLACEMENT, clone: 'linked' } }))
    expect(orderOf(xml, ['_this', 'folder', 'name', 'spec'])).toBe(true)
    expect(orderOf(xml, ['datastore', 'diskMoveType', 'pool', 'template', 'config', 'powerOn', 'snapshot'])).toBe(true)
    expect(orderOf(xml, ['instanceUuid', 'annotation', 'numCPUs', 'memoryMB', 'deviceChange', 'extraConfig'])).toBe(
      true,
    )
  })

  it('declares the namespaces of the types that it names', async () => {
    const xml = await request()
    expect(xml.match(/xsi:type="xsd:string"/g)?.length).toBe(
      xml.match(/xmlns:xsd="http:\/\/www.w3.org\/2001\/XMLSchema" xsi:type="xsd:string"/g)?.length,
    )
    expect(xml).toContain('xmlns="urn:vim25"')
  })

  it('grows the first disk of a full clone, adds disks on free units, and leaves one card on the network', async () => {
    const xml = await request(machine({ diskGiB: 20, disks: [{ sizeGiB: 5 }] }))
    const changes = xml.split('<vim25:deviceChange>').slice(1)
    expect(changes.map((change) => /operation>(\w+)/.exec(change)?.[1])).toEqual(['edit', 'add', 'edit', 'remove'])
    expect(changes[0]).toContain(`<vim25:capacityInKB>${20 * 1024 ** 2}<`)
    expect(changes[1]).toContain('<vim25:unitNumber>1<')
    expect(changes[2]).toContain('<vim25:key>4000<')
    expect(changes[2]).toContain('<vim25:portgroupKey>dvportgroup-1<')
    expect(changes[2]).not.toContain('macAddress')
    expect(changes[3]).toContain('<vim25:key>4001<')
  })

  it('links to the template’s snapshot only when asked to', async () => {
    expect(await request()).not.toContain('snapshot-2')
    expect(await request(machine({ placement: { ...PLACEMENT, clone: 'linked' } }))).toContain('snapshot-2')
  })
})

describe('the request for a reconfiguration', () => {
  it('is none where nothing differs', () => {
    expect(reconfigureSpec(machine(), observed(), DEVICES, 'v1')).toBeUndefined()
  })

  it('holds vCenter to the version that was read, and adds only what is missing', async () => {
    const state = observed({ disksKiB: [20 * 1024 ** 2], power: 'off', metadataMac: undefined })
    const xml = await sent('ReconfigVM_Task', { spec: reconfigureSpec(machine(), state, DEVICES, 'v1') })
    expect(orderOf(xml, ['changeVersion', 'numCPUs', 'memoryMB', 'deviceChange', 'extraConfig'])).toBe(true)
    expect(xml.match(/<vim25:deviceChange>/g)).toHaveLength(1)
    expect(xml).toContain('guestinfo.metadata')
    expect(xml).not.toContain('guestinfo.userdata')
  })
})

/** Whether the elements first stand in this order. */
function orderOf(xml: string, names: readonly string[]): boolean {
  const places = names.map((name) => xml.search(new RegExp(`<vim25:${name}[ >]`)))
  return places.every((place, index) => place > (places[index - 1] ?? -1))
}

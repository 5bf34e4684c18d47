/** A VM's disks and network cards: what is read of them, and the changes that are asked for. */
import { PcgError } from '../../runtime/pcg-error.ts'
import { type MoRef, soapRef } from './moref.ts'
import { field, flag, list, number, ref, text } from './soap-value.ts'

export interface Disk {
  readonly key: number
  readonly sizeKiB: number
  /** As vCenter gave it. */
  readonly device: unknown
}

export interface Nic {
  readonly key: number
  readonly mac: string | undefined
  readonly device: unknown
}

export interface Devices {
  /** In the order in which the guest sees them. */
  readonly disks: readonly Disk[]
  readonly nics: readonly Nic[]
  /** Units that are taken, for each controller's key. */
  readonly units: ReadonlyMap<number, ReadonlySet<number>>
}

export type NetworkBacking =
  | { readonly kind: 'standard'; readonly network: MoRef; readonly name: string }
  | { readonly kind: 'distributed'; readonly portgroupKey: string; readonly switchUuid: string }
  | { readonly kind: 'opaque'; readonly networkId: string; readonly networkType: string }

const GIB_IN_KIB = 1024 * 1024
/** A SCSI controller's own unit. */
const CONTROLLER_UNIT = 7
const SCSI_UNITS = 16

export function readDevices(devices: unknown): Devices {
  const disks: (Disk & { readonly at: readonly [number, number] })[] = []
  const nics: Nic[] = []
  const units = new Map<number, Set<number>>()
  for (const device of list(devices)) {
    const key = number(device, 'key') ?? 0
    const controller = number(device, 'controllerKey')
    const unit = number(device, 'unitNumber')
    if (controller !== undefined && unit !== undefined) {
      const taken = units.get(controller) ?? new Set()
      units.set(controller, taken.add(unit))
    }
    if (text(device, 'xsiType') === 'VirtualDisk') {
      disks.push({ key, sizeKiB: number(device, 'capacityInKB') ?? 0, device, at: [controller ?? 0, unit ?? 0] })
    } else if (text(device, 'macAddress') !== undefined || text(device, 'addressType') !== undefined) {
      nics.push({ key, mac: text(device, 'macAddress'), device })
    }
  }
  disks.sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1])
  nics.sort((a, b) => a.key - b.key)
  return { disks, nics, units }
}

export function gibToKib(gib: number): number {
  return gib * GIB_IN_KIB
}

/** Grows a disk. Its backing goes with it: vCenter, and more so its simulator, wants whole devices. */
export function growDisk(disk: Disk, sizeGiB: number): object {
  const backing = field(disk.device, 'backing')
  if (text(backing, 'xsiType') !== 'VirtualDiskFlatVer2BackingInfo') {
    throw new PcgError('invalid', `a disk on ${text(backing, 'xsiType') ?? 'nothing'} can't be resized`, {
      subject: 'diskGiB',
      remedy: 'Leave diskGiB out, or make the template with a plain VMDK.',
    })
  }
  const datastore = ref(backing, 'datastore')
  return {
    operation: 'edit',
    device: {
      attributes: { 'xsi:type': 'VirtualDisk' },
      ...baseFields(disk.device, {
        attributes: { 'xsi:type': 'VirtualDiskFlatVer2BackingInfo' },
        fileName: text(backing, 'fileName') ?? '',
        ...(datastore === undefined ? {} : { datastore: soapRef(datastore) }),
        diskMode: text(backing, 'diskMode') ?? 'persistent',
        ...present('split', flag(backing, 'split')),
        ...present('writeThrough', flag(backing, 'writeThrough')),
        ...present('thinProvisioned', flag(backing, 'thinProvisioned')),
        ...present('eagerlyScrub', flag(backing, 'eagerlyScrub')),
        ...present('uuid', text(backing, 'uuid')),
      }),
      capacityInKB: gibToKib(sizeGiB),
    },
  }
}

/** New, empty, thin disks beside the first one, on the VM's own datastore. */
export function addDisks(devices: Devices, sizesGiB: readonly number[]): object[] {
  if (sizesGiB.length === 0) return []
  const controllerKey = number(devices.disks[0]?.device, 'controllerKey')
  if (controllerKey === undefined) {
    throw new PcgError('invalid', 'the template has no disk, so no controller to add disks to', {
      subject: 'template',
      remedy: 'Name a template that has a disk.',
    })
  }
  const taken = devices.units.get(controllerKey) ?? new Set()
  const free = Array.from({ length: SCSI_UNITS }, (_, unit) => unit).filter(
    (unit) => unit !== CONTROLLER_UNIT && !taken.has(unit),
  )
  return sizesGiB.map((sizeGiB, index) => {
    const unitNumber = free[index]
    if (unitNumber === undefined) {
      throw new PcgError(
        'invalid',
        `the VM's disk controller has room for ${free.length} more disks, not ${sizesGiB.length}`,
        {
          subject: 'disks',
          remedy: 'Ask for fewer disks.',
        },
      )
    }
    return {
      operation: 'add',
      fileOperation: 'create',
      device: {
        attributes: { 'xsi:type': 'VirtualDisk' },
        key: -(101 + index),
        backing: {
          attributes: { 'xsi:type': 'VirtualDiskFlatVer2BackingInfo' },
          fileName: '',
          diskMode: 'persistent',
          thinProvisioned: true,
        },
        controllerKey,
        unitNumber,
        capacityInKB: gibToKib(sizeGiB),
      },
    }
  })
}

/** Puts the first network card on the network, with a new MAC address, and removes the others: a machine has one. */
export function connectNics(nics: readonly Nic[], network: NetworkBacking): object[] {
  const [first, ...others] = nics
  const backing = networkBacking(network)
  if (first === undefined) {
    const device = { attributes: { 'xsi:type': 'VirtualVmxnet3' }, key: -201, backing, connectable: CONNECTED }
    return [{ operation: 'add', device: { ...device, addressType: 'generated' } }]
  }
  const type = { 'xsi:type': text(first.device, 'xsiType') ?? 'VirtualVmxnet3' }
  return [
    {
      operation: 'edit',
      device: { attributes: type, ...baseFields(first.device, backing, CONNECTED), addressType: 'generated' },
    },
    ...others.map(({ key, device }) => ({
      operation: 'remove',
      device: {
        attributes: { 'xsi:type': text(device, 'xsiType') ?? 'VirtualVmxnet3' },
        key,
        ...present('backing', sameBacking(field(device, 'backing'))),
      },
    })),
  ]
}

const CONNECTED = { startConnected: true, allowGuestControl: true, connected: true }

/** In the API's order: key, deviceInfo, backing, connectable, controllerKey, unitNumber. */
function baseFields(device: unknown, backing: object, connectable?: object): object {
  return {
    key: number(device, 'key'),
    deviceInfo: {
      attributes: { 'xsi:type': 'Description' },
      label: text(device, 'deviceInfo', 'label') ?? '',
      summary: text(device, 'deviceInfo', 'summary') ?? '',
    },
    backing,
    ...present('connectable', connectable),
    ...present('controllerKey', number(device, 'controllerKey')),
    ...present('unitNumber', number(device, 'unitNumber')),
  }
}

function networkBacking(network: NetworkBacking): object {
  switch (network.kind) {
    case 'standard':
      return {
        attributes: { 'xsi:type': 'VirtualEthernetCardNetworkBackingInfo' },
        deviceName: network.name,
        network: soapRef(network.network),
      }
    case 'distributed':
      return {
        attributes: { 'xsi:type': 'VirtualEthernetCardDistributedVirtualPortBackingInfo' },
        port: { switchUuid: network.switchUuid, portgroupKey: network.portgroupKey },
      }
    case 'opaque':
      return {
        attributes: { 'xsi:type': 'VirtualEthernetCardOpaqueNetworkBackingInfo' },
        opaqueNetworkId: network.networkId,
        opaqueNetworkType: network.networkType,
      }
  }
}

/** A card's backing as it was read; undefined for a kind that we don't know, which vCenter needs no backing of. */
function sameBacking(backing: unknown): object | undefined {
  const network = ref(backing, 'network')
  const name = text(backing, 'deviceName')
  if (network !== undefined && name !== undefined) return networkBacking({ kind: 'standard', network, name })
  const switchUuid = text(backing, 'port', 'switchUuid')
  const portgroupKey = text(backing, 'port', 'portgroupKey')
  if (switchUuid === undefined || portgroupKey === undefined) return undefined
  return networkBacking({ kind: 'distributed', switchUuid, portgroupKey })
}

function present(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value }
}

import { count, flag, ownText, sharedText } from './bulk-field.ts'
import { children, type Rule } from './bulk-rule.ts'
import type { VmDisk, VmHardware, VmNic } from './vm-model.ts'

type Draft<T> = { -readonly [K in keyof T]: T[K] }

/** `VirtualHardware`: its disks and network cards, known by their `xsi:type`; other devices are passed over. */
export function hardwareRule(found: (hardware: VmHardware) => void): Rule {
  let cpus = 0
  let coresPerSocket = 1
  let memoryMiB = 0
  let disks: VmDisk[] = []
  let nics: VmNic[] = []
  const disk = diskRule((one) => disks.push(one))
  const nic = nicRule((one) => nics.push(one))
  return {
    children: children({
      numCPU: count((value) => {
        cpus = value
      }),
      numCoresPerSocket: count((value) => {
        coresPerSocket = value
      }),
      memoryMB: count((value) => {
        memoryMiB = value
      }),
      device: { choose: (type) => (type === 'VirtualDisk' ? disk.start() : nic.start(type)) },
    }),
    end: () => {
      found({ cpus, coresPerSocket, memoryMiB, disks, nics })
      cpus = 0
      coresPerSocket = 1
      memoryMiB = 0
      disks = []
      nics = []
    },
  }
}

function diskRule(found: (disk: VmDisk) => void): { start(): Rule } {
  let disk = emptyDisk()
  const rule: Rule = {
    children: children({
      key: count((value) => {
        disk.key = value
      }),
      deviceInfo: {
        children: children({
          label: ownText((value) => {
            disk.label = value
          }),
        }),
      },
      backing: {
        children: children({
          fileName: ownText((value) => {
            disk.file = value
          }),
          datastore: sharedText((value) => {
            disk.datastore = value
          }),
          thinProvisioned: flag((value) => {
            disk.thin = value
          }),
        }),
      },
      controllerKey: count((value) => {
        disk.controllerKey = value
      }),
      unitNumber: count((value) => {
        disk.unitNumber = value
      }),
      capacityInKB: count((value) => {
        disk.capacityKiB = value
      }),
    }),
    end: () => found(disk),
  }
  return {
    start: () => {
      disk = emptyDisk()
      return rule
    },
  }
}

/** The subtypes of VirtualEthernetCard. */
const ETHERNET_CARDS = new Set([
  'VirtualEthernetCard',
  'VirtualE1000',
  'VirtualE1000e',
  'VirtualPCNet32',
  'VirtualSriovEthernetCard',
  'VirtualVmxnet',
  'VirtualVmxnet2',
  'VirtualVmxnet3',
  'VirtualVmxnet3Vrdma',
])

function nicRule(found: (nic: VmNic) => void): { start(type: string): Rule | undefined } {
  let nic = emptyNic('')
  const network = sharedText((value) => {
    nic.network = value
  })
  const rule: Rule = {
    children: children({
      key: count((value) => {
        nic.key = value
      }),
      deviceInfo: {
        children: children({
          label: ownText((value) => {
            nic.label = value
          }),
        }),
      },
      backing: {
        children: children({
          port: { children: children({ portgroupKey: network }) },
          network,
          opaqueNetworkId: network,
          deviceName: sharedText((value) => {
            nic.network ??= value
          }),
        }),
      },
      connectable: {
        children: children({
          connected: flag((value) => {
            nic.connected = value
          }),
        }),
      },
      macAddress: ownText((value) => {
        nic.macAddress = value
      }),
    }),
    end: () => found(nic),
  }
  return {
    start: (type) => {
      if (!ETHERNET_CARDS.has(type)) return undefined
      nic = emptyNic(type)
      return rule
    },
  }
}

function emptyDisk(): Draft<VmDisk> {
  const unknown = { file: null, datastore: null, controllerKey: null, unitNumber: null }
  return { key: 0, label: '', capacityKiB: 0, thin: false, ...unknown }
}

function emptyNic(model: string): Draft<VmNic> {
  return { key: 0, label: '', model, macAddress: null, network: null, connected: false }
}

/** A VM of ours as vCenter shows it, with what the plan looks at. */
import type { ExternalObject, Observed, OwnerMark } from '../adapter.ts'
import { readDevices } from './devices.ts'
import { unescapeName } from './inventory-tree.ts'
import type { MoRef } from './moref.ts'
import { METADATA_MAC, readExtraConfig, readOwner, TEMPLATE_DISKS } from './owner-mark.ts'
import { list, number, text } from './soap-value.ts'

export interface VsphereObserved extends Observed {
  /** The VM; undefined while a clone that may become it is under way. */
  readonly vm: MoRef | undefined
  /** The task of that clone. */
  readonly cloning: MoRef | undefined
  readonly cpus: number
  readonly memoryMiB: number
  /** The template's first, then the further ones. */
  readonly disksKiB: readonly number[]
  readonly templateDisks: number
  readonly mac: string | undefined
  /** The MAC address that its cloud-init metadata is for. */
  readonly metadataMac: string | undefined
}

export const OBSERVED_PATHS = [
  'name',
  'runtime.powerState',
  'config.instanceUuid',
  'config.extraConfig',
  'config.hardware.numCPU',
  'config.hardware.memoryMB',
  'config.hardware.device',
  'guest.ipAddress',
  'guest.net',
] as const

/** `owner` is used where the VM itself no longer says whose it is. */
export function readObserved(vm: MoRef, values: ReadonlyMap<string, unknown>, owner: OwnerMark): VsphereObserved {
  const extraConfig = readExtraConfig(values.get('config.extraConfig'))
  const marked = readOwner(extraConfig, text(values.get('config.instanceUuid')))
  const devices = readDevices(values.get('config.hardware.device'))
  const object: ExternalObject = {
    kind: vm.type,
    id: vm.value,
    name: unescapeName(text(values.get('name')) ?? ''),
    owner: marked ?? owner,
  }
  return {
    power: readPower(values.get('runtime.powerState')),
    addresses: readAddresses(values),
    objects: [object],
    vm,
    cloning: undefined,
    cpus: number(values.get('config.hardware.numCPU')) ?? 0,
    memoryMiB: number(values.get('config.hardware.memoryMB')) ?? 0,
    disksKiB: devices.disks.map(({ sizeKiB }) => sizeKiB),
    templateDisks: Number(extraConfig[TEMPLATE_DISKS] ?? 1),
    mac: devices.nics[0]?.mac,
    metadataMac: extraConfig[METADATA_MAC],
  }
}

/** While a clone is under way that may become the machine. */
export function cloneUnderWay(task: MoRef): VsphereObserved {
  return {
    power: 'off',
    addresses: [],
    objects: [],
    vm: undefined,
    cloning: task,
    cpus: 0,
    memoryMiB: 0,
    disksKiB: [],
    templateDisks: 1,
    mac: undefined,
    metadataMac: undefined,
  }
}

export function readPower(value: unknown): Observed['power'] {
  switch (value) {
    case 'poweredOn':
      return 'on'
    case 'suspended':
      return 'suspended'
    default:
      return 'off'
  }
}

/** The guest's main address first, link-local ones left out. */
export function readAddresses(values: ReadonlyMap<string, unknown>): string[] {
  const main = text(values.get('guest.ipAddress'))
  const others = list(values.get('guest.net')).flatMap((nic) =>
    list(nic, 'ipAddress').flatMap((one) => text(one) ?? []),
  )
  const all = [...(main === undefined ? [] : [main]), ...others]
  return [...new Set(all.filter((address) => address !== '' && !/^(fe80:|169\.254\.)/i.test(address)))]
}

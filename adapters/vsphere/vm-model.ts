import type { VimFault } from './vim-fault.ts'

/** A VM as a bulk retrieval gives it. What was not asked for, or isn't set, is null or empty. */
export interface VmRecord {
  /** Its managed object reference's value: `vm-42`. */
  readonly ref: string
  readonly name: string | null
  readonly powerState: 'poweredOn' | 'poweredOff' | 'suspended' | null
  /** The folder that it is in; null in a vApp. */
  readonly parent: string | null
  /** Whether it is a template; null if it can't be seen. */
  readonly template: boolean | null
  /** The main address that the guest's tools report. */
  readonly guestAddress: string | null
  /** The BIOS UUID that the guest sees. */
  readonly uuid: string | null
  /** vCenter's own UUID of it, where our mark stands. */
  readonly instanceUuid: string | null
  readonly hardware: VmHardware | null
  readonly summary: VmSummary | null
  /** Custom attributes: field key → value. */
  readonly customValues: ReadonlyMap<number, string>
  /** The entries of extraConfig whose keys were asked for; it holds user-data too, which nobody should keep. */
  readonly extraConfig: ReadonlyMap<string, string>
  /** Properties that vCenter would not show, by path, and why. */
  readonly missing: ReadonlyMap<string, VimFault>
}

export interface VmHardware {
  readonly cpus: number
  readonly coresPerSocket: number
  readonly memoryMiB: number
  readonly disks: readonly VmDisk[]
  readonly nics: readonly VmNic[]
}

export interface VmDisk {
  readonly key: number
  readonly label: string
  readonly capacityKiB: number
  /** `[datastore] folder/file.vmdk`; null where the backing has no file. */
  readonly file: string | null
  readonly datastore: string | null
  readonly thin: boolean
  readonly controllerKey: number | null
  readonly unitNumber: number | null
}

export interface VmNic {
  readonly key: number
  readonly label: string
  /** Its type in vSphere's API: `VirtualVmxnet3`. */
  readonly model: string
  readonly macAddress: string | null
  /** The distributed portgroup's key, or the reference or name of a standard network. */
  readonly network: string | null
  readonly connected: boolean
}

export interface VmSummary {
  readonly host: string | null
  readonly connectionState: string | null
  readonly bootTime: string | null
  readonly overallStatus: string | null
  readonly template: boolean
  readonly vmPath: string | null
  readonly guestId: string | null
  readonly guestFullName: string | null
  readonly guestHostName: string | null
  readonly toolsStatus: string | null
  readonly uuid: string | null
  readonly instanceUuid: string | null
  readonly cpus: number | null
  readonly memoryMiB: number | null
  readonly committedBytes: number | null
  readonly uncommittedBytes: number | null
}

/** The properties that a bulk retrieval can read, as vSphere's API names them. */
export type VmProperty =
  | 'name'
  | 'parent'
  | 'runtime.powerState'
  | 'guest.ipAddress'
  | 'config.template'
  | 'config.uuid'
  | 'config.instanceUuid'
  | 'config.extraConfig'
  | 'config.hardware'
  | 'customValue'
  | 'summary'

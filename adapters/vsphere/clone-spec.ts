/** The arguments of CloneVM_Task and ReconfigVM_Task for a machine. Pure. */
import { customSizeOf, type MachineSpec } from '../adapter.ts'
import { addDisks, connectNics, type Devices, type Disk, growDisk } from './devices.ts'
import { metadataConfig, userDataConfig } from './guestinfo.ts'
import { type MoRef, soapRef } from './moref.ts'
import type { VsphereObserved } from './observed.ts'
import { type ExtraConfig, extraConfigOptions, METADATA_MAC, markConfig, TEMPLATE_DISKS } from './owner-mark.ts'
import type { ResolvedPlacement } from './placement.ts'
import { differences, growsRoot, isLinked, missingDisks } from './plan.ts'

export interface TemplateDetails {
  readonly devices: Devices
  /** What a linked clone hangs on. */
  readonly snapshot: MoRef | undefined
}

/**
 * Everything that can be said before the VM exists goes into the one call that makes it, the mark first of all. Only the cloud-init
 * metadata follows by a reconfiguration: it needs the MAC address, which vCenter chooses.
 */
export function cloneSpec(spec: MachineSpec, placement: ResolvedPlacement, template: TemplateDetails): object {
  const { disks, nics } = template.devices
  const [root] = disks
  const linked = isLinked(spec)
  const observed = { disksKiB: disks.map(({ sizeKiB }) => sizeKiB), templateDisks: disks.length }
  const deviceChange = [
    ...(root !== undefined && growsRootDisk(spec, root) ? [growDisk(root, spec.diskGiB ?? 0)] : []),
    ...addDisks(template.devices, missingDisks(spec, observed)),
    ...connectNics(nics, placement.network),
  ]
  const size = customSizeOf(spec)
  return {
    location: {
      datastore: soapRef(placement.datastore.ref),
      diskMoveType: linked ? 'createNewChildDiskBacking' : 'moveAllDiskBackingsAndDisallowSharing',
      pool: soapRef(placement.pool.ref),
    },
    template: false,
    config: {
      instanceUuid: spec.owner.machine,
      annotation: `Machine ${spec.name} of cluster ${spec.owner.cluster}, managed by Private Cloud Gateway ${spec.owner.gateway}.`,
      numCPUs: size.cpus,
      memoryMB: size.memoryMiB,
      deviceChange,
      extraConfig: extraConfigOptions({
        ...markConfig(spec.owner),
        [TEMPLATE_DISKS]: String(disks.length),
        ...userDataConfig(spec.userData),
      }),
    },
    powerOn: false,
    ...(linked && template.snapshot !== undefined ? { snapshot: soapRef(template.snapshot) } : {}),
  }
}

/** What is still to be changed, or undefined if nothing is. */
export function reconfigureSpec(
  spec: MachineSpec,
  observed: VsphereObserved,
  devices: Devices,
  changeVersion: string | undefined,
): object | undefined {
  if (differences(spec, observed).length === 0) return undefined
  const size = customSizeOf(spec)
  const [root] = devices.disks
  const deviceChange = [
    ...(root !== undefined && growsRoot(spec, observed) ? [growDisk(root, spec.diskGiB ?? 0)] : []),
    ...addDisks(devices, missingDisks(spec, observed)),
  ]
  const extraConfig: ExtraConfig = {
    ...(observed.mac === undefined || observed.mac === observed.metadataMac
      ? {}
      : { ...metadataConfig(spec, observed.mac), [METADATA_MAC]: observed.mac }),
  }
  return {
    // vCenter refuses if somebody changed the VM since it was read: a disk is never added twice.
    ...(changeVersion === undefined || changeVersion === '' ? {} : { changeVersion }),
    numCPUs: size.cpus,
    memoryMB: size.memoryMiB,
    ...(deviceChange.length > 0 ? { deviceChange } : {}),
    ...(Object.keys(extraConfig).length > 0 ? { extraConfig: extraConfigOptions(extraConfig) } : {}),
  }
}

function growsRootDisk(spec: MachineSpec, root: Disk): boolean {
  return growsRoot(spec, { disksKiB: [root.sizeKiB] })
}

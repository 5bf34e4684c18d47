/** The steps that make, mend and undo a machine. */
import type { MachineSpec, Step } from '../../adapter.ts'
import type { Part } from './observed.ts'
import type { Slot } from './seen.ts'

/** What it is about is found by the machine's mark. */
interface CommonStep extends Step {
  readonly kind:
    | 'create-port'
    | 'update-port'
    | 'attach-port'
    | 'create-server'
    | 'await-server'
    | 'recover-server'
    | 'power-on'
    | 'resize'
    | 'confirm-resize'
    | 'revert-resize'
    | 'add-member'
}

interface VolumeStep extends Step {
  readonly kind: 'create-volume' | 'await-volume' | 'attach-volume'
  readonly slot: Slot
}

/** Names its object, because there may be several: deleted only if it still carries the machine's mark. */
interface PartStep extends Step {
  readonly kind: DeletionKind
  readonly part: Part
}

type DeletionKind =
  /** Of one that failed to be built: the failure is counted. */
  'delete-failed-server' | 'delete-failed-volume' | 'delete-server' | 'delete-volume' | 'delete-port' | 'remove-member'

export type OpenstackMachineStep = CommonStep | VolumeStep | PartStep

export function volumeName(spec: Pick<MachineSpec, 'name'>, slot: Slot): string {
  return slot === 'boot' ? `${spec.name}-boot` : `${spec.name}-disk-${slot}`
}

/** The volumes that a machine has of its own, with their sizes in GiB. */
export function slotsOf(spec: MachineSpec): { readonly slot: Slot; readonly sizeGiB: number }[] {
  const boots = spec.placement.cloud === 'openstack' && spec.placement.bootVolume !== undefined
  return [
    ...(boots ? [{ slot: 'boot', sizeGiB: spec.diskGiB ?? 0 } as const] : []),
    ...spec.disks.map(({ sizeGiB }, index) => ({ slot: index + 1, sizeGiB })),
  ]
}

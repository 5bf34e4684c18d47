/** What leads from a VM as it is to a VM as it should be. Pure: `pcg plan` prints it, and the gateway does it step by step. */
import { customSizeOf, type MachineSpec, type Step } from '../adapter.ts'
import { gibToKib } from './devices.ts'
import type { VsphereObserved } from './observed.ts'

export type StepKind = 'clone' | 'await-clone' | 'reconfigure' | 'power-on' | 'power-off' | 'delete'

export interface VsphereStep extends Step {
  readonly kind: StepKind
}

export function planMachine(spec: MachineSpec, observed: VsphereObserved | null): VsphereStep[] {
  return spec.want === 'absent' ? planAbsent(spec, observed) : planPresent(spec, observed)
}

function planAbsent(spec: MachineSpec, observed: VsphereObserved | null): VsphereStep[] {
  if (observed === null) return []
  const remove = step('delete', `delete ${spec.name} with its disks`)
  if (observed.cloning !== undefined) {
    // It can't be deleted before it is there; and it is on or off only then.
    return [step('await-clone', `wait until the clone of ${spec.name} has ended`), remove]
  }
  return observed.power === 'off' ? [remove] : [step('power-off', `power off ${spec.name}`), remove]
}

function planPresent(spec: MachineSpec, observed: VsphereObserved | null): VsphereStep[] {
  const powerOn = step('power-on', `power on ${spec.name}`)
  if (observed === null) {
    return [
      {
        ...step('clone', `clone ${templateOf(spec)} to ${spec.name}`),
        creates: [{ kind: 'VirtualMachine', name: spec.name }],
      },
      step('reconfigure', `set up ${spec.name}: ${shapeOf(spec)}, its network address`),
      powerOn,
    ]
  }
  if (observed.cloning !== undefined) {
    return [step('await-clone', `wait until the clone of ${spec.name} has ended`), powerOn]
  }
  const changes = differences(spec, observed)
  if (changes.length === 0) return observed.power === 'on' ? [] : [powerOn]
  const reconfigure = step('reconfigure', `reconfigure ${spec.name}: ${changes.join(', ')}`)
  // CPUs and memory of a running VM can't be taken away, and disks of a suspended one not be touched.
  return observed.power === 'off'
    ? [reconfigure, powerOn]
    : [step('power-off', `power off ${spec.name} to reconfigure it`), reconfigure, powerOn]
}

/** In words, for each thing that is not as it should be. */
export function differences(spec: MachineSpec, observed: VsphereObserved): string[] {
  const found: string[] = []
  const size = customSizeOf(spec)
  if (observed.cpus !== size.cpus) found.push(`CPUs ${observed.cpus} → ${size.cpus}`)
  if (observed.memoryMiB !== size.memoryMiB) found.push(`memory ${observed.memoryMiB} → ${size.memoryMiB} MiB`)
  if (growsRoot(spec, observed)) found.push(`first disk ${inGiB(observed.disksKiB[0])} → ${spec.diskGiB} GiB`)
  const missing = missingDisks(spec, observed)
  if (missing.length > 0) found.push(`${missing.length} more disk${missing.length > 1 ? 's' : ''}`)
  // A running guest has read its metadata already; a new MAC address matters at its next start.
  if (observed.power === 'off' && observed.mac !== observed.metadataMac) found.push('cloud-init metadata')
  return found
}

/** Disks never shrink: one that is larger than asked for stays as it is. */
export function growsRoot(spec: MachineSpec, observed: Pick<VsphereObserved, 'disksKiB'>): boolean {
  const size = observed.disksKiB[0]
  return spec.diskGiB !== undefined && !isLinked(spec) && size !== undefined && size < gibToKib(spec.diskGiB)
}

/** Sizes in GiB of the further disks that are still to be added. */
export function missingDisks(
  spec: MachineSpec,
  observed: Pick<VsphereObserved, 'disksKiB' | 'templateDisks'>,
): number[] {
  const there = Math.max(0, observed.disksKiB.length - observed.templateDisks)
  return spec.disks.slice(there).map(({ sizeGiB }) => sizeGiB)
}

/** A linked clone's first disk hangs on the template's snapshot, and can't grow. */
export function isLinked(spec: MachineSpec): boolean {
  return spec.placement.cloud === 'vsphere' && spec.placement.clone === 'linked'
}

function templateOf(spec: MachineSpec): string {
  return spec.placement.cloud === 'vsphere' ? spec.placement.template : 'a template'
}

function shapeOf(spec: MachineSpec): string {
  const { cpus, memoryMiB } = customSizeOf(spec)
  return `${cpus} CPUs, ${memoryMiB} MiB`
}

function inGiB(kib: number | undefined): string {
  return kib === undefined ? '?' : String(Math.round((kib / gibToKib(1)) * 10) / 10)
}

function step(kind: StepKind, summary: string): VsphereStep {
  return { kind, summary, creates: [] }
}

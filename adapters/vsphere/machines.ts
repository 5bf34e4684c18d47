/** Finding a machine by its mark, and who else may hold its name. */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { MachineSpec, OwnerMark } from '../adapter.ts'
import { type Devices, readDevices } from './devices.ts'
import { escapeName } from './inventory-tree.ts'
import { type MoRef, soapRef } from './moref.ts'
import { cloneUnderWay, OBSERVED_PATHS, readObserved, type VsphereObserved } from './observed.ts'
import { MARK, readExtraConfig, readOwner } from './owner-mark.ts'
import { retrieveObject } from './properties.ts'
import type { RecentTasks } from './recent-tasks.ts'
import type { Session } from './session.ts'
import { ref, text } from './soap-value.ts'
import { faultOf } from './vim-fault.ts'

export interface FoundMachine {
  readonly vm: MoRef
  readonly observed: VsphereObserved
  readonly devices: Devices
  /** vCenter's version of its configuration; empty where it keeps none. */
  readonly changeVersion: string | undefined
}

/** The VM with the machine's uid, if it is there and complete; 'incomplete' while it is being made. */
export async function findMachine(
  session: Session,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<FoundMachine | 'incomplete' | undefined> {
  const { content } = await session.current(signal)
  const args = { uuid: spec.owner.machine, vmSearch: true, instanceUuid: true }
  const vm = ref(await session.read('FindByUuid', content.searchIndex, args, { signal }))
  if (vm === undefined) return undefined
  try {
    const values = await retrieveObject(session, vm, [...OBSERVED_PATHS, 'config.changeVersion'], signal)
    if (!values.has('config.hardware.numCPU')) return 'incomplete'
    refuseForeign(spec.owner, vm, values)
    return {
      vm,
      observed: readObserved(vm, values, spec.owner),
      devices: readDevices(values.get('config.hardware.device')),
      changeVersion: text(values.get('config.changeVersion')),
    }
  } catch (error) {
    // It went between the two questions.
    if (faultOf(error)?.type === 'ManagedObjectNotFound') return undefined
    throw error
  }
}

export type MachineState =
  | { readonly kind: 'there'; readonly found: FoundMachine }
  /** A clone is under way that makes it, or may. */
  | { readonly kind: 'cloning'; readonly task: MoRef }
  | { readonly kind: 'absent' }

/** Whether the machine is there, or may come to be by itself. */
export async function stateOfMachine(
  session: Session,
  tasks: RecentTasks,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<MachineState> {
  const found = await findMachine(session, spec, signal)
  if (found !== undefined && found !== 'incomplete') return { kind: 'there', found }
  const task = await tasks.cloneOf(spec, signal)
  if (task !== undefined) return { kind: 'cloning', task }
  // A clone that ended between the two questions has made its VM by now.
  const now = await findMachine(session, spec, signal)
  if (now === undefined) return { kind: 'absent' }
  if (now !== 'incomplete') return { kind: 'there', found: now }
  throw new PcgError('unavailable', `vCenter has ${spec.name} but not yet its configuration`, {
    subject: spec.name,
    remedy: 'Wait: it is looked at again.',
  })
}

/** As the adapter's `observe`: null only if nothing that would make it is under way. */
export async function observeMachine(
  session: Session,
  tasks: RecentTasks,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<VsphereObserved | null> {
  const state = await stateOfMachine(session, tasks, spec, signal)
  switch (state.kind) {
    case 'there':
      return state.found.observed
    case 'cloning':
      return cloneUnderWay(state.task)
    case 'absent':
      return null
  }
}

/** Who has the machine's name in its folder: undefined if nobody. */
export async function holderOfName(
  session: Session,
  folder: MoRef,
  name: string,
  signal: AbortSignal,
): Promise<
  { readonly vm: MoRef; readonly instanceUuid: string | undefined; readonly owner: OwnerMark | undefined } | undefined
> {
  const { content } = await session.current(signal)
  const args = { entity: soapRef(folder), name: escapeName(name) }
  const vm = ref(await session.read('FindChild', content.searchIndex, args, { signal }))
  if (vm === undefined) return undefined
  if (vm.type !== 'VirtualMachine') return { vm, instanceUuid: undefined, owner: undefined }
  const values = await retrieveObject(session, vm, ['config.instanceUuid', 'config.extraConfig'], signal)
  const instanceUuid = text(values.get('config.instanceUuid'))
  return { vm, instanceUuid, owner: readOwner(readExtraConfig(values.get('config.extraConfig')), instanceUuid) }
}

/** The uid is random, so a VM that has it and another gateway's mark was tampered with: nobody should touch it unasked. */
function refuseForeign(owner: OwnerMark, vm: MoRef, values: ReadonlyMap<string, unknown>): void {
  const marked = readExtraConfig(values.get('config.extraConfig'))[MARK.gateway]
  if (marked === undefined || marked === owner.gateway) return
  throw new PcgError(
    'conflict',
    `${vm.value} has the uid of machine ${owner.machine} but belongs to gateway ${marked}`,
    {
      subject: vm.value,
      remedy: `Set its ${MARK.gateway} right in vCenter, or give it another instanceUuid.`,
    },
  )
}

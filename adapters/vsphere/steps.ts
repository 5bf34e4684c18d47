/** Begins each kind of step: the only place that changes anything in vCenter. */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { AdapterContext, MachineSpec, Outcome } from '../adapter.ts'
import { cloneSpec, reconfigureSpec } from './clone-spec.ts'
import type { CustomAttributes } from './custom-attributes.ts'
import { outcomeOfError, outcomeOfFault } from './faults.ts'
import { escapeName } from './inventory-tree.ts'
import { type FoundMachine, findMachine, holderOfName, stateOfMachine } from './machines.ts'
import { type MoRef, soapRef } from './moref.ts'
import type { Placements } from './placements.ts'
import { isLinked, type StepKind, type VsphereStep } from './plan.ts'
import { retrieveObject } from './properties.ts'
import type { RecentTasks } from './recent-tasks.ts'
import type { Session } from './session.ts'
import { ref, text } from './soap-value.ts'
import { running } from './tasks.ts'
import { faultOf } from './vim-fault.ts'

export interface StepDependencies {
  readonly session: Session
  readonly placements: Placements
  readonly tasks: RecentTasks
  readonly attributes: CustomAttributes
}

const DONE: Outcome = { kind: 'done' }

/** Throws only when cancelled: everything else is an outcome. */
export async function startStep(
  dependencies: StepDependencies,
  step: VsphereStep,
  spec: MachineSpec,
  context: AdapterContext,
): Promise<Outcome> {
  try {
    return await begin(dependencies, step.kind, spec, context)
  } catch (error) {
    // What was found a minute ago may be what no longer is so.
    dependencies.placements.forget()
    const attempt = { step: step.kind, words: step.summary }
    const fault = faultOf(error)
    if (fault === undefined || PcgError.from(error).code === 'credentials') return outcomeOfError(error, attempt)
    return withObjectName(
      dependencies.session,
      outcomeOfFault(fault, attempt),
      ref(fault.detail.object),
      context.signal,
    )
  }
}

function begin(
  dependencies: StepDependencies,
  kind: StepKind,
  spec: MachineSpec,
  context: AdapterContext,
): Promise<Outcome> {
  switch (kind) {
    case 'clone':
      return clone(dependencies, spec, context.signal)
    case 'await-clone':
      return awaitClone(dependencies, spec, context.signal)
    case 'reconfigure':
      return reconfigure(dependencies, spec, context.signal)
    case 'power-on':
      return powerOn(dependencies, spec, context)
    case 'power-off':
      return powerOff(dependencies, spec, context.signal)
    case 'delete':
      return remove(dependencies, spec, context.signal)
  }
}

async function clone(dependencies: StepDependencies, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { session, placements, tasks } = dependencies
  if (spec.placement.cloud !== 'vsphere') {
    throw new PcgError('invalid', `a placement in ${spec.placement.cloud} is not for vSphere`, { subject: 'placement' })
  }
  const { content } = await session.current(signal)
  const state = await stateOfMachine(session, tasks, spec, signal)
  if (state.kind === 'there') return DONE
  if (state.kind === 'cloning') return running(content.about.instanceUuid, state.task, 'await-clone')
  const { placement, template } = await placements.find(spec.placement, signal)
  if (isLinked(spec) && template.snapshot === undefined) {
    throw new PcgError('invalid', `template ${placement.template.name} has no snapshot to link to`, {
      subject: 'placement.clone',
      remedy: 'Take a snapshot of the template, or set placement.clone to full.',
    })
  }
  const holder = await holderOfName(session, placement.folder, spec.name, signal)
  if (holder !== undefined && holder.instanceUuid?.toLowerCase() !== spec.owner.machine) {
    const whose =
      holder.owner === undefined
        ? 'which no gateway made'
        : `of cluster ${holder.owner.cluster}, gateway ${holder.owner.gateway}`
    throw new PcgError('conflict', `the name ${spec.name} is taken by ${holder.vm.value}, ${whose}`, {
      subject: spec.name,
      remedy: `Rename or remove ${holder.vm.value} in vCenter, or choose another folder or cluster name.`,
    })
  }
  const args = {
    folder: soapRef(placement.folder),
    name: escapeName(spec.name),
    spec: cloneSpec(spec, placement, template),
  }
  try {
    const task = taskOf(await session.act('CloneVM_Task', placement.template.ref, args, { signal }))
    tasks.remember(task, spec.owner.machine)
    return running(content.about.instanceUuid, task, 'clone')
  } catch (error) {
    // A fault is an answer; anything else may have come after the clone began.
    if (faultOf(error) === undefined) tasks.lost()
    throw error
  }
}

async function awaitClone(
  { session, tasks }: StepDependencies,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<Outcome> {
  const { content } = await session.current(signal)
  const underWay = await tasks.cloneOf(spec, signal)
  return underWay === undefined ? DONE : running(content.about.instanceUuid, underWay, 'await-clone')
}

async function reconfigure(dependencies: StepDependencies, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  return onMachine(dependencies, 'reconfigure', spec, signal, ({ vm, observed, devices, changeVersion }) => {
    const change = reconfigureSpec(spec, observed, devices, changeVersion)
    if (change === undefined) return undefined
    return dependencies.session.act('ReconfigVM_Task', vm, { spec: change }, { signal })
  })
}

async function powerOn(
  dependencies: StepDependencies,
  spec: MachineSpec,
  { signal, log }: AdapterContext,
): Promise<Outcome> {
  return onMachine(dependencies, 'power-on', spec, signal, async ({ vm, observed }) => {
    if (observed.power === 'on') return undefined
    await dependencies.attributes.label(vm, spec.owner, signal).catch((err: unknown) => {
      // Only people need them: the VM is worth more without its labels than not at all.
      log.warn({ err, machine: spec.name }, 'the custom attributes of a VM could not be set')
    })
    return dependencies.session.act('PowerOnVM_Task', vm, {}, { signal })
  })
}

async function powerOff(dependencies: StepDependencies, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  return onMachine(dependencies, 'power-off', spec, signal, async ({ vm, observed }) =>
    observed.power === 'off' ? undefined : dependencies.session.act('PowerOffVM_Task', vm, {}, { signal }),
  )
}

async function remove(dependencies: StepDependencies, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  if ((await findMachine(dependencies.session, spec, signal)) === undefined) return DONE
  return onMachine(dependencies, 'delete', spec, signal, ({ vm }) =>
    dependencies.session.act('Destroy_Task', vm, {}, { signal }),
  )
}

/** Lets `act` begin a task on the machine's VM, unless that is under way already; no task: nothing was left to do. */
async function onMachine(
  { session, tasks }: StepDependencies,
  step: StepKind,
  spec: MachineSpec,
  signal: AbortSignal,
  act: (found: FoundMachine) => Promise<unknown> | undefined,
): Promise<Outcome> {
  const { content } = await session.current(signal)
  const found = await findMachine(session, spec, signal)
  if (found === undefined) return { kind: 'unknown', message: `${spec.name} is not there` }
  if (found === 'incomplete') return { kind: 'retryable', fault: 'busy', message: `${spec.name} is still being made` }
  const underWay = await tasks.onVm(found.vm, step, signal)
  if (underWay !== undefined) return running(content.about.instanceUuid, underWay, step)
  const answer = await act(found)
  return answer === undefined ? DONE : running(content.about.instanceUuid, taskOf(answer), step)
}

function taskOf(answer: unknown): MoRef {
  const task = ref(answer)
  if (task === undefined) throw new PcgError('interrupted', 'vCenter began something, but named no task')
  return task
}

/** Says an object's name beside its number, as far as vCenter tells it. */
async function withObjectName(
  session: Session,
  outcome: Outcome,
  object: MoRef | undefined,
  signal: AbortSignal,
): Promise<Outcome> {
  if (object === undefined || outcome.kind === 'done' || outcome.kind === 'running') return outcome
  const values = await retrieveObject(session, object, ['name'], signal).catch(() => undefined)
  const name = text(values?.get('name'))
  return name === undefined
    ? outcome
    : { ...outcome, message: outcome.message.replaceAll(object.value, `${name} (${object.value})`) }
}

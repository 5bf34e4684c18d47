/** Begins each kind of step of a machine. */
import type { AdapterContext, MachineSpec, Outcome } from '../../adapter.ts'
import { outcomeOf } from '../outcomes.ts'
import { deletePart, discardPart } from './deletion-steps.ts'
import type { OpenstackMachineStep } from './machine-step.ts'
import { addMember } from './member-steps.ts'
import { attachPort, createPort, updatePort } from './port-steps.ts'
import { awaitServer, createServer, decideResize, powerOn, recoverServer, resizeServer } from './server-steps.ts'
import type { StepTools } from './step-tools.ts'
import { attachVolume, awaitVolume, createVolume } from './volume-steps.ts'

/** Throws only when cancelled: everything else is an outcome. */
export async function startMachineStep(
  tools: StepTools,
  step: OpenstackMachineStep,
  spec: MachineSpec,
  { signal }: AdapterContext,
): Promise<Outcome> {
  try {
    return await begin(tools, step, spec, signal)
  } catch (error) {
    tools.site.forget()
    return outcomeOf(error, { step: step.kind, words: step.summary })
  }
}

function begin(tools: StepTools, step: OpenstackMachineStep, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  switch (step.kind) {
    case 'create-port':
      return createPort(tools, spec, signal)
    case 'update-port':
      return updatePort(tools, spec, signal)
    case 'attach-port':
      return attachPort(tools, spec, signal)
    case 'create-volume':
      return createVolume(tools, spec, step.slot, signal)
    case 'await-volume':
      return awaitVolume(tools, spec, step.slot, signal)
    case 'attach-volume':
      return attachVolume(tools, spec, step.slot, signal)
    case 'create-server':
      return createServer(tools, spec, signal)
    case 'await-server':
      return awaitServer(tools, spec, signal)
    case 'recover-server':
      return recoverServer(tools, spec, signal)
    case 'power-on':
      return powerOn(tools, spec, signal)
    case 'resize':
      return resizeServer(tools, spec, signal)
    case 'confirm-resize':
      return decideResize(tools, spec, 'confirmResize', signal)
    case 'revert-resize':
      return decideResize(tools, spec, 'revertResize', signal)
    case 'add-member':
      return addMember(tools, spec, signal)
    case 'delete-server':
    case 'delete-volume':
    case 'delete-port':
    case 'remove-member':
      return deletePart(tools, step.part, spec, signal)
    case 'delete-failed-server':
    case 'delete-failed-volume':
      return discardPart(tools, step.part, spec, signal)
    default:
      return step satisfies never
  }
}

import { customSizeOf, type MachineSpec, type Observed, type Step } from '../adapter.ts'
import type { SandboxVm, TaskKind } from './vm.ts'

export interface SandboxStep extends Step {
  readonly kind: TaskKind
}

export interface SandboxObserved extends Observed {
  readonly state: SandboxVm['state']
  readonly cpus: number
  readonly memoryMiB: number
}

/** The steps from what is there to what should be. Pure. */
export function planSandbox(spec: MachineSpec, observed: SandboxObserved | null): SandboxStep[] {
  return kinds(spec, observed).map((kind) => ({
    kind,
    summary: summary(kind, spec),
    creates: kind === 'create' ? [{ kind: 'VirtualMachine', name: spec.name }] : [],
  }))
}

function kinds(spec: MachineSpec, observed: SandboxObserved | null): TaskKind[] {
  if (spec.want === 'absent') {
    if (observed === null) return []
    return observed.state === 'on' ? ['power-off', 'delete'] : ['delete']
  }
  if (observed === null) return ['create', 'power-on']
  const size = customSizeOf(spec)
  const reshaped = observed.cpus !== size.cpus || observed.memoryMiB !== size.memoryMiB
  switch (observed.state) {
    // Creating again adopts what is being made, or waits until what is being deleted is gone.
    case 'creating':
    case 'deleting':
      return ['create', 'power-on']
    case 'off':
      return reshaped ? ['resize', 'power-on'] : ['power-on']
    case 'on':
      return reshaped ? ['power-off', 'resize', 'power-on'] : []
  }
}

function summary(kind: TaskKind, spec: MachineSpec): string {
  const { cpus, memoryMiB } = customSizeOf(spec)
  switch (kind) {
    case 'create':
      return `create ${spec.name} with ${cpus} CPUs and ${memoryMiB} MiB`
    case 'resize':
      return `resize ${spec.name} to ${cpus} CPUs and ${memoryMiB} MiB`
    case 'power-on':
      return `power on ${spec.name}`
    case 'power-off':
      return `power off ${spec.name}`
    case 'delete':
      return `delete ${spec.name}`
  }
}

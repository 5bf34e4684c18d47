/** How a running step is known in the journal: usable after a restart of the gateway, and never taken for another vCenter's task. */
import type { MoRef } from './moref.ts'
import type { StepKind } from './plan.ts'

export interface TaskToken {
  /** `about.instanceUuid` of the vCenter. */
  readonly vcenter: string
  readonly task: MoRef
  readonly step: StepKind
}

const STEPS: readonly StepKind[] = ['clone', 'await-clone', 'reconfigure', 'power-on', 'power-off', 'delete']

export function formatToken({ vcenter, task, step }: TaskToken): string {
  return `${step}/${vcenter}/${task.value}`
}

/** Undefined for what we never wrote. */
export function parseToken(token: string): TaskToken | undefined {
  const [kind, vcenter, ...rest] = token.split('/')
  const step = STEPS.find((one) => one === kind)
  const value = rest.join('/')
  if (step === undefined || vcenter === undefined || value === '') return undefined
  return { vcenter, task: { type: 'Task', value }, step }
}

import type { SandboxAccountSpec } from '../../resources/cloud-account.ts'
import type { Outcome } from '../adapter.ts'

type Fault = SandboxAccountSpec['faults'][number]

export interface Strike {
  readonly outcome: Outcome
  /** Whether the step is carried out all the same: then only the reply is lost. */
  readonly done: boolean
}

/** Whether one of the account's faults strikes this step, and how. `random` gives 0 to 1. */
export function strike(faults: readonly Fault[], stepKind: string, random: () => number): Strike | null {
  const index = faults.findIndex((fault) => (fault.step ?? stepKind) === stepKind && random() < fault.probability)
  const fault = faults[index]
  if (fault === undefined) return null
  return { outcome: outcomeOf(fault, index), done: fault.outcome === 'unknown' && random() < 0.5 }
}

function outcomeOf(fault: Fault, index: number): Outcome {
  const message = `the account's spec.faults[${index}] struck`
  switch (fault.outcome) {
    case 'retryable':
      return { kind: 'retryable', fault: 'busy', message }
    case 'capacity':
      return { kind: 'retryable', fault: 'capacity', message }
    case 'fatal':
      return {
        kind: 'fatal',
        reason: 'SandboxFault',
        message,
        remedy: `Remove spec.faults[${index}] from the account.`,
      }
    case 'credentials':
      return { kind: 'credentials', message }
    case 'unknown':
      return { kind: 'unknown', message }
  }
}

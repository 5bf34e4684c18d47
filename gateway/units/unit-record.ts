import type { MachineUid, Step } from '../../adapters/adapter.ts'
import type { Condition } from '../../resources/condition.ts'
import type { MachinePhase } from '../../resources/machine.ts'

/** A step that was begun: with a token it goes on in the cloud; without, its call may or may not have arrived. */
export interface RunningStep {
  readonly step: Step
  readonly token: string | null
}

/** What is made, kept and deleted in steps: a machine, or the foundation of a cluster. */
export interface UnitRecord {
  readonly uid: MachineUid
  readonly name: string
  readonly cluster: string
  readonly account: string
  readonly want: 'present' | 'absent'
  /** Why it is wanted so: on the timeline as the cause. */
  readonly cause: string
  readonly phase: MachinePhase
  readonly stage: string
  readonly progress: number | null
  readonly running: RunningStep | null
  /** Tries in a row that failed. */
  readonly failures: number
  /** Of the step that failed last, by which another one's failures are counted anew. */
  readonly failedStep?: string
  readonly conditions: readonly Condition[]
}

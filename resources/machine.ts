import type { Condition } from './condition.ts'

export type MachineRole = 'control-plane' | 'worker'

/** `Pending` waits for its turn; `Booting` waits for its phone-home; `Drifted` was Ready and is no longer as it should be. */
export type MachinePhase = 'Pending' | 'Provisioning' | 'Booting' | 'Ready' | 'Drifted' | 'Failed' | 'Deleting'

/** A member of a pool. Derived by the gateway, so nobody applies one. */
export interface MachineStatus {
  readonly uid: string
  readonly cluster: string
  readonly pool: string
  readonly role: MachineRole
  readonly phase: MachinePhase
  /** What is being done now, in words: `clone from debian-12`. */
  readonly stage: string
  /** Of the running step, 0 to 1. */
  readonly progress?: number
  readonly addresses: readonly string[]
  /** What the cloud calls it: `vm-42`. */
  readonly externalId?: string
  /** Of the shape and profile it was made from. */
  readonly revision: string
  readonly conditions: readonly Condition[]
}

/** One line of a machine's timeline. */
export interface TimelineEntry {
  /** ISO 8601. */
  readonly time: string
  readonly stage: string
  /** Who did it: `gateway`, `vcenter`, `guest`, or whoever changed it outside. */
  readonly actor: string
  /** Why it was done. */
  readonly cause: string
  readonly outcome: 'started' | 'done' | 'retrying' | 'failed'
  readonly detail?: string
}

import type { Observed, Step } from '../../adapters/adapter.ts'
import { type DepartureDecision, decideDeparture, type Surroundings } from './departure.ts'
import type { MachineRecord } from './machine-record.ts'

/** How long a powered-on machine may take until its phone-home before somebody should look. */
export const BOOT_PATIENCE_MS = 20 * 60_000

export type Decision =
  /** It has to leave its Kubernetes cluster before anything of it is deleted. */
  | DepartureDecision
  /** Take the step; the rest of the plan follows from what is observed after it. */
  | { readonly decision: 'step'; readonly step: Step }
  /** It is as it should be in the cloud, and hasn't phoned home. `stuck` once that took too long. */
  | { readonly decision: 'await-phone-home'; readonly stuck: boolean }
  | { readonly decision: 'bootstrap-failed'; readonly message: string }
  | { readonly decision: 'ready' }
  /** Somebody changed it, and the policy is to say so only. */
  | { readonly decision: 'report-drift'; readonly steps: readonly Step[] }
  /** It was there, and the cloud has it no longer. */
  | { readonly decision: 'lost' }
  /** Nothing of it is left, as was asked for. */
  | { readonly decision: 'gone' }

export interface Situation {
  readonly record: MachineRecord
  readonly observed: Observed | null
  /** What the adapter would do now. */
  readonly steps: readonly Step[]
  readonly driftPolicy: 'alert' | 'heal'
  /** What its departure depends on. */
  readonly surroundings: Omit<Surroundings, 'nowMs'>
  readonly nowMs: number
}

/** What to do with a machine, from what is known and seen. */
export function decide(situation: Situation): Decision {
  const { record, observed, steps, driftPolicy, surroundings, nowMs } = situation
  const [next] = steps
  if (record.want === 'absent') {
    const departure = decideDeparture(record, observed, { ...surroundings, nowMs })
    if (departure !== null) return departure
    if (next !== undefined) return { decision: 'step', step: next }
    return { decision: 'gone' }
  }
  const existed = record.externalId !== null
  if (observed === null && existed) return { decision: 'lost' }
  const wasFinished = record.phase === 'Ready' || record.phase === 'Drifted'
  // Its user-data is forgotten, and the cluster knows it: what stands on the same port would be another machine.
  if (observed?.made === false && wasFinished) return { decision: 'lost' }
  if (next !== undefined) {
    if (wasFinished && driftPolicy === 'alert') return { decision: 'report-drift', steps }
    return { decision: 'step', step: next }
  }
  switch (record.phoneHome.state) {
    case 'ready':
      return { decision: 'ready' }
    case 'failed':
      return { decision: 'bootstrap-failed', message: record.phoneHome.message }
    case 'waiting': {
      const since = record.bootingSince === null ? nowMs : Date.parse(record.bootingSince)
      return { decision: 'await-phone-home', stuck: nowMs - since >= BOOT_PATIENCE_MS }
    }
    default:
      return record.phoneHome satisfies never
  }
}

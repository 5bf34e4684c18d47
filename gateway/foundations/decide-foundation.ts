import type { FoundationObserved, Step } from '../../adapters/adapter.ts'
import type { FoundationRecord } from './foundation-record.ts'

export type FoundationDecision =
  /** Take the step; the rest of the plan follows from what is observed after it. */
  | { readonly decision: 'step'; readonly step: Step }
  /** Somebody changed it, and the policy is to say so only. */
  | { readonly decision: 'report-drift'; readonly steps: readonly Step[] }
  /** All of it is there, and the cloud hasn't said yet where the API answers. */
  | { readonly decision: 'await-endpoint' }
  | { readonly decision: 'stands' }
  /** Nothing of it is left, as was asked for. */
  | { readonly decision: 'gone' }

export interface FoundationSituation {
  readonly record: FoundationRecord
  readonly observed: FoundationObserved | null
  /** What the adapter would do now. */
  readonly steps: readonly Step[]
  readonly driftPolicy: 'alert' | 'heal'
}

/** What to do with a foundation, from what is known and seen. */
export function decideFoundation({ record, observed, steps, driftPolicy }: FoundationSituation): FoundationDecision {
  const [next] = steps
  if (record.want === 'absent') return next === undefined ? { decision: 'gone' } : { decision: 'step', step: next }
  if (next !== undefined) {
    const wasFinished = record.phase === 'Ready' || record.phase === 'Drifted'
    return wasFinished && driftPolicy === 'alert'
      ? { decision: 'report-drift', steps }
      : { decision: 'step', step: next }
  }
  const wantsEndpoint = record.spec.endpoint.type !== 'external'
  return wantsEndpoint && (observed?.endpoint ?? null) === null
    ? { decision: 'await-endpoint' }
    : { decision: 'stands' }
}

import type { UnitChanges } from './unit-changes.ts'
import type { UnitRecord } from './unit-record.ts'

/** Somebody changed the unit, and the policy is to say so only; told once for each `what`, which says what healing would do. */
export async function noteDrift<R extends UnitRecord>(changes: UnitChanges<R>, record: R, what: string): Promise<null> {
  const known = record.conditions.find((condition) => condition.type === 'Drifted')
  if (record.phase === 'Drifted' && known?.message === what) return null
  await changes.apply(
    record.uid,
    (newest) =>
      changes.withCondition(
        { ...newest, phase: 'Drifted', stage: 'drifted' },
        { type: 'Drifted', status: 'True', reason: 'ChangedOutside', message: what },
      ),
    {
      timeline: { stage: 'drift', actor: 'cloud', cause: 'changed outside', outcome: 'done', detail: what },
      event: {
        severity: 'warning',
        reason: 'Drifted',
        message: `changed outside, and the policy is to alert only; healing would: ${what}`,
      },
    },
  )
  return null
}

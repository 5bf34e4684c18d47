import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { PcgError } from '../../runtime/pcg-error.ts'
import type { AccountSession } from '../accounts/account-session.ts'
import type { UnitChanges } from './unit-changes.ts'
import type { UnitRecord } from './unit-record.ts'

const UNREACHABLE: BackoffPolicy = { firstMs: 2_000, maxMs: 60_000, factor: 2 }

/** Nothing can be done for the unit before its account changes. */
export async function noteUnusable<R extends UnitRecord>(
  changes: UnitChanges<R>,
  record: R,
  why: string,
): Promise<null> {
  await changes.apply(record.uid, (newest) =>
    changes.withCondition(newest, { type: 'Progressing', status: 'False', reason: 'AccountUnusable', message: why }),
  )
  return null
}

/** The unit couldn't be observed. Returns in how many ms to try again; null where the account is suspended for it. */
export async function noteUnreachable<R extends UnitRecord>(
  changes: UnitChanges<R>,
  record: R,
  error: PcgError,
  session: AccountSession,
): Promise<number | null> {
  if (error.code === 'credentials') {
    session.suspend(error.message)
    return null
  }
  const changed = await changes.apply(record.uid, (newest) =>
    changes.withCondition(
      { ...newest, failures: newest.failures + 1 },
      { type: 'Progressing', status: 'False', reason: 'CloudUnreachable', message: error.message },
    ),
  )
  return backoffMs(UNREACHABLE, changed?.failures ?? 1)
}

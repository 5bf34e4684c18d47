import type { LeftReport } from '../bootstrap/phone-home.ts'
import type { Departure } from './departure.ts'
import type { MachineChanges } from './machine-changes.ts'
import type { MachineRecord } from './machine-record.ts'

/** Has the machine taken out of its cluster by the next control-plane machine that asks. */
export async function askToLeave(
  changes: MachineChanges,
  record: MachineRecord,
  departure: Departure & { readonly state: 'asked' },
): Promise<void> {
  await changes.apply(
    record.uid,
    (newest) => ({ ...newest, departure, phase: 'Deleting', stage: 'leaving its cluster' }),
    {
      timeline: { stage: 'leave', actor: 'gateway', cause: record.cause, outcome: 'started' },
    },
  )
}

/** Takes what a control-plane machine says of one that it was to take out; returns whether that one has left by it. */
export async function noteLeaving(
  changes: MachineChanges,
  record: MachineRecord,
  { outcome, message }: LeftReport,
): Promise<boolean> {
  if (record.departure.state !== 'asked') return false
  const line = {
    stage: 'leave',
    actor: 'guest',
    cause: record.cause,
    ...(message === undefined ? {} : { detail: message }),
  }
  if (outcome === 'failed') {
    const trouble = message ?? 'the machine did not say why'
    if (trouble === record.departure.trouble) return false
    await changes.apply(
      record.uid,
      (newest) =>
        changes.withCondition(
          newest.departure.state === 'asked' ? { ...newest, departure: { ...newest.departure, trouble } } : newest,
          { type: 'Progressing', status: 'False', reason: 'CannotLeave', message: trouble },
        ),
      { timeline: { ...line, outcome: 'retrying' } },
    )
    return false
  }
  const { drain } = record.departure
  await changes.apply(
    record.uid,
    (newest) =>
      changes.withCondition(
        { ...newest, departure: { state: 'left', at: changes.now() } },
        { type: 'Progressing', status: 'True', reason: 'Left', message: '' },
      ),
    {
      timeline: { ...line, outcome: 'done' },
      ...(drain && message !== undefined ? { event: { severity: 'warning', reason: 'NotDrained', message } } : {}),
    },
  )
  return true
}

/** Deletes a machine that hasn't left, and says what somebody should look after. */
export async function goWithoutLeaving(changes: MachineChanges, record: MachineRecord, reason: string): Promise<void> {
  const { name, role } = record
  const member = role === 'control-plane' ? ', and its etcd member by `etcdctl member remove` (see `member list`)' : ''
  const message = `deleted without having left its cluster: ${reason}. Its pods were not drained; remove what is still there: its node by \`kubectl delete node ${name}\`${member}`
  await changes.apply(record.uid, (newest) => ({ ...newest, departure: { state: 'skipped', reason } }), {
    timeline: { stage: 'leave', actor: 'gateway', cause: record.cause, outcome: 'failed', detail: reason },
    event: { severity: 'warning', reason: 'NotLeft', message },
  })
}

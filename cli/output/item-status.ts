import type { Condition } from '../../resources/condition.ts'
import type { Finding } from '../../resources/query.ts'
import type { Item } from '../api-types.ts'
import { isObject } from '../is-object.ts'
import { printable } from './paint.ts'

/** What is known of an item as conditions; none if nothing was reported. */
export function conditionsOf(item: Item): readonly Condition[] {
  const { status } = item
  return isObject(status) && Array.isArray(status.conditions) ? (status.conditions as Condition[]) : []
}

/** What the gateway found when it checked an account; none of other kinds. */
export function findingsOf(item: Item): readonly Finding[] {
  const { status } = item
  return isObject(status) && Array.isArray(status.findings) ? (status.findings as Finding[]) : []
}

/** Its phase; `Pending` while its gateway has said nothing. */
export function statusPhase(item: Item): string {
  const { status } = item
  return isObject(status) && typeof status.phase === 'string' ? status.phase : 'Pending'
}

/** Why it isn't ready: of the conditions that tell, the one that is a cause rather than the sum. Empty if it is. */
export function readyReason(item: Item): string {
  if ('resource' in item && item.deleting) return ''
  const conditions = conditionsOf(item)
  const ready = conditions.find((condition) => condition.type === 'Ready')
  if (ready?.status === 'True') return ''
  const cause = conditions.find((condition) => condition.type === 'Preflight' && condition.status === 'False') ?? ready
  return cause === undefined ? '' : printable(cause.message)
}

/** Whether its status speaks of what was applied last. */
export function isObserved(item: Item): boolean {
  if (!('resource' in item)) return true
  const { status } = item
  return isObject(status) && typeof status.observedGeneration === 'number'
    ? status.observedGeneration >= item.generation
    : false
}

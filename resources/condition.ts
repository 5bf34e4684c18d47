import { z } from 'zod'

/** Why something is as it is: the reason for programs (CamelCase), the message for people. */
export const conditionSchema = z.strictObject({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  /** ISO 8601; when `status` or `reason` last changed. */
  since: z.string(),
})

export type Condition = z.infer<typeof conditionSchema>

/** `conditions` with `next` in the place of the one of its type; `since` is kept where status and reason are. */
export function withCondition(conditions: readonly Condition[], next: Condition): Condition[] {
  const old = conditions.find((condition) => condition.type === next.type)
  const same = old !== undefined && old.status === next.status && old.reason === next.reason
  const kept = same ? { ...next, since: old.since } : next
  return [...conditions.filter((condition) => condition.type !== next.type), kept]
}

/** Reports as a gateway sends them, checked: a gateway is another machine, in somebody else's hands. */
import { z } from 'zod'
import { conditionSchema } from '../resources/condition.ts'
import type { Report } from '../resources/report.ts'
import { KINDS, type ReportedKind } from '../resources/resource.ts'

export const reportedKindSchema = z.enum([...KINDS, 'Machine'] satisfies ReportedKind[])

const name = z.string().min(1).max(253)
/** Long messages lose their end rather than being refused: what happened matters more than all of its words. */
const words = z.string().transform((text) => text.slice(0, 4_000))

export const machineStatusSchema = z.object({
  uid: z.string(),
  cluster: z.string(),
  pool: z.string(),
  role: z.enum(['control-plane', 'worker']),
  phase: z.enum(['Pending', 'Provisioning', 'Booting', 'Ready', 'Drifted', 'Failed', 'Deleting']),
  stage: z.string(),
  progress: z.number().optional(),
  addresses: z.array(z.string()).readonly(),
  externalId: z.string().optional(),
  revision: z.string(),
  conditions: z.array(conditionSchema).readonly(),
})

export const timelineEntrySchema = z.object({
  time: z.string(),
  stage: z.string(),
  actor: z.string(),
  cause: z.string(),
  outcome: z.enum(['started', 'done', 'retrying', 'failed']),
  detail: z.string().optional(),
})

/** Of any kind but a machine: an object, whose fields are the gateway's affair. */
export const statusSchema = z.record(z.string(), z.unknown())

const reportSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('status'), kind: reportedKindSchema, name, status: statusSchema }),
  z.object({ type: z.literal('gone'), kind: reportedKindSchema, name, left: z.array(words) }),
  z.object({
    type: z.literal('event'),
    kind: reportedKindSchema,
    name,
    severity: z.enum(['info', 'warning', 'error']),
    reason: z.string().max(200),
    message: words,
    traceId: z.string().max(200).optional(),
  }),
  z.object({ type: z.literal('timeline'), machine: name, cluster: name, entry: timelineEntrySchema }),
])

const REPORT_MAX_BYTES = 256 << 10

/** Undefined for what isn't a report that this broker understands. */
export function parseReport(payload: Uint8Array): Report | undefined {
  if (payload.length > REPORT_MAX_BYTES) return undefined
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return undefined
  }
  const parsed = reportSchema.safeParse(value)
  return parsed.success ? (parsed.data as Report) : undefined
}

/** The shapes of the API's answers, for its document and for the types of its handlers. */
import { z } from 'zod'
import { cloudAccountSchema } from '../../resources/cloud-account.ts'
import { clusterSchema } from '../../resources/cluster.ts'
import { clusterProfileSchema } from '../../resources/cluster-profile.ts'
import { gatewaySchema } from '../../resources/gateway.ts'
import { ipPoolSchema } from '../../resources/ip-pool.ts'
import { KINDS } from '../../resources/resource.ts'
import { inventoryAnswerSchema, ledgerAnswerSchema, planAnswerSchema, verifyAnswerSchema } from '../answer-schemas.ts'
import { machineStatusSchema, reportedKindSchema, statusSchema, timelineEntrySchema } from '../report-schema.ts'
import { ROLES } from '../store/tenant-store.ts'
import { errorSchema } from './api-error.ts'

const time = z.string().describe('ISO 8601')

export const resourceSchemas = {
  Gateway: gatewaySchema,
  CloudAccount: cloudAccountSchema,
  ClusterProfile: clusterProfileSchema,
  IPPool: ipPoolSchema,
  Cluster: clusterSchema,
} as const

const itemSchema = z.object({
  resource: z.discriminatedUnion('kind', [
    gatewaySchema,
    cloudAccountSchema,
    clusterProfileSchema,
    ipPoolSchema,
    clusterSchema,
  ]),
  generation: z.int().describe('Rises when the spec changes'),
  deleting: z.boolean().describe('It is on its way out'),
  createdAt: time,
  updatedAt: time,
  status: statusSchema.readonly().nullable().describe('As its gateway reported it last; null if it has not'),
})

const machineItemSchema = z.object({
  kind: z.literal('Machine'),
  name: z.string(),
  cluster: z.string(),
  status: machineStatusSchema.readonly(),
  updatedAt: time,
})

const eventSchema = z.object({
  id: z.int().describe('Rises with time; what `after` takes'),
  time,
  kind: reportedKindSchema,
  name: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  reason: z.string().describe('For programs'),
  message: z.string(),
  gateway: z.string(),
  traceId: z.string().describe('Of the request that caused it; empty if none did'),
})

const applyResultSchema = z.object({
  kind: z.enum(KINDS as [string, ...string[]]),
  name: z.string(),
  result: z.enum(['created', 'configured', 'unchanged']),
  generation: z.int(),
})

const keySchema = z.object({ id: z.string(), name: z.string(), role: z.enum(ROLES), createdAt: time })

const nextName = z
  .string()
  .optional()
  .describe('The `after` of the next part of the list; absent when this is the last')

export const answers = {
  item: itemSchema,
  items: z.object({ items: z.array(itemSchema).readonly(), next: nextName }),
  machine: machineItemSchema,
  machines: z.object({ items: z.array(machineItemSchema).readonly(), next: nextName }),
  timeline: z.object({ entries: z.array(timelineEntrySchema.readonly()).readonly() }),
  events: z.object({
    events: z.array(eventSchema).readonly(),
    next: z.int().optional().describe('The `after` of the events behind these; absent when there are none yet'),
  }),
  applied: z.object({ results: z.array(applyResultSchema).readonly() }),
  plan: planAnswerSchema,
  inventory: inventoryAnswerSchema,
  findings: verifyAnswerSchema,
  ledger: ledgerAnswerSchema,
  joinToken: z.object({ token: z.string().describe('Shown once'), expiresAt: time }),
  newKey: z.object({ id: z.string(), key: z.string().describe('Shown once') }),
  keys: z.object({ items: z.array(keySchema).readonly(), next: nextName }),
  healthy: z.object({ status: z.literal('ok') }),
}

/** A line of the watch: a `WatchLine`. */
export const watchLineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('item'), id: z.int(), item: z.union([itemSchema, machineItemSchema]) }),
  z.object({
    type: z.literal('gone'),
    id: z.int(),
    kind: reportedKindSchema,
    name: z.string(),
    left: z.array(z.string()).readonly().describe('What was forgotten with it, and is still in the cloud'),
  }),
  z.object({ type: z.literal('event'), id: z.int(), event: eventSchema }),
  z.object({
    type: z.literal('timeline'),
    id: z.int(),
    machine: z.string(),
    cluster: z.string(),
    entry: timelineEntrySchema.readonly(),
  }),
  z.object({ type: z.literal('synced'), id: z.int() }),
  z.object({ type: z.literal('ping') }),
])

/** Shapes with a name of their own in the document. */
export const namedSchemas = z.registry<{ id: string }>()
for (const [name, schema] of Object.entries(resourceSchemas)) namedSchemas.add(schema, { id: name })
namedSchemas.add(itemSchema, { id: 'Item' })
namedSchemas.add(machineItemSchema, { id: 'MachineItem' })
namedSchemas.add(eventSchema, { id: 'Event' })
namedSchemas.add(errorSchema, { id: 'Error' })

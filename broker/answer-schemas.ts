/** Gateways' answers, checked: a gateway is another machine, perhaps of another version. The shapes are those of resources/query.ts. */
import { z } from 'zod'

const findingSchema = z.object({
  severity: z.enum(['ok', 'warning', 'error']),
  subject: z.string(),
  message: z.string(),
  remedy: z.string().optional(),
})

const inventoryItemSchema = z.object({
  kind: z.string(),
  name: z.string(),
  path: z.string(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
})

const ledgerEntrySchema = z.object({
  cluster: z.string(),
  machine: z.string(),
  machineUid: z.string(),
  account: z.string(),
  kind: z.string(),
  name: z.string(),
  externalId: z.string().optional(),
  state: z.enum(['intended', 'present', 'deleting']),
  since: z.string(),
})

const planEntrySchema = z.object({
  action: z.enum(['create', 'replace', 'delete', 'change']),
  kind: z.string(),
  name: z.string(),
  reason: z.string(),
  steps: z.array(z.string()),
})

export const planAnswerSchema = z.object({ entries: z.array(planEntrySchema), findings: z.array(findingSchema) })
export const inventoryAnswerSchema = z.object({ items: z.array(inventoryItemSchema) })
export const verifyAnswerSchema = z.object({ findings: z.array(findingSchema) })
export const ledgerAnswerSchema = z.object({ entries: z.array(ledgerEntrySchema) })

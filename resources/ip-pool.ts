import { z } from 'zod'
import { rangeProblems } from './ip-ranges.ts'
import { API_VERSION, metadataSchema } from './metadata.ts'

const address = z.ipv4()

/** Addresses that machines with static addressing take theirs from. */
export const ipPoolSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('IPPool'),
  metadata: metadataSchema,
  spec: z
    .strictObject({
      ranges: z
        .array(z.strictObject({ first: address, last: address }))
        .min(1)
        .max(20),
      prefix: z.number().int().min(1).max(32),
      gateway: address,
      nameservers: z.array(address).max(5).default([]),
      searchDomains: z.array(z.string().min(1).max(253)).max(6).default([]),
    })
    .superRefine((spec, context) => {
      // What is no address, or no prefix, is told already, and can't be compared.
      if (context.issues.length > 0) return
      for (const { index, message, remedy } of rangeProblems(spec))
        context.addIssue({ code: 'custom', path: ['ranges', index], message, params: { remedy } })
    }),
})

export type IPPool = z.infer<typeof ipPoolSchema>

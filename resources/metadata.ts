import { z } from 'zod'

export const API_VERSION = 'pcg/v1'

/** A DNS label (RFC 1123), short enough that a machine's name made from it stays one. */
export const nameSchema = z
  .string()
  .max(40, 'is longer than 40 characters')
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    'must be lower-case letters, digits and dashes, beginning and ending with a letter or digit',
  )

export const metadataSchema = z.strictObject({
  name: nameSchema,
  labels: z.record(z.string().max(63), z.string().max(63)).optional(),
})

export type Metadata = z.infer<typeof metadataSchema>

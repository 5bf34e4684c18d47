/** The parameters by which lists are read in parts. */
import { z } from 'zod'
import type { Page } from '../page.ts'

/** Also the most that can be asked for. */
export const PAGE_ENTRIES = 1_000

export const numberParam = z.coerce.number<string>({ error: 'must be a whole number' }).int('must be a whole number')

export const limitParam = numberParam
  .min(1, 'must be at least 1')
  .max(PAGE_ENTRIES, `must be at most ${PAGE_ENTRIES}`)
  .default(PAGE_ENTRIES)
  .describe('How many at most')

/** For lists in the order of their names. */
export const pageParams = {
  limit: limitParam,
  after: z.string().optional().describe('Only names behind this one: the `next` of the part before'),
}

/** A part of a list as it is answered. */
export function listed<T>({ entries, ...next }: Page<T, string>) {
  return { items: entries, ...next }
}

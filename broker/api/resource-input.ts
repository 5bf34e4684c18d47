/** The body that carries resources: checked one by one, so that each problem is told by its own resource's field. */
import { z } from 'zod'
import { type Resource, resourceSchema } from '../../resources/resource.ts'
import { checkResource, pathText } from '../../resources/resource-problems.ts'
import type { ErrorDetail } from '../../runtime/pcg-error.ts'
import { invalidFields, invalidInput } from './api-error.ts'

export const MAX_RESOURCES = 1_000

const list = <T extends z.ZodType>(entry: T) =>
  z
    .array(entry)
    .min(1, 'is empty: give a resource at least')
    .max(MAX_RESOURCES, `has more than ${MAX_RESOURCES} resources`)

/** As it is documented, and as handlers see it. */
export const applyBodySchema = z.strictObject({
  resources: list(resourceSchema),
  dryRun: z.boolean().optional().describe('Only check, and tell what would be done'),
})
export const planBodySchema = z.strictObject({ resources: list(resourceSchema) })

const envelopeOf = {
  apply: applyBodySchema.extend({ resources: list(z.unknown()) }),
  plan: planBodySchema.extend({ resources: list(z.unknown()) }),
}

type Checked = { readonly value: unknown } | { readonly error: Error }

/** Checks a whole body. The words are the same as for a file that the CLI reads. */
export function checkBody(envelope: keyof typeof envelopeOf, body: unknown): Checked {
  const parsed = envelopeOf[envelope].safeParse(body)
  if (!parsed.success) return { error: invalidInput(parsed.error) }
  const resources: Resource[] = []
  const wrong: ErrorDetail[] = []
  for (const [index, value] of parsed.data.resources.entries()) {
    const checked = checkResource(value)
    if (checked.ok) resources.push(checked.resource)
    else wrong.push(...checked.problems.map((problem) => detailOf(problem, titleOf(value, index))))
  }
  return wrong.length > 0 ? { error: invalidFields(wrong) } : { value: { ...parsed.data, resources } }
}

function detailOf(
  { path, message, remedy }: { path: readonly PropertyKey[]; message: string; remedy?: string },
  title: string,
): ErrorDetail {
  const subject = pathText(path) || 'resource'
  return { subject, message: `${title}: ${message}`, ...(remedy !== undefined && { remedy }) }
}

/** `Cluster prod`, as far as it can be told; else by its place. */
function titleOf(value: unknown, index: number): string {
  const known = z
    .object({ kind: z.string().max(60), metadata: z.object({ name: z.string().max(60) }) })
    .safeParse(value)
  return known.success ? `${known.data.kind} ${known.data.metadata.name}` : `resources[${index}]`
}

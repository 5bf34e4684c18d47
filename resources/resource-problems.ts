import { z } from 'zod'
import { nearName } from './near-name.ts'
import { type Resource, resourceSchema } from './resource.ts'

/** One thing that is wrong with a resource. */
export interface ResourceProblem {
  readonly path: readonly PropertyKey[]
  /** Says what the field must be, without its name: `must be 1, 3, 5 or 7 …`. */
  readonly message: string
  readonly remedy?: string
  /** Whether it is about the field's name rather than its value. */
  readonly unknownField: boolean
}

export type CheckedResource =
  | { readonly ok: true; readonly resource: Resource }
  | { readonly ok: false; readonly problems: readonly ResourceProblem[] }

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

/** Checks a value against the resources' schemas; all that is wrong at once, in words for whoever wrote it. */
export function checkResource(value: unknown): CheckedResource {
  // Which fields an object may have is known to the issue only while zod words it.
  const fields = new Map<string, readonly string[]>()
  const error = (issue: RawIssue): string | undefined => {
    if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject)
      fields.set(pathText(issue.path ?? []), Object.keys(issue.inst.shape))
    return wordsOf(issue)
  }
  const result = resourceSchema.safeParse(value, { error })
  if (result.success) return { ok: true, resource: result.data }
  const problems = result.error.issues.flatMap((issue): ResourceProblem[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknownField(value, issue.path, key, fields.get(pathText(issue.path)) ?? []))
    return [valueProblem(issue, valueAt(value, issue.path))]
  })
  return { ok: false, problems }
}

/** `spec.workers[0].count`; empty for the resource itself. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

function unknownField(
  value: unknown,
  parent: readonly PropertyKey[],
  key: string,
  known: readonly string[],
): ResourceProblem {
  const base = { path: [...parent, key], message: 'is not a known field', unknownField: true } as const
  const elsewhere = fieldPaths(schemaOf(value), key, '')
  if (elsewhere.length > 0) return { ...base, remedy: `Did you mean ${elsewhere.slice(0, 2).join(' or ')}?` }
  const near = nearName(key, known)
  if (near !== undefined) return { ...base, remedy: `Did you mean ${near}?` }
  return { ...base, remedy: known.length > 0 ? `Known here: ${known.join(', ')}.` : 'Remove it.' }
}

function schemaOf(value: unknown): z.core.$ZodType | undefined {
  const kind = valueAt(value, ['kind'])
  return resourceSchema.options.find((option) => option.shape.kind.value === kind)
}

/** Where a schema has a field of that name. */
function fieldPaths(schema: z.core.$ZodType | undefined, field: string, at: string): string[] {
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([name, inner]) => {
      const path = at === '' ? name : `${at}.${name}`
      return [...(name === field ? [path] : []), ...fieldPaths(inner, field, path)]
    })
  if (schema instanceof z.ZodArray) return fieldPaths(schema.element, field, `${at}[]`)
  if (schema instanceof z.ZodDiscriminatedUnion)
    return [...new Set(schema.options.flatMap((option) => fieldPaths(option, field, at)))]
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return fieldPaths(schema.unwrap(), field, at)
  return []
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, part) => {
    if (typeof inner !== 'object' || inner === null) return undefined
    return Object.entries(inner).find(([key]) => key === String(part))?.[1]
  }, value)
}

function valueProblem(issue: z.core.$ZodIssue, value: unknown): ResourceProblem {
  const problem = { path: issue.path, unknownField: false } as const
  // A check of our own knows that the field is missing.
  if (value === undefined && issue.code !== 'custom')
    return { ...problem, message: issue.code === 'invalid_type' ? 'is required' : `is required, and ${issue.message}` }
  const remedy = issue.code === 'custom' ? issue.params?.remedy : undefined
  if (typeof remedy === 'string') return { ...problem, message: issue.message, remedy }
  const near = typeof value === 'string' ? nearName(value, choicesOf(issue)) : undefined
  const message = showsValue(issue, value) ? `${issue.message}, and is ${JSON.stringify(value)}` : issue.message
  return near === undefined ? { ...problem, message } : { ...problem, message, remedy: `Did you mean ${near}?` }
}

function choicesOf(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options))
    return issue.options.map(String)
  return []
}

/** What stands there helps to find it, where it is short and can't be a secret that was put into the wrong field. */
function showsValue(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.code === 'invalid_type' && issue.expected !== 'int') return false
  if (typeof value === 'number' || typeof value === 'boolean') return true
  return typeof value === 'string' && value.length <= 60 && issue.path.at(-1) !== 'sealed'
}

/** Words for an issue whose schema has none of its own. */
function wordsOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input)
    case 'invalid_value':
      return oneOf(issue.values)
    case 'invalid_union':
      if (issue.discriminator === undefined) return undefined
      return oneOf(Array.isArray(issue.options) ? issue.options : [])
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.maximum, issue.origin)}`
    case 'too_small':
      if (issue.minimum === 1 && issue.origin === 'string') return 'is empty'
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.minimum, issue.origin)}`
    case 'invalid_format':
      return wrongFormat(issue.format, issue.pattern)
    case 'unrecognized_keys':
      return 'is not a known field'
    default:
      return undefined
  }
}

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return 'is required'
  const wanted = TYPE_WORDS[expected] ?? expected
  if (input === null) return `must be ${wanted}, and is empty`
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean'))
    return `must be text: write it in quotes, "${input}"`
  if ((expected === 'number' || expected === 'int') && typeof input === 'string' && /^\d+$/.test(input))
    return `must be ${wanted}: write it without quotes, ${input}`
  if (Array.isArray(input)) return `must be ${wanted}, and is a list`
  if (typeof input === 'object') return `must be ${wanted}, and has fields`
  if (typeof input === 'string') return `must be ${wanted}, and is text`
  return `must be ${wanted}`
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a set of fields',
  record: 'a set of fields',
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`
}

function amount(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} characters long`
  if (origin === 'array') return `${limit} entries long`
  return String(limit)
}

function wrongFormat(format: string, pattern: string | undefined): string {
  switch (format) {
    case 'ipv4':
      return 'must be an IPv4 address, like 192.0.2.10'
    case 'cidrv4':
      return 'must be an IPv4 network, like 10.244.0.0/16'
    case 'url':
      return 'must be a URL'
    default:
      return pattern === undefined ? `must be of the form ${format}` : `must match ${pattern}`
  }
}

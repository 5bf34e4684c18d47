import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml'
import { type ErrorDetail, PcgError } from '../runtime/pcg-error.ts'
import { type Resource, resourceSchema } from './resource.ts'
import { checkResource, pathText, type ResourceProblem } from './resource-problems.ts'

/** A file's text, and what to call it in errors. */
export interface YamlSource {
  readonly name: string
  readonly text: string
}

const MAX_BYTES = 16 * 1024 * 1024
/** Of nodes that aliases may stand for, so that a small file can't unfold into a huge one ("billion laughs"). */
const MAX_ALIASED = 10_000
/** More are rather confusing than helpful. */
const MAX_DETAILS = 100

const ADVICE = 'Correct the lines above, and try again: nothing was changed.'

/** The value of one document (or of one entry of a list), and where its parts stand. */
interface Candidate {
  readonly source: string
  readonly value: unknown
  readonly lineOf: (path: readonly PropertyKey[], ofName: boolean) => number
}

/**
 * The resources in the sources, in the order in which they stand there: YAML with any number of documents, or JSON.
 * A list, or `{items: […]}` as `pcg get -o json` prints it, counts as its entries; a `status` is passed over.
 * Throws `invalid` with everything that is wrong in its details, each as `FILE:LINE: field`.
 */
export function parseResources(sources: readonly YamlSource[]): Resource[] {
  const details: ErrorDetail[] = []
  const resources: Resource[] = []
  const firsts = new Map<string, string>()
  for (const source of sources) {
    for (const candidate of candidatesOf(source, details)) {
      const checked = checkResource(candidate.value)
      if (!checked.ok) {
        details.push(...checked.problems.map((problem) => detailOf(candidate, problem)))
        continue
      }
      const { resource } = checked
      const key = `${resource.kind} ${resource.metadata.name}`
      const place = `${candidate.source}:${candidate.lineOf(['metadata', 'name'], false)}`
      const first = firsts.get(key)
      if (first === undefined) {
        firsts.set(key, place)
        resources.push(resource)
      } else {
        details.push({ subject: `${place}: metadata.name`, message: `is taken: ${key} is also at ${first}` })
      }
    }
  }
  if (details.length > 0) throw invalid(details)
  if (resources.length === 0)
    throw new PcgError('invalid', 'there is no resource in it', {
      subject: sources.map((source) => source.name).join(', '),
      remedy: 'A resource begins with `apiVersion: pcg/v1` and `kind: …`; the folder examples/ has some.',
    })
  return resources
}

function invalid(details: readonly ErrorDetail[]): PcgError {
  const count = details.length === 1 ? 'one thing is wrong' : `${details.length} things are wrong`
  const shown = details.slice(0, MAX_DETAILS)
  const message = shown.length < details.length ? `${count}; the first ${MAX_DETAILS} are shown` : count
  return new PcgError('invalid', message, { details: shown, remedy: ADVICE })
}

function candidatesOf(source: YamlSource, details: ErrorDetail[]): Candidate[] {
  if (Buffer.byteLength(source.text) > MAX_BYTES) {
    details.push({ subject: source.name, message: `is larger than ${MAX_BYTES / 1024 / 1024} MiB` })
    return []
  }
  const lines = new LineCounter()
  const documents = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false, merge: true })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document): Candidate[] => {
    if (document.errors.length > 0) {
      for (const error of document.errors)
        details.push({
          subject: `${source.name}:${lines.linePos(error.pos[0]).line}`,
          message: syntaxWords(error.code, error.message),
          ...remedyOf(error.code),
        })
      return []
    }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASED })
    } catch (cause) {
      const line = lines.linePos(document.range[0]).line
      details.push({ subject: `${source.name}:${line}`, message: aliasWords(cause) })
      return []
    }
    if (value === null || value === undefined) return []
    const root = document.contents
    return entriesOf(value).map(({ prefix, value: entry }) => ({
      source: source.name,
      value: withoutStatus(entry),
      lineOf: (path, ofName) => lines.linePos(offsetOf(root, [...prefix, ...path], ofName)).line,
    }))
  })
}

function entriesOf(value: unknown): { prefix: PropertyKey[]; value: unknown }[] {
  if (Array.isArray(value)) return value.map((entry: unknown, index) => ({ prefix: [index], value: entry }))
  if (typeof value === 'object' && value !== null && !('kind' in value) && 'items' in value) {
    const { items } = value
    if (Array.isArray(items)) return items.map((entry: unknown, index) => ({ prefix: ['items', index], value: entry }))
  }
  return [{ prefix: [], value }]
}

/** What was printed by `pcg get` may be applied again: its status is the gateway's to say. */
function withoutStatus(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('status' in value)) return value
  const { status: _, ...rest } = value
  return rest
}

function detailOf(candidate: Candidate, problem: ResourceProblem): ErrorDetail {
  const field = pathText(problem.path)
  const place = `${candidate.source}:${candidate.lineOf(problem.path, problem.unknownField)}`
  if (field === '')
    return {
      subject: place,
      message: `a resource ${problem.message}`,
      remedy: `It has the fields ${Object.keys(resourceSchema.options[0].shape).join(', ')}.`,
    }
  return {
    subject: `${place}: ${field}`,
    message: problem.message,
    ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
  }
}

/** Where the value at the path begins (or its name, which for a value on the next line is elsewhere), or else what holds it. */
function offsetOf(root: unknown, path: readonly PropertyKey[], ofName: boolean): number {
  let node = root
  let offset = startOf(root)
  for (const [index, part] of path.entries()) {
    const last = index === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === part)
      if (pair === undefined) return offset
      node = pair.value
      // A list or mapping begins below its name, which is where the reader looks for it.
      offset = (last && ofName) || !isScalar(node) || node.value === null ? startOf(pair.key) : startOf(node)
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      offset = startOf(node)
    } else {
      return offset
    }
  }
  return offset
}

function startOf(node: unknown): number {
  return isNodeWithRange(node) ? node.range[0] : 0
}

function isNodeWithRange(node: unknown): node is Node & { range: [number, number, number] } {
  return (isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)) && Array.isArray(node.range)
}

function aliasWords(cause: unknown): string {
  const said = cause instanceof Error ? cause.message : String(cause)
  return said.includes('Excessive alias count') ? 'its aliases (*name) unfold into too much' : said
}

function syntaxWords(code: string, message: string): string {
  const said = message.charAt(0).toLowerCase() + message.slice(1)
  return code === 'DUPLICATE_KEY' ? 'this field stands here twice' : `is not valid YAML: ${said}`
}

function remedyOf(code: string): { remedy?: string } {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { remedy: 'Indent with spaces.' }
    case 'BAD_INDENT':
      return { remedy: 'Indent it like its neighbours.' }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { remedy: 'Is a quote missing, or the line indented too far?' }
    case 'MULTILINE_IMPLICIT_KEY':
      return { remedy: 'Is a colon missing?' }
    default:
      return {}
  }
}

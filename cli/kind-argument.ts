import { KIND_NAMES } from '../resources/kind-names.ts'
import { nearName } from '../resources/near-name.ts'
import type { ReportedKind } from '../resources/resource.ts'
import { PcgError } from '../runtime/pcg-error.ts'

const KINDS_BY_NAME: ReadonlyMap<string, ReportedKind> = new Map(
  Object.entries(KIND_NAMES).flatMap(([kind, { plural, aliases }]) =>
    [kind, plural, ...aliases].map((name) => [name.toLowerCase(), kind as ReportedKind]),
  ),
)

/** `clusters`, in the order of the kinds. */
export const PLURALS: readonly string[] = Object.values(KIND_NAMES).map(({ plural }) => plural)

/** The kind that was typed, in any of its names. Throws `invalid` with the one that was probably meant. */
export function parseKind(typed: string): ReportedKind {
  const kind = KINDS_BY_NAME.get(typed.toLowerCase())
  if (kind !== undefined) return kind
  const near = nearName(typed, [...KINDS_BY_NAME.keys()])
  throw new PcgError('invalid', 'there is no such kind of resource', {
    subject: typed,
    remedy: near === undefined ? `The kinds are ${PLURALS.join(', ')}.` : `Did you mean ${near}?`,
  })
}

/** KIND and NAME of the command line, also as the one word `cluster/demo`. Throws `invalid` if the name is missing. */
export function parseKindAndName(typed: string, name: string | undefined): { kind: ReportedKind; name: string } {
  const [kindPart = '', namePart] = typed.split('/', 2)
  const kind = parseKind(kindPart)
  const found = name ?? namePart
  if (found === undefined || found === '')
    throw new PcgError('invalid', `which of the ${KIND_NAMES[kind].plural}? The name is missing`, {
      remedy: `\`pcg get ${KIND_NAMES[kind].plural}\` lists them.`,
    })
  return { kind, name: found }
}

/** `cluster demo` */
export function spoken(kind: ReportedKind, name: string): string {
  return `${KIND_NAMES[kind].aliases[0] ?? kind.toLowerCase()} ${name}`
}

/** What a service answers at its root, or at a version of it, about its versions. Pure. */
import { z } from 'zod'
import { majorOf, versionSegment } from './endpoint-url.ts'
import { compareMicroversions, isMicroversion, type Supported } from './microversion.ts'

const entrySchema = z.object({
  id: z.string(),
  status: z.string().default('CURRENT'),
  /** Nova's and cinder's newest microversion; placement calls it max_version. */
  version: z.string().nullish(),
  max_version: z.string().nullish(),
  min_version: z.string().nullish(),
  links: z.array(z.object({ rel: z.string().optional(), href: z.string() })).default([]),
})

const documentSchema = z.union([
  z.object({ versions: z.array(entrySchema) }),
  z.object({ versions: z.object({ values: z.array(entrySchema) }) }),
  z.object({ version: entrySchema }),
])

export interface OfferedVersion {
  /** `v2.1` */
  readonly id: string
  /** The segment of its path; undefined where it has none. */
  readonly path: string | undefined
  readonly microversions: Supported | undefined
}

/** The versions that a service offers, or undefined if this is no document about versions. */
export function readVersions(body: unknown): readonly OfferedVersion[] | undefined {
  const read = documentSchema.safeParse(body)
  if (!read.success) return undefined
  return entriesOf(read.data)
    .filter(({ status }) => status.toUpperCase() !== 'EXPERIMENTAL')
    .map((entry) => {
      const self = entry.links.find(({ rel }) => rel === 'self') ?? entry.links[0]
      return { id: entry.id, path: self && versionSegment(self.href), microversions: supportedBy(entry) }
    })
}

/** The newest of a major version. */
export function newestOf(offered: readonly OfferedVersion[], major: number): OfferedVersion | undefined {
  return offered
    .filter(({ id }) => majorOf(id) === major)
    .toSorted((left, right) => compareMicroversions(left.id.slice(1), right.id.slice(1)))
    .at(-1)
}

function entriesOf(document: z.infer<typeof documentSchema>): readonly z.infer<typeof entrySchema>[] {
  if ('version' in document) return [document.version]
  return Array.isArray(document.versions) ? document.versions : document.versions.values
}

function supportedBy({ version, max_version, min_version }: z.infer<typeof entrySchema>): Supported | undefined {
  const max = version ?? max_version ?? undefined
  const min = min_version ?? undefined
  return isMicroversion(max) && isMicroversion(min) ? { min, max } : undefined
}

/** Which of a catalog's endpoints is meant. Pure. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { CloudOptions } from './endpoint-options.ts'
import { SERVICES, type ServiceType } from './service-type.ts'
import type { CatalogEndpoint, CatalogEntry } from './token.ts'

export type Wanted = Pick<CloudOptions, 'region' | 'interface' | 'endpoints'>

/** The service's URL as the account or the catalog has it. Throws an error that says what the catalog has instead. */
export function findEndpoint(catalog: readonly CatalogEntry[], type: ServiceType, wanted: Wanted): string {
  const given = wanted.endpoints?.[type]
  if (given !== undefined) return given
  const [found, ...others] = matching(catalog, type, wanted)
  if (found === undefined) throw missing(catalog, type, wanted)
  const elsewhere = others.find(({ region }) => region !== found.region)
  if (elsewhere !== undefined) {
    const regions = new Set([found, ...others].map(({ region }) => region ?? 'none'))
    throw new PcgError(
      'invalid',
      `the catalog has the ${type} service in several regions: ${[...regions].join(', ')}`,
      {
        subject: 'spec.region',
        remedy: 'Set spec.region to one of them.',
      },
    )
  }
  return found.url
}

export function hasEndpoint(catalog: readonly CatalogEntry[], type: ServiceType, wanted: Wanted): boolean {
  return wanted.endpoints?.[type] !== undefined || matching(catalog, type, wanted).length > 0
}

/** Of the first of the service's types that has any. */
function matching(catalog: readonly CatalogEntry[], type: ServiceType, wanted: Wanted): readonly CatalogEndpoint[] {
  for (const catalogType of SERVICES[type].catalogTypes) {
    const found = catalog
      .filter((entry) => entry.type === catalogType)
      .flatMap((entry) => entry.endpoints)
      .filter((endpoint) => isInterface(endpoint, wanted) && isRegion(endpoint, wanted))
    if (found.length > 0) return found
  }
  return []
}

/** `publicURL` is what old catalogs say. */
function isInterface(endpoint: CatalogEndpoint, wanted: Wanted): boolean {
  return endpoint.interface === wanted.interface || endpoint.interface === `${wanted.interface}URL`
}

function isRegion(endpoint: CatalogEndpoint, wanted: Wanted): boolean {
  return wanted.region === undefined || endpoint.region === wanted.region
}

function missing(catalog: readonly CatalogEntry[], type: ServiceType, wanted: Wanted): PcgError {
  const types: readonly string[] = SERVICES[type].catalogTypes
  const elsewhere = catalog
    .filter((entry) => types.includes(entry.type))
    .flatMap((entry) => entry.endpoints.map((at) => `${at.interface} in region ${at.region ?? 'none'}`))
  const region = wanted.region === undefined ? 'any region' : `region ${wanted.region}`
  const has =
    elsewhere.length > 0
      ? `it has ${[...new Set(elsewhere)].join(', ')}`
      : `it has ${catalog.map((entry) => entry.type).join(', ') || 'no services at all'}`
  return new PcgError(
    'invalid',
    `the catalog has no ${type} service with the interface ${wanted.interface} in ${region}; ${has}`,
    {
      subject: elsewhere.length > 0 ? 'spec.region' : catalog.length > 0 ? `spec.endpoints.${type}` : 'spec.scope',
      remedy:
        elsewhere.length > 0
          ? 'Set spec.region and spec.interface to what the catalog has.'
          : catalog.length > 0
            ? `Have the service registered in keystone, or set spec.endpoints.${type}.`
            : 'Name a project in spec.scope: a token without one has no catalog.',
    },
  )
}

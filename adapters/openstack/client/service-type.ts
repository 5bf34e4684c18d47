/** The services that the adapter speaks to, as the service-types authority names them. */
export type ServiceType = 'compute' | 'network' | 'image' | 'block-storage' | 'identity' | 'placement' | 'load-balancer'

export interface ServiceKind {
  /** Under which types a catalog may have it, the official one first (https://service-types.openstack.org). */
  readonly catalogTypes: readonly string[]
  /** The version of its API that the client speaks. */
  readonly major: number
  /** The path of that version where the service doesn't say, below an endpoint without version. */
  readonly versionPath: string
  /** A path that names the version ends with the project's id. */
  readonly projectInPath: boolean
  readonly microversions: MicroversionRange | undefined
}

export interface MicroversionRange {
  /** The service's name in the header `OpenStack-API-Version`. */
  readonly header: string
  /** The oldest that the adapter works with. */
  readonly min: string
  /** The newest whose answers the adapter knows. */
  readonly max: string
}

export const SERVICES: Readonly<Record<ServiceType, ServiceKind>> = {
  compute: {
    catalogTypes: ['compute'],
    major: 2,
    versionPath: 'v2.1',
    projectInPath: false,
    // 2.53: hypervisors and services by UUID; server tags (2.26), ports with fixed addresses and multi-attach are below it.
    microversions: { header: 'compute', min: '2.53', max: '2.93' },
  },
  network: {
    catalogTypes: ['network'],
    major: 2,
    versionPath: 'v2.0',
    projectInPath: false,
    microversions: undefined,
  },
  image: { catalogTypes: ['image'], major: 2, versionPath: 'v2', projectInPath: false, microversions: undefined },
  'block-storage': {
    catalogTypes: ['block-storage', 'volumev3', 'volumev2', 'volume', 'block-store'],
    major: 3,
    versionPath: 'v3',
    projectInPath: true,
    microversions: { header: 'volume', min: '3.0', max: '3.70' },
  },
  identity: { catalogTypes: ['identity'], major: 3, versionPath: 'v3', projectInPath: false, microversions: undefined },
  placement: {
    catalogTypes: ['placement'],
    major: 1,
    versionPath: '',
    projectInPath: false,
    microversions: { header: 'placement', min: '1.0', max: '1.39' },
  },
  'load-balancer': {
    catalogTypes: ['load-balancer'],
    major: 2,
    versionPath: 'v2',
    projectInPath: false,
    microversions: undefined,
  },
}

const TYPES = Object.keys(SERVICES).filter(isServiceType)

export function isServiceType(name: string): name is ServiceType {
  return Object.hasOwn(SERVICES, name)
}

export function serviceTypes(): readonly ServiceType[] {
  return TYPES
}

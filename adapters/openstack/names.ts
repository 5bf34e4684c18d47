/**
 * What a placement names, found in the cloud. A text that is an id counts as the id; else it is a name, which must be the only one.
 *
 * Every method rejects with `not-found` (subject `image debian-13`, with the near name or all there are as its remedy) or with
 * `conflict` where several have the name (with their ids); what the services answer otherwise passes through.
 */
import { nearName } from '../../resources/near-name.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type ErrorCode, PcgError } from '../../runtime/pcg-error.ts'
import { abortable } from './client/cancellation.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import type { QueryValue } from './client/service.ts'
import type { ServiceType } from './client/service-type.ts'
import { listAll } from './listing.ts'
import {
  flavorFrom,
  imageFrom,
  keypairFrom,
  type Named,
  type NamedFlavor,
  type NamedImage,
  type NamedNetwork,
  type NamedSubnet,
  type NamedVolumeType,
  type NamedZone,
  namedFrom,
  networkFrom,
  subnetFrom,
  volumeTypeFrom,
  zoneFrom,
} from './named.ts'

/** What a placement names changes seldom, and the services refuse what is no longer there. */
const FRESH_MS = 60_000
const READ_TIMEOUT_MS = 120_000
/** More than that nobody reads in an error. */
const SHOWN = 8
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

interface Source<T extends Named> {
  /** As people call it: `security group`. */
  readonly kind: string
  readonly service: ServiceType
  readonly path: string
  readonly key: string
  readonly read: (value: unknown) => T
  /** Of every list of it. */
  readonly query?: Readonly<Record<string, QueryValue>>
  /** By what the service can be asked for only those of a name; all are read where it can't. */
  readonly filters?: boolean
  /** How to ask for one by its id. */
  readonly byId?: 'filter' | 'path'
}

const IMAGES: Source<NamedImage> = {
  kind: 'image',
  service: 'image',
  path: '/images',
  key: 'images',
  read: imageFrom,
  filters: true,
  byId: 'path',
}
const FLAVORS: Source<NamedFlavor> = {
  kind: 'flavor',
  service: 'compute',
  path: '/flavors/detail',
  key: 'flavors',
  read: flavorFrom,
}
const NETWORKS: Source<NamedNetwork> = {
  kind: 'network',
  service: 'network',
  path: '/networks',
  key: 'networks',
  read: networkFrom,
  filters: true,
  byId: 'filter',
}
const EXTERNAL_NETWORKS: Source<NamedNetwork> = {
  ...NETWORKS,
  kind: 'external network',
  query: { 'router:external': true },
}
const SECURITY_GROUPS: Source<Named> = {
  kind: 'security group',
  service: 'network',
  path: '/security-groups',
  key: 'security_groups',
  read: namedFrom,
  query: { fields: ['id', 'name'] },
  filters: true,
  byId: 'filter',
}
const VOLUME_TYPES: Source<NamedVolumeType> = {
  kind: 'volume type',
  service: 'block-storage',
  path: '/types',
  key: 'volume_types',
  read: volumeTypeFrom,
}
const KEYPAIRS: Source<Named> = {
  kind: 'keypair',
  service: 'compute',
  path: '/os-keypairs',
  key: 'keypairs',
  read: keypairFrom,
}
const ZONES: Source<NamedZone> = {
  kind: 'availability zone',
  service: 'compute',
  path: '/os-availability-zone',
  key: 'availabilityZoneInfo',
  read: zoneFrom,
}
const subnetsOf = (networkId: string): Source<NamedSubnet> => ({
  kind: 'subnet',
  service: 'network',
  path: '/subnets',
  key: 'subnets',
  read: subnetFrom,
  query: { network_id: networkId },
})

export class Names {
  readonly #cloud: OpenstackCloud
  readonly #clock: Clock
  readonly #found = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>()

  constructor(cloud: OpenstackCloud, clock: Clock) {
    this.#cloud = cloud
    this.#clock = clock
  }

  image(nameOrId: string, signal: AbortSignal): Promise<NamedImage> {
    return this.#named(IMAGES, nameOrId, signal)
  }

  flavor(nameOrId: string, signal: AbortSignal): Promise<NamedFlavor> {
    return this.#named(FLAVORS, nameOrId, signal)
  }

  network(nameOrId: string, signal: AbortSignal): Promise<NamedNetwork> {
    return this.#named(NETWORKS, nameOrId, signal)
  }

  /** @param nameOrId the network's only one for IPv4 if undefined; several are a `conflict` then */
  subnet(networkId: string, nameOrId: string | undefined, signal: AbortSignal): Promise<NamedSubnet> {
    const source = subnetsOf(networkId)
    if (nameOrId !== undefined) return this.#named(source, nameOrId, signal)
    return this.#once(`only subnet ${networkId}`, signal, async (within) => {
      const subnets = (await this.#all(source, within)).filter(({ ipVersion }) => ipVersion === 4)
      return only(subnets, `network ${networkId}`, 'IPv4 subnet', 'placement.network.subnet')
    })
  }

  /** @param nameOrId the only one that the project sees if undefined; several are a `conflict` then */
  externalNetwork(nameOrId: string | undefined, signal: AbortSignal): Promise<NamedNetwork> {
    if (nameOrId !== undefined) return this.#named(EXTERNAL_NETWORKS, nameOrId, signal)
    return this.#once('only external network', signal, async (within) => {
      const networks = await this.#all(EXTERNAL_NETWORKS, within)
      return only(networks, 'the project', 'external network', 'network.endpoint.network')
    })
  }

  securityGroup(nameOrId: string, signal: AbortSignal): Promise<Named> {
    // Others' groups of that name are seen by an administrator, and can't be meant.
    return this.#once(`security group ${nameOrId}`, signal, async (within) => {
      const { projectId } = await this.#cloud.identity(within)
      return await this.#search(
        { ...SECURITY_GROUPS, query: { ...SECURITY_GROUPS.query, project_id: projectId } },
        nameOrId,
        within,
      )
    })
  }

  volumeType(nameOrId: string, signal: AbortSignal): Promise<NamedVolumeType> {
    return this.#named(VOLUME_TYPES, nameOrId, signal)
  }

  keypair(name: string, signal: AbortSignal): Promise<Named> {
    return this.#named(KEYPAIRS, name, signal)
  }

  availabilityZone(name: string, signal: AbortSignal): Promise<NamedZone> {
    return this.#named(ZONES, name, signal)
  }

  /** Forgets what it knows: something of it is no longer so. */
  forget(): void {
    this.#found.clear()
  }

  #named<T extends Named>(source: Source<T>, nameOrId: string, signal: AbortSignal): Promise<T> {
    const key = JSON.stringify([source.kind, source.query ?? null, nameOrId])
    return this.#once(key, signal, (within) => this.#search(source, nameOrId, within))
  }

  /** One reading for all who ask within a minute; a failed one isn't kept. */
  #once<T>(key: string, signal: AbortSignal, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const now = this.#clock.now()
    const known = this.#found.get(key)
    // The key says which source it came from, and so which type.
    if (known !== undefined && now - known.at < FRESH_MS) return abortable(known.value as Promise<T>, signal)
    // Shared by all who ask, so no single one's signal may end it.
    const value = read(AbortSignal.timeout(READ_TIMEOUT_MS))
    const entry = { at: now, value }
    this.#found.set(key, entry)
    value.catch(() => {
      if (this.#found.get(key) === entry) this.#found.delete(key)
    })
    return abortable(value, signal)
  }

  async #search<T extends Named>(source: Source<T>, nameOrId: string, signal: AbortSignal): Promise<T> {
    const byId = await this.#byId(source, nameOrId, signal)
    if (byId !== undefined) return byId
    const candidates =
      source.filters === true
        ? await this.#list(source, { ...source.query, name: nameOrId }, signal)
        : await this.#all(source, signal)
    const sameId = candidates.find((each) => each.id === nameOrId)
    if (sameId !== undefined) return sameId
    const [first, ...others] = candidates.filter(({ name }) => name === nameOrId)
    if (first === undefined) throw notFound(source, nameOrId, await this.#all(source, signal))
    if (others.length > 0) throw ambiguous(source, nameOrId, [first, ...others])
    return first
  }

  async #byId<T extends Named>(source: Source<T>, id: string, signal: AbortSignal): Promise<T | undefined> {
    if (source.byId === undefined || !UUID.test(id)) return undefined
    if (source.byId === 'filter') return (await this.#list(source, { ...source.query, id }, signal))[0]
    const found = await this.#cloud.service(source.service).find(`${source.path}/${id}`, { signal })
    return found === undefined ? undefined : source.read(found)
  }

  /** All that the project sees, once for all who ask. */
  #all<T extends Named>(source: Source<T>, signal: AbortSignal): Promise<readonly T[]> {
    const key = JSON.stringify(['all', source.kind, source.query ?? null])
    return this.#once(key, signal, (within) => this.#list(source, source.query ?? {}, within))
  }

  async #list<T extends Named>(
    source: Source<T>,
    query: Readonly<Record<string, QueryValue>>,
    signal: AbortSignal,
  ): Promise<T[]> {
    const { service, path, key } = source
    return (await listAll(this.#cloud, service, path, key, query, signal)).map(source.read)
  }
}

function notFound(source: Source<Named>, wanted: string, all: readonly Named[]): PcgError {
  const names = [...new Set(all.map(({ name }) => name))].filter((name) => name !== '').toSorted()
  const near = nearName(wanted, names)
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : ''
  const there = `There is ${names.slice(0, SHOWN).join(', ')}${more}.`
  const remedy = names.length === 0 ? 'The project sees none at all: make one, or have one shared with it.' : there
  return nameError('not-found', `${source.kind} ${wanted}`, "does not exist, or the project doesn't see it", {
    remedy: near === undefined ? remedy : `Did you mean ${near}?`,
  })
}

function ambiguous(source: Source<Named>, wanted: string, found: readonly Named[]): PcgError {
  return nameError('conflict', `${source.kind} ${wanted}`, `is the name of ${found.length}`, {
    remedy: `Write the id of the one that is meant: ${found.map(({ id }) => id).join(' or ')}.`,
  })
}

/** Where nothing is named, there must be one and no other. */
function only<T extends Named>(all: readonly T[], subject: string, kind: string, field: string): T {
  const [first, ...others] = all
  if (first === undefined)
    throw nameError('not-found', subject, `has no ${kind}`, {
      remedy: 'Make one, or have one shared with the project.',
    })
  if (others.length === 0) return first
  const names = all.map(({ id, name }) => (name === '' ? id : `${name} (${id})`)).join(', ')
  throw nameError('conflict', subject, `has ${all.length} ${kind}s: ${names}`, { remedy: `Name one in ${field}.` })
}

/** Its message can stand alone: it begins with the subject. */
function nameError(code: ErrorCode, subject: string, words: string, { remedy }: { readonly remedy: string }): PcgError {
  return new PcgError(code, `${subject} ${words}`, { subject, remedy })
}

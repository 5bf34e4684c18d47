/**
 * Changes to desired state, each with its commands.
 *
 * Invariants
 * 1. A change and its commands are one transaction: never one without the other.
 * 2. A request takes effect as a whole or not at all; checks see what it will leave behind.
 * 3. Nothing that another resource names can go.
 * 4. Accounts and clusters stay, marked as deleting, until their gateway says that nothing is left of them. Profiles and pools have
 *    nothing outside, so they go at once; their gateways hear of it in order.
 * 5. Two gateways never give out addresses of one pool, nor two clusters of a gateway hold one virtual IP.
 * 6. Generations of a name never go back, also when it is deleted and made anew: a gateway takes no older one.
 */
import { isDeepStrictEqual } from 'node:util'
import { KINDS, type Kind, type Resource, type ResourceKey } from '../resources/resource.ts'
import { type Clock, timestamp } from '../runtime/clock.ts'
import { type ErrorDetail, PcgError } from '../runtime/pcg-error.ts'
import type { GatewayIdentity } from '../tunnel/identity.ts'
import { disputedClaims } from './claims.ts'
import { claimsView } from './claims-view.ts'
import { changedForGood, keyText, titleOf, wrongReferences } from './references.ts'
import { gatewayOf, type RoutedCommand, type RoutingView, routeAll, routePuts, routeRemoval } from './routing.ts'
import type { BrokerStore } from './store/broker-store.ts'
import type { CommandOutbox } from './store/command-outbox.ts'
import type { StoredResource } from './store/resource-store.ts'

export interface ApplyResult {
  readonly kind: Kind
  readonly name: string
  readonly result: 'created' | 'configured' | 'unchanged'
  readonly generation: number
}

export interface DesiredStateOptions {
  readonly store: BrokerStore
  readonly outbox: CommandOutbox
  readonly clock: Clock
  /** Told after a gateway was deleted, to end its connections. */
  readonly gatewayRemoved: (identity: GatewayIdentity) => void
}

/** As JSON: what fits into one frame of the tunnel with room to spare. */
export const RESOURCE_MAX_BYTES = 1 << 20

/** Carries the result of a change that was tried out of its transaction, which it undoes. */
class TriedOut<T> extends Error {
  readonly result: T

  constructor(result: T) {
    super('tried out')
    this.result = result
  }
}

export class DesiredState {
  readonly #store: BrokerStore
  readonly #outbox: CommandOutbox
  readonly #clock: Clock
  readonly #gatewayRemoved: DesiredStateOptions['gatewayRemoved']

  constructor(options: DesiredStateOptions) {
    this.#store = options.store
    this.#outbox = options.outbox
    this.#clock = options.clock
    this.#gatewayRemoved = options.gatewayRemoved
  }

  /** Makes or changes the resources; results in their order. Throws `invalid` with all that is wrong, or `conflict`. */
  async apply(tenant: string, resources: readonly Resource[], traceId: string): Promise<ApplyResult[]> {
    const results = await this.#store.database.write(() => {
      const { results, commands } = this.#put(tenant, resources)
      this.#outbox.append(tenant, commands, traceId)
      return results
    })
    void this.#outbox.drain()
    return results
  }

  /** What `apply` would answer, and the commands that it would send; changes nothing. */
  async tryOut(
    tenant: string,
    resources: readonly Resource[],
  ): Promise<{ results: ApplyResult[]; commands: RoutedCommand[] }> {
    try {
      return await this.#store.database.write(() => {
        throw new TriedOut(this.#put(tenant, resources, 'all'))
      })
    } catch (thrown) {
      if (thrown instanceof TriedOut) return thrown.result
      throw thrown
    }
  }

  /** Begins to delete; answers with the resource as it then is. Throws `not-found`, or `conflict` while others name it. */
  async remove(
    tenant: string,
    key: { kind: Kind; name: string },
    forget: boolean,
    traceId: string,
  ): Promise<StoredResource> {
    const removed = await this.#store.database.write(() =>
      this.#remove(tenant, key, forget ? 'forget' : 'delete', traceId),
    )
    void this.#outbox.drain()
    if (key.kind === 'Gateway') this.#gatewayRemoved({ tenant, gateway: key.name })
    return removed
  }

  /** Takes away what is deleted, with its machines; `left` is what stays in the cloud. Only inside a transaction. */
  finish(tenant: string, key: ResourceKey, left: readonly string[] = []): void {
    const { resources, events } = this.#store
    if (key.kind === 'Cluster') this.#dropMachinesOf(tenant, key.name)
    const generation = resources.get(tenant, key.kind, key.name)?.generation ?? 0
    resources.remove(tenant, key)
    events.addGone(tenant, key, { left, generation })
  }

  /**
   * Sends a gateway all that it should know, for one that has lost it; returns how many commands. Only inside a transaction; `drain`
   * the outbox afterwards. `raise` is how many generations the gateway may be ahead, of a broker that was restored from a backup.
   */
  resend({ tenant, gateway }: GatewayIdentity, raise = 0): number {
    const { resources } = this.#store
    const route = () =>
      routeAll(
        gateway,
        KINDS.flatMap((kind) => resources.list(tenant, kind)),
        this.view(tenant),
      )
    if (raise > 0) {
      this.#store.events.raiseFloor(tenant, raise)
      for (const { command } of route())
        if (command.type === 'put') {
          const { kind, metadata } = command.resource
          resources.raiseGeneration(tenant, { kind, name: metadata.name }, raise)
        }
    }
    const commands = route()
    resources.dropHoldingsOf(tenant, gateway)
    this.#noteHoldings(tenant, commands)
    this.#outbox.append(tenant, commands, '')
    return commands.length
  }

  /** Takes away the machines that a gateway told of, for one that no longer knows them. Only inside a transaction. */
  dropMachines({ tenant, gateway }: GatewayIdentity): void {
    const { resources } = this.#store
    const view = this.view(tenant)
    for (const { resource } of resources.list(tenant, 'Cluster'))
      if (gatewayOf(resource, view) === gateway) this.#dropMachinesOf(tenant, resource.metadata.name)
  }

  #dropMachinesOf(tenant: string, cluster: string): void {
    const { machines, events } = this.#store
    for (const name of machines.removeCluster(tenant, cluster)) events.addGone(tenant, { kind: 'Machine', name })
  }

  view(tenant: string): RoutingView {
    const { resources } = this.#store
    return {
      get: (kind, name) => resources.get(tenant, kind, name),
      referrers: (key) => resources.referrers(tenant, key),
      held: (key, gateway) => resources.held(tenant, key, gateway),
      holders: (key) => resources.holders(tenant, key),
    }
  }

  /** @param send commands for what changed; or for `all` that was given, as a plan needs them */
  #put(tenant: string, given: readonly Resource[], send: 'changed' | 'all' = 'changed') {
    const { resources, gateways, events } = this.#store
    refuseTwins(given)
    const before = given.map((resource) => resources.get(tenant, resource.kind, resource.metadata.name))
    refuseDeleting(given, before)
    const now = timestamp(this.#clock)
    const results = given.map((resource, index): ApplyResult => {
      const old = before[index]
      const result = changeOf(resource, old)
      const key = { kind: resource.kind, name: resource.metadata.name }
      const generation = old === undefined ? events.goneGeneration(tenant, key) + 1 : generationOf(resource, old)
      if (result !== 'unchanged') resources.put(tenant, resource, generation, now)
      if (resource.kind === 'Gateway') gateways.add({ tenant, gateway: resource.metadata.name })
      return { ...key, result, generation }
    })
    this.#refuseWrong(tenant, given, before)
    this.#refuseDisputed(tenant, given)
    const changed = results.filter(({ result }) => send === 'all' || result !== 'unchanged')
    const commands = routePuts(changed, this.view(tenant))
    this.#noteHoldings(tenant, commands)
    return { results, commands }
  }

  /** Looks at the state after the change; throwing undoes it. */
  #refuseWrong(tenant: string, given: readonly Resource[], before: readonly (StoredResource | undefined)[]): void {
    const { resources } = this.#store
    const find = (kind: Kind, name: string) => {
      const found = resources.get(tenant, kind, name)
      return found && { resource: found.resource, deleting: found.deleting !== null }
    }
    const wrong = given.flatMap((resource, index): ErrorDetail[] => {
      const old = before[index]
      const bytes = Buffer.byteLength(JSON.stringify(resource))
      const tooLarge: ErrorDetail = {
        subject: 'spec',
        message: `${titleOf(resource)}: has ${bytes} bytes as JSON; at most ${RESOURCE_MAX_BYTES} are allowed`,
        remedy: 'Put large manifests on a server, and name them by manifestUrl.',
      }
      const permanent = old === undefined ? [] : changedForGood(old.resource, resource)
      // A field that must not change at all needs no second opinion on its new value.
      const references = wrongReferences(resource, find).filter(
        ({ subject }) => !permanent.some((detail) => detail.subject === subject),
      )
      return [...(bytes > RESOURCE_MAX_BYTES ? [tooLarge] : []), ...permanent, ...references]
    })
    refuse('invalid', wrong, 'fields are wrong')
  }

  /** Looks at the state after the change, as above. */
  #refuseDisputed(tenant: string, given: readonly Resource[]): void {
    const claims = claimsView(this.#store, tenant, this.view(tenant))
    const disputed = given.flatMap((resource) => disputedClaims(resource, claims))
    refuse('conflict', disputed, 'fields claim what others have')
  }

  #remove(
    tenant: string,
    key: { kind: Kind; name: string },
    mode: 'delete' | 'forget',
    traceId: string,
  ): StoredResource {
    const { resources, gateways } = this.#store
    const found = resources.get(tenant, key.kind, key.name)
    if (found === undefined) throw notFound(key)
    if (found.deleting === mode || found.deleting === 'forget') return found
    const referrers = resources.referrers(tenant, key)
    if (referrers.length > 0) throw stillNamed(key, referrers)

    const view = this.view(tenant)
    const commands = routeRemoval(found, mode, view)
    this.#outbox.append(tenant, commands, traceId)
    resources.markDeleting(tenant, key, mode, timestamp(this.#clock))
    const marked = resources.get(tenant, key.kind, key.name) ?? found

    const owner = gatewayOf(found.resource, view)
    const record = owner === undefined ? undefined : gateways.get({ tenant, gateway: owner })
    const nobodyWillTell = commands.length === 0 || (mode === 'forget' && (record?.revoked ?? true))
    if (key.kind === 'Gateway') {
      gateways.remove({ tenant, gateway: key.name })
      resources.dropHoldingsOf(tenant, key.name)
    }
    if (owner === undefined || key.kind === 'Gateway' || nobodyWillTell) this.finish(tenant, key)
    return marked
  }

  #noteHoldings(tenant: string, commands: readonly RoutedCommand[]): void {
    for (const { gateway, command } of commands) {
      if (command.type !== 'put') continue
      const { kind, metadata } = command.resource
      this.#store.resources.setHeld(tenant, { kind, name: metadata.name }, gateway, command.generation)
    }
  }
}

/** One error for all that is wrong, if anything is. */
function refuse(code: 'invalid' | 'conflict', wrong: readonly ErrorDetail[], many: string): void {
  const [first] = wrong
  if (first === undefined) return
  throw new PcgError(code, wrong.length === 1 ? first.message : `${wrong.length} ${many}`, {
    subject: first.subject,
    ...(wrong.length === 1 && first.remedy !== undefined && { remedy: first.remedy }),
    details: wrong,
  })
}

/** The same words for what isn't there and for what isn't the caller's. */
export function notFound(key: ResourceKey): PcgError {
  return new PcgError('not-found', `there is no ${key.kind} called ${key.name}`, {
    subject: key.name,
    remedy: 'Check the name; the list of its kind shows those that there are.',
  })
}

function stillNamed(key: ResourceKey, referrers: readonly ResourceKey[]): PcgError {
  const names = referrers.slice(0, 10).map(keyText).join(', ')
  const more = referrers.length > 10 ? ` and ${referrers.length - 10} more` : ''
  return new PcgError('conflict', `${keyText(key)} is in use by ${names}${more}`, {
    subject: key.name,
    remedy: 'Delete those first, or let them name another; one that is being deleted counts until it is gone.',
    details: referrers.map((referrer) => ({ subject: keyText(referrer), message: `names ${keyText(key)}` })),
  })
}

function changeOf(resource: Resource, old: StoredResource | undefined): ApplyResult['result'] {
  if (old === undefined) return 'created'
  return isDeepStrictEqual(plain(resource), old.resource) ? 'unchanged' : 'configured'
}

function generationOf(resource: Resource, old: StoredResource): number {
  return isDeepStrictEqual(plain(resource.spec), old.resource.spec) ? old.generation : old.generation + 1
}

/** As it will be read back: without fields that are undefined. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function refuseTwins(given: readonly Resource[]): void {
  const seen = new Set<string>()
  for (const resource of given) {
    const title = titleOf(resource)
    if (seen.has(title))
      throw new PcgError('invalid', `${title} is given twice`, {
        subject: 'metadata.name',
        remedy: 'Keep one of them, or give the other another name.',
      })
    seen.add(title)
  }
}

function refuseDeleting(given: readonly Resource[], before: readonly (StoredResource | undefined)[]): void {
  const going = given.filter((_, index) => (before[index]?.deleting ?? null) !== null)
  const [first] = going
  if (first === undefined) return
  throw new PcgError('conflict', `${going.map(titleOf).join(', ')}: being deleted`, {
    subject: first.metadata.name,
    remedy: 'Wait until it is gone and apply it anew, or take another name.',
  })
}

/**
 * Which commands go to which gateways. Pure: what is stored is handed in as a view.
 *
 * An account goes to its gateway, and a cluster to its account's gateway. A profile or pool goes to each gateway with a cluster
 * that uses it: before that cluster, unless the gateway has this generation already, and again whenever it changes.
 */
import type { Command } from '../resources/command.ts'
import { KINDS, type Kind, type Resource, type ResourceKey, type ResourceOf } from '../resources/resource.ts'
import { referencesOf } from './references.ts'

export interface RoutedCommand {
  readonly gateway: string
  readonly command: Command
}

export interface Versioned {
  readonly resource: Resource
  readonly generation: number
  readonly deleting: 'delete' | 'forget' | null
}

/** Desired state as it is after the change, and what gateways were sent of it. */
export interface RoutingView {
  readonly get: (kind: Kind, name: string) => Versioned | undefined
  /** The resources that name this one. */
  readonly referrers: (key: ResourceKey) => readonly ResourceKey[]
  /** The generation of it that the gateway was sent last; undefined if none. */
  readonly held: (key: ResourceKey, gateway: string) => number | undefined
  /** The gateways that were sent it. */
  readonly holders: (key: ResourceKey) => readonly string[]
}

/** The gateway that a resource belongs to; undefined for those that many gateways use, and where the chain is broken. */
export function gatewayOf(resource: Resource, view: RoutingView): string | undefined {
  switch (resource.kind) {
    case 'Gateway':
      return resource.metadata.name
    case 'CloudAccount':
      return resource.spec.gateway
    case 'Cluster': {
      const account = view.get('CloudAccount', resource.spec.account)?.resource
      return account?.kind === 'CloudAccount' ? account.spec.gateway : undefined
    }
    case 'ClusterProfile':
    case 'IPPool':
      return undefined
  }
}

/** For resources that were made or changed: puts, in an order in which nothing comes before what it refers to. */
export function routePuts(changed: readonly ResourceKey[], view: RoutingView): RoutedCommand[] {
  const router = new PutRouter(view)
  for (const kind of KINDS)
    for (const key of changed) {
      if (key.kind !== kind) continue
      const found = view.get(kind, key.name)
      if (found !== undefined) router.route(found)
    }
  return router.commands
}

/** For a resource that is to go: to whoever was sent it. */
export function routeRemoval(found: Versioned, mode: 'delete' | 'forget', view: RoutingView): RoutedCommand[] {
  const { kind, metadata } = found.resource
  const key: ResourceKey = { kind, name: metadata.name }
  const command: Command = { type: mode, generation: found.generation, kind, name: metadata.name }
  return view.holders(key).map((gateway) => ({ gateway, command }))
}

/** All that a gateway has to know, as if it had nothing: `all` is every resource of the tenant. */
export function routeAll(gateway: string, all: readonly Versioned[], view: RoutingView): RoutedCommand[] {
  const router = new PutRouter({ ...view, held: () => undefined })
  const mine = all.filter((found) => found.resource.kind !== 'Gateway' && gatewayOf(found.resource, view) === gateway)
  for (const kind of KINDS) for (const found of mine) if (found.resource.kind === kind) router.route(found)
  // What is being deleted has to be known first: its spec says where to look for what is left of it.
  const removals = KINDS.toReversed().flatMap((kind) =>
    mine.flatMap(({ resource, generation, deleting }): RoutedCommand[] => {
      if (resource.kind !== kind || deleting === null) return []
      return [{ gateway, command: { type: deleting, generation, kind, name: resource.metadata.name } }]
    }),
  )
  return [...router.commands, ...removals]
}

class PutRouter {
  readonly commands: RoutedCommand[] = []
  readonly #view: RoutingView
  readonly #sent = new Set<string>()

  constructor(view: RoutingView) {
    this.#view = view
  }

  route(found: Versioned): void {
    const { resource } = found
    switch (resource.kind) {
      case 'Gateway':
        return
      case 'CloudAccount':
        this.#send(resource.spec.gateway, found)
        return
      case 'ClusterProfile':
      case 'IPPool': {
        for (const gateway of this.#users({ kind: resource.kind, name: resource.metadata.name }))
          this.#send(gateway, found)
        return
      }
      case 'Cluster':
        this.#routeCluster(found, resource)
    }
  }

  #routeCluster(found: Versioned, cluster: ResourceOf<'Cluster'>): void {
    const gateway = gatewayOf(cluster, this.#view)
    if (gateway === undefined) return
    for (const { kind, name } of referencesOf(cluster)) {
      const used = this.#view.get(kind, name)
      if (used !== undefined && this.#view.held({ kind, name }, gateway) !== used.generation) this.#send(gateway, used)
    }
    this.#send(gateway, found)
  }

  /** The gateways of the clusters that name it. */
  #users(key: ResourceKey): Set<string> {
    const users = new Set<string>()
    for (const { kind, name } of this.#view.referrers(key)) {
      const user = kind === 'Cluster' ? this.#view.get(kind, name) : undefined
      const gateway = user === undefined ? undefined : gatewayOf(user.resource, this.#view)
      if (gateway !== undefined) users.add(gateway)
    }
    return users
  }

  #send(gateway: string, { resource, generation }: Versioned): void {
    const id = `${gateway}/${resource.kind}/${resource.metadata.name}`
    if (this.#sent.has(id)) return
    this.#sent.add(id)
    this.commands.push({ gateway, command: { type: 'put', generation, resource } })
  }
}

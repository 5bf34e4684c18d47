import type { ClusterStatus } from '../resources/cluster.ts'
import type { Kind, ReportedKind } from '../resources/resource.ts'
import { type Item, kindOf, type MachineItem, nameOf, type ResourceItem, type WatchLine } from './api-types.ts'
import { isObserved, statusPhase } from './output/item-status.ts'

export type Departure = { readonly kind: ReportedKind; readonly name: string; readonly left: readonly string[] }

/** What a watch has told so far. Pure: it only follows the lines. */
export class WatchState {
  readonly #items = new Map<string, Item>()
  readonly #gone = new Map<string, Departure>()
  /** Told again since the connection began; undefined once it is synced. */
  #retold: Set<string> | undefined
  synced = false

  /** Takes a line in, and gives what was there of the same thing before. */
  take(line: WatchLine): Item | undefined {
    switch (line.type) {
      case 'begin':
        this.#retold = new Set()
        return undefined
      case 'item': {
        const key = keyOf(kindOf(line.item), nameOf(line.item))
        const before = this.#items.get(key)
        this.#items.set(key, line.item)
        this.#gone.delete(key)
        this.#retold?.add(key)
        return before
      }
      case 'gone': {
        const key = keyOf(line.kind, line.name)
        const before = this.#items.get(key)
        this.#items.delete(key)
        this.#gone.set(key, line)
        return before
      }
      case 'synced':
        this.#forgetUntold()
        this.synced = true
        return undefined
      case 'event':
      case 'timeline':
        return undefined
      default:
        return line satisfies never
    }
  }

  /** What went while the connection was lost is not told: it is missing. */
  #forgetUntold(): void {
    const retold = this.#retold
    if (retold === undefined) return
    for (const [key, item] of this.#items) {
      if (retold.has(key)) continue
      this.#items.delete(key)
      this.#gone.set(key, { kind: kindOf(item), name: nameOf(item), left: [] })
    }
    this.#retold = undefined
  }

  cluster(name: string): ResourceItem | undefined {
    return this.resource('Cluster', name)
  }

  resource(kind: Kind, name: string): ResourceItem | undefined {
    const item = this.#items.get(keyOf(kind, name))
    return item !== undefined && 'resource' in item ? item : undefined
  }

  /** By name. */
  clusters(): ResourceItem[] {
    const clusters = [...this.#items.values()].filter((item) => 'resource' in item)
    return clusters.filter((item) => item.resource.kind === 'Cluster').toSorted(byName)
  }

  machine(name: string): MachineItem | undefined {
    const item = this.#items.get(keyOf('Machine', name))
    return item === undefined || 'resource' in item ? undefined : item
  }

  /** Of a cluster; the control plane first, then by pool and name. */
  machines(cluster: string): MachineItem[] {
    return [...this.#items.values()]
      .filter((item): item is MachineItem => !('resource' in item) && item.cluster === cluster)
      .toSorted((a, b) => rank(a) - rank(b) || a.status.pool.localeCompare(b.status.pool) || byName(a, b))
  }

  has(kind: ReportedKind, name: string): boolean {
    return this.#items.has(keyOf(kind, name))
  }

  departure(kind: ReportedKind, name: string): Departure | undefined {
    return this.#gone.get(keyOf(kind, name))
  }
}

/** How far a cluster is with what was applied last. */
export function clusterProgress(item: ResourceItem): 'ready' | 'failed' | 'under-way' {
  if (!isObserved(item)) return 'under-way'
  const phase = statusPhase(item)
  if (phase === 'Ready' && !item.deleting) return 'ready'
  return phase === 'Failed' ? 'failed' : 'under-way'
}

export function clusterStatus(item: ResourceItem): ClusterStatus | undefined {
  return item.status === null ? undefined : (item.status as ClusterStatus)
}

function keyOf(kind: ReportedKind, name: string): string {
  return `${kind}/${name}`
}

function rank(machine: MachineItem): number {
  return machine.status.role === 'control-plane' ? 0 : 1
}

function byName(a: Item, b: Item): number {
  return nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true })
}

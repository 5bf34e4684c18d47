import type { WatchLine } from './api-types.ts'
import { statusPhase } from './output/item-status.ts'
import type { WatchState } from './watch-state.ts'

/** Follows whether the gateways of clusters are connected: without its own, nothing happens to a cluster. */
export class GatewayPresence {
  #absent: readonly string[] = []

  /** What the line changes in it, in words. Machines come often, and change nothing in it: they cost nothing. */
  take(line: WatchLine, state: WatchState, clusters: readonly string[]): string[] {
    if (!state.synced || !(line.type === 'synced' || (line.type === 'item' && 'resource' in line.item))) return []
    const before = this.#absent
    this.#absent = absentGateways(state, clusters)
    const gone = this.#absent.filter((name) => !before.includes(name))
    const back = before.filter((name) => phaseOf(state, name) === 'Connected')
    return [
      ...gone.map((name) => `gateway ${name} is not connected: what is asked of it waits until it is`),
      ...back.map((name) => `gateway ${name} is connected again`),
    ]
  }
}

/** The gateways of the clusters that are known not to be connected. */
export function absentGateways(state: WatchState, clusters: readonly string[]): string[] {
  const gateways = clusters.flatMap((name) => gatewayOf(state, name) ?? [])
  return [...new Set(gateways)].filter((name) => {
    const phase = phaseOf(state, name)
    return phase !== undefined && phase !== 'Connected'
  })
}

function gatewayOf(state: WatchState, cluster: string): string | undefined {
  const wanted = state.cluster(cluster)?.resource
  const account = wanted?.kind === 'Cluster' ? state.resource('CloudAccount', wanted.spec.account)?.resource : undefined
  return account?.kind === 'CloudAccount' ? account.spec.gateway : undefined
}

function phaseOf(state: WatchState, gateway: string): string | undefined {
  const item = state.resource('Gateway', gateway)
  return item === undefined ? undefined : statusPhase(item)
}

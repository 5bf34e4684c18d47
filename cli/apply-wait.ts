import type { Resource } from '../resources/resource.ts'
import { type ApplyResult, nameOf, type ResourceItem } from './api-types.ts'
import type { Client } from './client.ts'
import type { Host } from './host.ts'
import { isObject } from './is-object.ts'

const TAKEN_WITHIN_MS = 10_000
const POLL_MS = 100
/** From the moment when a gateway has a change until it has told what it means for its clusters. */
const REPORT_MS = 1_000

/** The clusters that were applied, and those that use a profile or pool that was changed. */
export async function clustersConcerned(
  client: Client,
  resources: readonly Resource[],
  results: readonly ApplyResult[],
  signal: AbortSignal,
): Promise<string[]> {
  const applied = resources.filter(({ kind }) => kind === 'Cluster').map(({ metadata }) => metadata.name)
  if (!changesOthers(results)) return applied
  const changed = new Set(results.filter(({ result }) => result === 'configured').map(({ name }) => name))
  const all = await client.list('Cluster', signal)
  const using = all.filter((item) => 'resource' in item && usesAny(item, changed)).map(nameOf)
  return [...new Set([...applied, ...using])]
}

/**
 * A cluster's generation doesn't rise when its profile changes, so its status may still speak of the old one: this waits until the
 * gateways have the change and have had the time to say what follows from it.
 */
export async function untilTaken(host: Host, client: Client, results: readonly ApplyResult[]): Promise<void> {
  if (!changesOthers(results)) return
  const deadline = host.clock.now() + TAKEN_WITHIN_MS
  while (host.clock.now() < deadline) {
    const gateways = await client.list('Gateway', host.signal)
    if (gateways.every(({ status }) => !isObject(status) || !status.pendingCommands)) break
    await host.clock.sleep(POLL_MS, host.signal)
  }
  await host.clock.sleep(REPORT_MS, host.signal)
}

function changesOthers(results: readonly ApplyResult[]): boolean {
  return results.some(({ kind, result }) => kind !== 'Cluster' && kind !== 'Gateway' && result === 'configured')
}

function usesAny({ resource }: ResourceItem, names: ReadonlySet<string>): boolean {
  if (resource.kind !== 'Cluster') return false
  const { account, profile, network } = resource.spec
  const pool = network.addressing.type === 'static' ? [network.addressing.pool] : []
  return [account, profile, ...pool].some((name) => names.has(name))
}

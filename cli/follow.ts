import { PcgError } from '../runtime/pcg-error.ts'
import type { Item, ResourceItem, WatchLine } from './api-types.ts'
import type { Client } from './client.ts'
import { absentGateways, GatewayPresence } from './gateway-presence.ts'
import type { Host } from './host.ts'
import { isObserved, readyReason } from './output/item-status.ts'
import { LiveRegion } from './output/live-region.ts'
import { type Paint, paintFor, printable } from './output/paint.ts'
import { clusterChange, eventLine, machineChange, progressLines } from './output/progress.ts'
import { clockTime, duration } from './output/time.ts'
import { clusterProgress, type Departure, WatchState } from './watch-state.ts'
import { watch } from './watch-stream.ts'

const FAILED_FOR_MS = 4_000

export interface FollowOptions {
  /** Those to show; all if absent. */
  readonly clusters?: readonly string[]
  /** When to end; by the signal only if absent. */
  readonly until?: 'ready' | 'gone'
  readonly timeoutMs?: number
}

/**
 * Shows what happens to clusters and their machines: bars that move on a terminal, a line for each change elsewhere.
 * Ends when all of them are ready or gone, and gives what was said of those that went. Rejects `timeout`, or with the cause when one
 * has failed that was to be ready.
 */
export async function follow(host: Host, client: Client, options: FollowOptions): Promise<Departure[]> {
  const limit = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs)
  const failure = new FailureTimer()
  const signal = AbortSignal.any([host.signal, failure.signal, ...(limit === undefined ? [] : [limit])])
  const state = new WatchState()
  const names = (): readonly string[] =>
    options.clusters ?? state.clusters().map((cluster) => cluster.resource.metadata.name)
  const concerns: Concerns = (cluster) => options.clusters?.includes(cluster) ?? true
  const view = host.out.isTerminal ? liveView(host, state, names) : lineView(host)
  const presence = new GatewayPresence()
  const { yellow } = paintFor(host.out)
  const lost = (error: PcgError): void => view.note(yellow(`connection lost (${error.message}), trying again`))
  try {
    for await (const line of watch(client, { signal, clock: host.clock, onLost: lost })) {
      const before = state.take(line)
      view.show(line, before, state, concerns)
      for (const change of presence.take(line, state, names())) view.note(yellow(change))
      if (!state.synced || options.until === undefined) continue
      if (isOver(state, names(), options.until)) break
      failure.set(options.until === 'ready' ? failureOf(state, names()) : undefined)
    }
  } catch (error) {
    if (failure.signal.aborted && !host.signal.aborted) throw failure.signal.reason
    if (limit?.aborted && !host.signal.aborted) throw tooLate(state, names(), options)
    throw error
  } finally {
    failure.set(undefined)
    view.close()
  }
  return names().flatMap((name) => state.departure('Cluster', name) ?? [])
}

/** Throws if it can't come to that any more. */
function isOver(state: WatchState, names: readonly string[], until: 'ready' | 'gone'): boolean {
  if (until === 'gone') return names.every((name) => !state.has('Cluster', name))
  for (const name of names) {
    const cluster = state.cluster(name)
    if (cluster === undefined)
      throw new PcgError('not-found', state.departure('Cluster', name) ? 'was deleted' : 'is not there', {
        subject: `cluster ${name}`,
        remedy: '`pcg get clusters` lists those that are.',
      })
  }
  return names.every((name) => {
    const cluster = state.cluster(name)
    return cluster !== undefined && clusterProgress(cluster) === 'ready'
  })
}

/** Why one of the clusters has failed; undefined if none has. */
function failureOf(state: WatchState, names: readonly string[]): PcgError | undefined {
  for (const name of names) {
    const cluster = state.cluster(name)
    if (cluster === undefined || clusterProgress(cluster) !== 'failed') continue
    return new PcgError('internal', `has failed: ${readyReason(cluster) || 'no reason was given'}`, {
      subject: `cluster ${name}`,
      remedy: `The gateway tries again from time to time; \`pcg describe cluster ${name}\` shows what happens.`,
    })
  }
  return undefined
}

/** A cluster may be failed for a moment, until what it needs has arrived as well: only one that stays so ends the wait. */
class FailureTimer {
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #error: PcgError | undefined

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  set(error: PcgError | undefined): void {
    this.#error = error
    if (error === undefined) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else this.#timer ??= setTimeout(() => this.#stop.abort(this.#error), FAILED_FOR_MS)
  }
}

function tooLate(state: WatchState, names: readonly string[], options: FollowOptions): PcgError {
  const open = names.filter((name) => {
    const cluster = state.cluster(name)
    return cluster !== undefined && (options.until === 'gone' || clusterProgress(cluster) !== 'ready')
  })
  const [first = ''] = open
  const why = open.flatMap((name) => {
    const cluster = state.cluster(name)
    const reason = cluster === undefined ? '' : waitReason(cluster, state)
    return reason === '' ? [] : [{ subject: `cluster ${name}`, message: reason }]
  })
  const what = options.until === 'gone' ? 'gone' : 'ready'
  return new PcgError('timeout', `not ${what} within ${duration(options.timeoutMs ?? 0)}: ${open.join(', ')}`, {
    details: why,
    remedy: `It goes on: \`pcg watch ${first}\` shows it, \`pcg describe cluster ${first}\` what it waits for.`,
  })
}

function waitReason(cluster: ResourceItem, state: WatchState): string {
  const [absent] = absentGateways(state, [cluster.resource.metadata.name])
  if (absent !== undefined) return `gateway ${absent} is not connected`
  return isObserved(cluster) ? readyReason(cluster) : 'its gateway has not acted on it yet'
}

/** Whether a cluster is among those to show. */
type Concerns = (cluster: string) => boolean

interface View {
  show(line: WatchLine, before: Item | undefined, state: WatchState, concerns: Concerns): void
  /** A line that stays. */
  note(text: string): void
  close(): void
}

function liveView(host: Host, state: WatchState, names: () => readonly string[]): View {
  const paint = paintFor(host.out)
  const began = host.clock.now()
  const region = new LiveRegion(
    host.out,
    () => host.out.rows(),
    () => (state.synced ? progressLines(state, names(), host.clock.now() - began, paint) : []),
  )
  return {
    show: (line, _, __, concerns) => {
      const text = troubleText(line, state, concerns, paint)
      if (text !== undefined) region.write(`${text}\n`)
    },
    note: (text) => region.write(`${text}\n`),
    close: () => region.close(),
  }
}

function lineView(host: Host): View {
  const paint = paintFor(host.out)
  const say = (text: string): void => host.out.write(`${clockTime(new Date(host.clock.now()).toISOString())} ${text}\n`)
  return {
    show: (line, before, state, concerns) => {
      const text = changeText(line, before, state, concerns) ?? troubleText(line, state, concerns, paint)
      if (text !== undefined) say(text)
    },
    note: say,
    close: () => {},
  }
}

function changeText(
  line: WatchLine,
  before: Item | undefined,
  state: WatchState,
  concerns: Concerns,
): string | undefined {
  if (line.type === 'gone') {
    const cluster = line.kind === 'Cluster' ? line.name : before !== undefined && 'cluster' in before && before.cluster
    return cluster !== false && concerns(cluster) ? `${line.name} gone` : undefined
  }
  if (line.type !== 'item') return undefined
  const { item } = line
  if (!('resource' in item)) {
    if (!concerns(item.cluster)) return undefined
    // Of what was there before, only that is worth a line which isn't as it should be.
    if (!state.synced && item.status.phase === 'Ready') return undefined
    return machineChange(before !== undefined && 'cluster' in before ? before : undefined, item)
  }
  if (item.resource.kind !== 'Cluster' || !concerns(item.resource.metadata.name)) return undefined
  return clusterChange(before !== undefined && 'resource' in before ? before : undefined, item)
}

/** Warnings and errors of these clusters and their machines. */
function troubleText(line: WatchLine, state: WatchState, concerns: Concerns, paint: Paint): string | undefined {
  if (line.type !== 'event' || line.event.severity === 'info') return undefined
  const { kind, name, message } = line.event
  const cluster = kind === 'Cluster' ? state.cluster(name) : undefined
  // The cluster's own line says it already.
  if (cluster !== undefined && readyReason(cluster) === printable(message)) return undefined
  const concerned = kind === 'Machine' ? state.machine(name)?.cluster : kind === 'Cluster' ? name : undefined
  // What happens to gateways and accounts happens to all clusters.
  const ours = concerned === undefined ? kind !== 'Machine' : concerns(concerned)
  return ours ? eventLine(line.event, paint) : undefined
}

/**
 * What changes among a project's servers, by one question for all who want to know: who wait for a server, and who watch a gateway's.
 *
 * It asks nova for what changed since the newest change that it has seen, by nova's own clock. Deleted servers are in the answer,
 * but without tags or metadata: whose they were is known from before. While somebody waits it asks every second, else every five.
 *
 * Invariants
 * 1. At most one question is under way, whatever the number of servers.
 * 2. After a failure, and now and then, watchers are told all that there is (`fresh`): what isn't in it is gone.
 * 3. A watcher gets batches in order, and none is dropped while it is subscribed.
 */
import { backoffMs } from '../../../runtime/backoff.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import { cancelled } from '../client/cancellation.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { listAll } from '../listing.ts'
import { gatewayTag } from '../owner-mark.ts'
import { readServer, type SeenServer } from './seen.ts'

const AWAITED_MS = 1_000
const WATCHED_MS = 5_000
const FRESH_MS = 10 * 60_000
/** Nova writes whole seconds, its hosts' clocks differ, and a change is seen only once it is committed. */
const OVERLAP_MS = 5_000
const RETRY = { firstMs: 500, maxMs: 30_000, factor: 2 }

export interface ServerBatch {
  /** `servers` is all that the gateway has; who isn't in it is gone. */
  readonly fresh: boolean
  /** Deleted ones have the status DELETED, and no owner. */
  readonly servers: readonly SeenServer[]
}

export interface Following {
  /** The server as the feed saw it next; undefined if nothing came in time. Rejects with `cancelled`. */
  next(withinMs: number, signal: AbortSignal): Promise<SeenServer | undefined>
  release(): void
}

interface Watcher {
  readonly gateway: string
  readonly tell: (batch: ServerBatch) => void
  /** It has been told all there is. */
  freshAt: number | undefined
}

export interface ServerFeedOptions {
  readonly cloud: OpenstackCloud
  readonly clock: Clock
  readonly log: Log
}

export class ServerFeed {
  readonly #options: ServerFeedOptions
  readonly #closing = new AbortController()
  readonly #followers = new Map<string, Set<(server: SeenServer) => void>>()
  readonly #watchers = new Set<Watcher>()
  /** The newest change seen, in ms of nova's clock. */
  #newest: number | undefined
  #running: Promise<void> | undefined
  #wake = () => {}

  constructor(options: ServerFeedOptions) {
    this.#options = options
  }

  follow(id: string): Following {
    const listeners = this.#followers.get(id) ?? new Set()
    this.#followers.set(id, listeners)
    const waiting: SeenServer[] = []
    let arrived = () => {}
    const listener = (server: SeenServer) => {
      waiting.push(server)
      arrived()
    }
    listeners.add(listener)
    if (this.#followers.size === 1) this.#wake()
    this.#start()
    return {
      next: async (withinMs, signal) => {
        if (waiting.length === 0)
          await waitFor(withinMs, signal, (resolve) => {
            arrived = resolve
          })
        const newest = waiting.at(-1)
        waiting.length = 0
        return newest
      },
      release: () => {
        listeners.delete(listener)
        if (listeners.size === 0) this.#followers.delete(id)
      },
    }
  }

  /** Whether it can tell of changes: not before it has seen any server, of which it learns nova's time. */
  get begun(): boolean {
    return this.#newest !== undefined
  }

  /** Somebody else saw the server: where the feed hasn't begun yet, it begins there. */
  notice(server: SeenServer): void {
    if (this.#newest === undefined) this.#advance([server])
  }

  /** Batches of a gateway's servers from now on, beginning with a fresh one. Returns how to end it. */
  watch(gateway: string, tell: (batch: ServerBatch) => void): () => void {
    const watcher: Watcher = { gateway, tell, freshAt: undefined }
    this.#watchers.add(watcher)
    this.#wake()
    this.#start()
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  #start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const signal = this.#closing.signal
    let failures = 0
    while (!signal.aborted && this.#followers.size + this.#watchers.size > 0) {
      try {
        await this.#tellFresh(signal)
        await this.#tellChanges(signal)
        failures = 0
      } catch (err) {
        if (signal.aborted) break
        failures += 1
        for (const watcher of this.#watchers) watcher.freshAt = undefined
        log.debug({ err, failures }, 'the changes of servers could not be read')
      }
      const pause = this.#followers.size > 0 ? AWAITED_MS : WATCHED_MS
      await this.#pause(failures > 0 ? backoffMs(RETRY, failures) : pause, clock, signal)
    }
    this.#running = undefined
  }

  /** Ends early when somebody comes who shouldn't wait so long. */
  async #pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined)
    this.#wake = () => {}
  }

  async #tellFresh(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now()
    const stale = [...this.#watchers].filter(
      ({ freshAt }) => freshAt === undefined || now - freshAt > FRESH_MS || this.#newest === undefined,
    )
    for (const gateway of new Set(stale.map((watcher) => watcher.gateway))) {
      const servers = await this.#list({ tags: gatewayTag(gateway) }, signal)
      this.#advance(servers)
      for (const watcher of stale) {
        if (watcher.gateway !== gateway) continue
        watcher.freshAt = now
        watcher.tell({ fresh: true, servers })
      }
      this.#tellFollowers(servers)
    }
  }

  async #tellChanges(signal: AbortSignal): Promise<void> {
    if (this.#newest === undefined) return
    const since = new Date(this.#newest - OVERLAP_MS).toISOString().replace(/\.\d+Z$/, 'Z')
    const servers = await this.#list({ 'changes-since': since }, signal)
    this.#advance(servers)
    if (servers.length === 0) return
    for (const watcher of this.#watchers) if (watcher.freshAt !== undefined) watcher.tell({ fresh: false, servers })
    this.#tellFollowers(servers)
  }

  async #list(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<SeenServer[]> {
    return (await listAll(this.#options.cloud, 'compute', '/servers/detail', 'servers', query, signal)).map(readServer)
  }

  #tellFollowers(servers: readonly SeenServer[]): void {
    for (const server of servers) for (const listener of this.#followers.get(server.id) ?? []) listener(server)
  }

  #advance(servers: readonly SeenServer[]): void {
    for (const { updated } of servers) {
      const at = Date.parse(updated)
      if (!Number.isNaN(at)) this.#newest = Math.max(this.#newest ?? at, at)
    }
  }
}

/** Until `subscribe`'s callback is called, or so long. */
function waitFor(ms: number, signal: AbortSignal, subscribe: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      finish()
    }
    const abort = () => settle(() => reject(cancelled(signal)))
    const timer = setTimeout(() => settle(resolve), Math.max(0, ms))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    subscribe(() => settle(resolve))
  })
}

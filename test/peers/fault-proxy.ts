/**
 * A TCP proxy that misbehaves on demand: cuts, falls silent, delays, flaps. For every test of what a network does.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type Direction = 'both' | 'up' | 'down'

export interface FaultProxy {
  /** `127.0.0.1:port` to dial instead of the target. */
  readonly address: string
  readonly port: number
  /** Connections that are open now. */
  readonly open: number
  /** Connections that were ever accepted. */
  readonly accepted: number
  /** Where new connections go from now on. */
  retarget(target: { host: string; port: number }): void
  /** Breaks every open connection with a reset; new ones work. */
  cut(): void
  /** Keeps connections open and accepts new ones, but passes nothing on that way until `resume`. `up` is towards the target. */
  stall(direction?: Direction): void
  resume(): void
  /** Holds each chunk back for this long, in order; 0 ends it. */
  delay(ms: number): void
  /** Cuts after each of these pauses, in turn; resolves when all are done. */
  flap(pausesMs: readonly number[]): Promise<void>
  /** Resets what tries to connect, until `resume`. */
  refuse(): void
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly target: Socket
}

export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let goal = target
  let stalled: ReadonlySet<'up' | 'down'> = new Set()
  let refusing = false
  let delayMs = 0
  let accepted = 0

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    accepted += 1
    if (refusing) {
      client.resetAndDestroy()
      return
    }
    const pair: Pair = { client, target: connect({ ...goal, noDelay: true, allowHalfOpen: true }) }
    pairs.add(pair)
    pass(pair, client, pair.target, 'up')
    pass(pair, pair.target, client, 'down')
  })

  function pass(pair: Pair, from: Socket, to: Socket, way: 'up' | 'down'): void {
    const later = (work: () => void): void => {
      if (delayMs > 0) setTimeout(work, delayMs)
      else work()
    }
    from.on('data', (chunk) =>
      later(() => {
        if (to.destroyed) return
        if (!to.write(chunk)) {
          from.pause()
          to.once('drain', () => flow(from, way))
        }
      }),
    )
    from.on('end', () => later(() => to.end()))
    from.on('error', () => drop(pair))
    from.on('close', () => drop(pair))
    flow(from, way)
  }

  function flow(from: Socket, way: 'up' | 'down'): void {
    if (stalled.has(way)) from.pause()
    else from.resume()
  }

  function reflow(): void {
    for (const { client, target: to } of pairs) {
      flow(client, 'up')
      flow(to, 'down')
    }
  }

  function drop(pair: Pair): void {
    pairs.delete(pair)
    if (!pair.client.destroyed) pair.client.resetAndDestroy()
    if (!pair.target.destroyed) pair.target.resetAndDestroy()
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  const proxy: FaultProxy = {
    address: `127.0.0.1:${port}`,
    port,
    get open() {
      return pairs.size
    },
    get accepted() {
      return accepted
    },
    retarget(next) {
      goal = next
    },
    cut() {
      for (const pair of [...pairs]) drop(pair)
    },
    stall(direction = 'both') {
      stalled = new Set(direction === 'both' ? ['up', 'down'] : [direction])
      reflow()
    },
    resume() {
      stalled = new Set()
      refusing = false
      reflow()
    },
    delay(ms) {
      delayMs = ms
    },
    async flap(pausesMs) {
      for (const pause of pausesMs) {
        await new Promise((resolve) => setTimeout(resolve, pause))
        proxy.cut()
      }
    },
    refuse() {
      refusing = true
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      proxy.cut()
      await closed
    },
  }
  return proxy
}

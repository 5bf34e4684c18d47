import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WatchLine } from '../../../cli/api-types.ts'
import { Client } from '../../../cli/client.ts'
import { run } from '../../../cli/program.ts'
import { WatchState } from '../../../cli/watch-state.ts'
import { watch } from '../../../cli/watch-stream.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { type FakeBroker, lines, startFakeBroker } from './fake-broker.ts'
import { accountItem, clusterItem, event, gatewayItem, machineItem } from './samples.ts'
import { type HostOptions, pcg, type Ran, testHost } from './test-host.ts'

let broker: FakeBroker
beforeEach(async () => {
  broker = await startFakeBroker()
  broker.on('GET /v1/clusters/demo', { json: clusterItem() })
})
afterEach(() => broker.close())

function here(line: string, options: HostOptions = {}): Promise<Ran> {
  return pcg(line.split(' '), { cwd: broker.cwd, ...options })
}

const synced = { type: 'synced', id: 10 }
const item = (value: object, id = 1): object => ({ type: 'item', id, item: value })

describe('watch --until ready', () => {
  it('says each change once, warnings too, and ends when it is ready', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [
        item(clusterItem({ phase: 'Provisioning', ready: 0 })),
        synced,
        item(machineItem('demo-1', 'Provisioning', 'clone', 0.1), 11),
        item(machineItem('demo-1', 'Provisioning', 'clone', 0.9), 12),
        { type: 'event', id: 13, event: event('warning', 'slow disk') },
        { type: 'event', id: 14, event: event('info', 'nothing to see') },
        { type: 'ping' },
        { type: 'brand-new', id: 15 },
        item(machineItem('demo-1', 'Ready'), 16),
        item(clusterItem(), 17),
      ])
    })
    const { code, stdout } = await here('watch demo --until ready')
    expect(code).toBe(0)
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.slice('00:00:00 '.length)),
    ).toEqual([
      'demo Provisioning 0/1 ready',
      'demo-1 Provisioning: clone',
      'warning  cluster/demo  Sample  slow disk',
      'demo-1 Ready: 10.0.0.7',
      'demo Ready 1/1 ready',
    ])
  })

  it('says when the gateway that is to act is away, and when it is back', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [
        item(gatewayItem('Disconnected')),
        item(accountItem()),
        item(clusterItem({ generation: 2, observed: 1 })),
        synced,
        item(accountItem(), 11),
        item(gatewayItem('Connected'), 12),
        item(clusterItem({ generation: 2 }), 13),
      ])
    })
    const { stdout } = await here('watch demo --until ready')
    expect(stdout.match(/gateway .*/g)).toEqual([
      'gateway site-a is not connected: what is asked of it waits until it is',
      'gateway site-a is connected again',
    ])
  })

  it('names the gateway that is away when time is up', async () => {
    broker.on('GET /v1/watch', (response) => {
      const cluster = clusterItem({ generation: 2, observed: 1 })
      lines(response, [item(gatewayItem('Disconnected')), item(accountItem()), item(cluster), synced])
    })
    const { code, stderr } = await here('watch demo --until ready --timeout 1s')
    expect(code).toBe(6)
    expect(stderr).toContain('cluster demo: gateway site-a is not connected')
  })

  it('does not take the readiness of what was before for that of what was applied', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [item(clusterItem({ generation: 2, observed: 1 })), synced])
    })
    const { code, stderr } = await here('watch demo --until ready --timeout 1s')
    expect(code).toBe(6)
    expect(stderr).toContain('not ready within 1s: demo')
    expect(stderr).toContain('`pcg describe cluster demo`')
  })

  it('ends with 3 for a cluster that is not there, or goes', async () => {
    broker.on('GET /v1/watch', (response) =>
      lines(response, [
        item(clusterItem({ phase: 'Updating' })),
        synced,
        { type: 'gone', id: 11, kind: 'Cluster', name: 'demo', left: [] },
      ]),
    )
    expect(await here('watch demo --until ready')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('was deleted'),
    })
    expect(await here('watch nowhere')).toMatchObject({ code: 3 })
  })

  it('draws bars on a terminal, and leaves the cursor visible', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [item(clusterItem()), item(machineItem('demo-1', 'Ready')), synced])
    })
    const { code, stdout } = await here('watch demo --until ready', { terminal: 60 })
    expect(code).toBe(0)
    expect(stdout).toContain('  demo-1  ████████████████  Ready         10.0.0.7\n')
    expect(stdout.endsWith('\x1b[?25h')).toBe(true)
  })
})

describe('watch of all', () => {
  it('also tells of a cluster that goes', async () => {
    const stop = new AbortController()
    broker.on('GET /v1/watch', (response) => {
      lines(response, [item(clusterItem()), synced, { type: 'gone', id: 11, kind: 'Cluster', name: 'demo', left: [] }])
      setTimeout(() => stop.abort(), 50)
    })
    const { stdout } = await here('watch', { signal: stop.signal })
    expect(stdout).toMatch(/demo Ready 1\/1 ready\n.*demo gone\n$/)
  })
})

describe('delete --wait', () => {
  beforeEach(() => broker.on('DELETE /v1/clusters/demo', { status: 202, json: clusterItem({ phase: 'Deleting' }) }))

  it('follows the cluster until it is gone', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [
        item(clusterItem({ phase: 'Deleting' })),
        synced,
        { type: 'gone', id: 11, kind: 'Cluster', name: 'demo', left: [] },
      ])
    })
    const { code, stdout } = await here('delete cluster demo --wait')
    expect(code).toBe(0)
    expect(stdout).toMatch(/cluster demo is being deleted\n.*demo Deleting.*\n.*demo gone\ncluster demo is gone\n$/s)
  })

  it('with --forget tells what it leaves in the cloud', async () => {
    broker.on('GET /v1/watch', (response) => {
      lines(response, [
        item(clusterItem({ phase: 'Deleting' })),
        synced,
        { type: 'gone', id: 11, kind: 'Cluster', name: 'demo', left: ['VirtualMachine vm-7'] },
      ])
    })
    const { stdout } = await here('delete cluster demo --forget --wait')
    expect(broker.asked[0]?.path).toBe('/v1/clusters/demo?forget=true')
    expect(stdout).toMatch(/cluster demo is gone; in the cloud stay:\n {2}VirtualMachine vm-7\n$/)
  })
})

describe('a watch whose connection breaks', () => {
  /** The next lines, as far as `count`. */
  async function collect(count: number, silenceMs?: number): Promise<WatchLine[]> {
    const stop = new AbortController()
    const client = new Client({
      server: broker.url,
      apiKey: 'k',
      tenant: 't',
      source: 'test',
      authoritySource: 'x',
      keySource: 'test',
    })
    const found: WatchLine[] = []
    try {
      const options = { signal: stop.signal, clock: systemClock, ...(silenceMs === undefined ? {} : { silenceMs }) }
      for await (const line of watch(client, options)) {
        found.push(line)
        if (found.length === count) break
      }
    } finally {
      stop.abort()
      client.close()
    }
    return found
  }

  it('goes on behind the last line that it had', async () => {
    broker.on('GET /v1/watch', (response, { path }) => {
      if (path === '/v1/watch') {
        lines(response, [item(clusterItem()), synced, item(clusterItem({ ready: 0 }), 12)])
        setTimeout(() => response.destroy(), 20)
      } else lines(response, [{ type: 'gone', id: 13, kind: 'Cluster', name: 'demo', left: [] }])
    })
    const found = await collect(5)
    expect(found.map(({ type }) => type)).toEqual(['begin', 'item', 'synced', 'item', 'gone'])
    expect(broker.asked.map(({ path }) => path)).toEqual(['/v1/watch', '/v1/watch?after=12'])
  })

  it('begins anew where the broker does not remember that far', async () => {
    let first = true
    broker.on('GET /v1/watch', (response, { path }) => {
      if (path.includes('after')) {
        response.writeHead(409).end(JSON.stringify({ error: { code: 'conflict', message: 'too old' } }))
        return
      }
      lines(response, first ? [item(clusterItem()), synced] : [synced])
      if (first) setTimeout(() => response.destroy(), 20)
      first = false
    })
    const state = new WatchState()
    for (const line of await collect(5)) state.take(line)
    expect(state.has('Cluster', 'demo')).toBe(false)
    expect(state.departure('Cluster', 'demo')).toBeDefined()
  })

  it('notices one that is open but silent', async () => {
    broker.on('GET /v1/watch', (response) => lines(response, [synced]))
    const found = await collect(3, 100)
    expect(found.map(({ type }) => type)).toEqual(['begin', 'synced', 'synced'])
    expect(broker.asked.length).toBe(2)
  })

  it('is not tried again where the broker refuses it', async () => {
    broker.on('GET /v1/watch', { status: 401, json: { error: { code: 'unauthenticated', message: 'unknown key' } } })
    expect(await here('watch')).toMatchObject({ code: 4 })
    expect(broker.asked.length).toBe(1)
  })
})

describe('Ctrl-C', () => {
  it('ends a watch with 130 and one line', async () => {
    const stop = new AbortController()
    broker.on('GET /v1/watch', (response) => {
      lines(response, [synced])
      setTimeout(() => stop.abort(), 50)
    })
    const host = testHost({ cwd: broker.cwd, signal: stop.signal })
    expect(await run(host, ['watch'])).toBe(130)
    expect(host.stderr()).toBe('pcg: interrupted\n')
  })
})

/** What networks, brokers and copies of a gateway do to a tunnel, and what must hold all the same. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { dial } from '../../../tunnel/dial.ts'
import type { AttachResponse } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { startFaultProxy } from '../../peers/fault-proxy.ts'
import { type RawBroker, startRawBroker, welcome } from './raw-broker.ts'
import { HEARTBEAT_MS, pause, Site, until } from './site.ts'

vi.setConfig({ testTimeout: 30_000 })

describe('the path between gateway and broker', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  /** Everything published arrived once and in order, and so did every event. */
  async function nothingLostOrDoubled(): Promise<void> {
    await until(() => site.broker.acks.at(-1) === site.broker.log.length)
    await until(() => site.gateway.releasedTo === site.gateway.events.length)
    expect(site.gateway.journal).toEqual(site.broker.log)
    expect(site.broker.stored).toEqual(site.gateway.events)
  }

  test('is cut: the gateway attaches anew and goes on where it was', async () => {
    const link = await site.attached()
    site.broker.publish(10)
    await until(() => site.broker.acks.at(-1) === 10)
    site.proxy.cut()
    site.broker.publish(10)
    site.gateway.append(10)
    await until(() => site.broker.attached.length === 2)
    expect(site.broker.attached[1]).toMatchObject({ lastDelivery: 10, epoch: 2 })
    await nothingLostOrDoubled()
    await until(() => link.state().phase === 'attached')
  })

  test('flaps under load: nothing is lost or doubled', async () => {
    site.gateway.beforeFsync = () => pause(2)
    await site.attached()
    const flapping = site.proxy.flap([30, 60, 5, 90, 20, 40, 10, 70, 30, 50])
    for (let n = 0; n < 60; n += 1) {
      site.broker.publish(25)
      site.gateway.append(25)
      await pause(8)
    }
    await flapping
    await nothingLostOrDoubled()
    expect(site.broker.attached.length).toBeGreaterThan(3)
    expect(site.gateway.overlapped).toBe(false)
    const epochs = site.broker.attached.map((session) => session.epoch)
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b))
  })

  test.each([
    ['both ways', 'both'],
    ['towards the broker', 'up'],
    ['towards the gateway', 'down'],
  ] as const)('is open but silent %s: both ends notice, and the gateway comes back', async (_what, direction) => {
    const link = await site.attached()
    await pause(HEARTBEAT_MS)
    site.proxy.stall(direction)
    await until(() => link.state().phase !== 'attached' && site.broker.detached.includes(1))
    site.broker.publish(5)
    site.proxy.resume()
    await until(() => link.state().phase === 'attached')
    await nothingLostOrDoubled()
  })

  test('is slow: nothing is taken for dead while frames still come', async () => {
    await site.attached()
    site.proxy.delay(HEARTBEAT_MS / 2)
    for (let n = 0; n < 10; n += 1) {
      site.broker.publish(10)
      site.gateway.append(10)
      await pause(100)
    }
    await nothingLostOrDoubled()
    expect(site.broker.attached).toHaveLength(1)
    site.proxy.delay(0)
  })

  test('accepts connections and says nothing: the dial ends by its deadline', async () => {
    site.proxy.stall()
    const dialled = dial({
      address: site.proxy.address,
      client: null,
      verify: () => {},
      timeoutMs: 100,
      signal: new AbortController().signal,
    })
    await expect(dialled).rejects.toMatchObject({ code: 'timeout', remedy: expect.stringContaining('firewall') })
    site.proxy.resume()
    await until(() => site.proxy.open === 0)
  })

  test('leads to something that is not a broker: that is said, and not tried in a hot loop', async () => {
    await site.enrol()
    const other = await startFaultProxy({ host: '127.0.0.1', port: 1 })
    site.proxy.retarget({ host: '127.0.0.1', port: other.port })
    const link = site.link({ random: () => 0.5 })
    await until(() => site.states.length >= 3)
    expect(link.state().phase).toBe('connecting')
    expect(site.proxy.accepted).toBeLessThan(10)
    await other.close()
  })
})

describe('the broker', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  test('is gone and comes back: the gateway finds it, and what was published meanwhile arrives', async () => {
    const link = await site.attached()
    await site.endpoint.close()
    await until(() => link.state().phase === 'connecting')
    site.broker.publish(7)
    site.gateway.append(7)
    await site.startBroker()
    await until(() => site.gateway.releasedTo === 7 && site.broker.acks.at(-1) === 7)
    expect(site.gateway.journal).toEqual(site.broker.log)
    expect(site.broker.stored).toEqual(site.gateway.events)
  })

  test('fails to store events: they come again, once', async () => {
    let failures = 2
    site.broker.beforeEvents = async () => {
      failures -= 1
      if (failures >= 0) throw new PcgError('internal', 'the disk is gone')
    }
    await site.attached()
    site.gateway.append(5)
    await until(() => site.gateway.releasedTo === 5)
    expect(site.broker.stored).toEqual(site.gateway.events)
    expect(site.states).toContainEqual(expect.objectContaining({ lastError: 'the broker failed; its log says why' }))
  })

  test('sees two gateways with one identity: the older is fenced, and neither tries in a hot loop', async () => {
    await site.attached()
    site.link()
    await until(() => site.broker.attached.length >= 4)
    const fenced = site.states.find((state) => state.phase === 'connecting' && state.lastError?.includes('fenced'))
    expect(fenced).toMatchObject({ lastError: expect.stringContaining('one gateway only with this identity') })
  })
})

describe("a broker's frame", () => {
  let site: Site
  let raw: RawBroker | undefined
  beforeEach(async () => {
    site = await Site.open()
    await site.enrol()
  })
  afterEach(async () => {
    await site.close()
    raw?.close()
  })

  const delivery = (sequence: number): NonNullable<AttachResponse['frame']> => ({
    $case: 'deliveries',
    value: { deliveries: [{ sequence, messageId: `m${sequence}`, payload: Buffer.from('{}'), traceId: '' }] },
  })

  async function lead(script: Parameters<typeof startRawBroker>[1]): Promise<void> {
    raw = await startRawBroker(site.tls, script)
    site.proxy.retarget({ host: '127.0.0.1', port: raw.port })
  }

  const errors = () => site.states.map((state) => (state.phase === 'connecting' ? (state.lastError ?? '') : ''))

  test('of an older epoch has no effect and ends the stream', async () => {
    await lead((request, send) => {
      if (request.frame?.$case !== 'hello') return
      send(welcome(5), 5)
      send(delivery(1), 4)
    })
    site.link()
    await until(() => errors().some((error) => error.includes('a frame of session 4 on the stream of 5')))
    expect(site.gateway.journal).toEqual([])
  })

  test('Welcome of a session that is not newer than the last is refused', async () => {
    let epoch = 6
    await lead((request, send) => {
      if (request.frame?.$case !== 'hello') return
      epoch -= 1
      send(welcome(epoch), epoch)
      if (epoch === 5) setTimeout(() => site.proxy.cut(), 50)
    })
    site.link()
    await until(() => errors().some((error) => error.includes('fenced')))
    const attached = site.states.filter((state) => state.phase === 'attached')
    expect(attached).toMatchObject([{ epoch: 5 }])
  })

  test.each([
    ['that comes before Welcome', delivery(1), 'before Welcome'],
    ['Welcome for the second time', welcome(5), 'welcomed us twice'],
  ])('%s ends the stream', async (what, frame, words) => {
    await lead((request, send) => {
      if (request.frame?.$case !== 'hello') return
      if (!what.includes('before')) send(welcome(5), 5)
      send(frame, 5)
    })
    site.link()
    await until(() => errors().some((error) => error.includes(words)))
    expect(site.gateway.journal).toEqual([])
  })

  test('that goes back in the sequence ends the stream', async () => {
    await lead((request, send) => {
      if (request.frame?.$case !== 'hello') return
      send(welcome(5), 5)
      send(delivery(2), 5)
      send(delivery(1), 5)
    })
    site.link()
    await until(() => errors().some((error) => error.includes('delivery 1 follows 2')))
  })

  test('that never comes does not keep the gateway waiting for ever', async () => {
    await lead(() => {})
    site.link({ dialTimeoutMs: 200 })
    await until(() => errors().some((error) => error.includes('did not welcome us within 200 ms')))
  })
})

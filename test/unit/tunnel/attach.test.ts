import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { AttachRequest } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { BATCH_ITEMS, WINDOW_ITEMS } from '../../../tunnel/protocol.ts'
import { attachRaw, type RawGateway } from './raw-gateway.ts'
import { EDGE, pause, Site, until } from './site.ts'

vi.setConfig({ testTimeout: 20_000 })

/** A promise that a test opens when it likes. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

describe('an attached gateway', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  test('gets what is published, journals it in order and acknowledges it', async () => {
    site.broker.publish(3)
    await site.attached()
    site.broker.publish(500)
    await until(() => site.broker.acks.at(-1) === 503)
    expect(site.gateway.journal).toEqual(site.broker.log)
  })

  test('sends its events in order and lets go of them once the broker has them', async () => {
    site.gateway.append(3)
    await site.attached()
    site.gateway.append(500)
    await until(() => site.gateway.releasedTo === 503)
    expect(site.broker.stored.map((event) => event.sequence)).toEqual(Array.from({ length: 503 }, (_, n) => n + 1))
  })

  test('acknowledges only what is on disk', async () => {
    const fsync = gate()
    site.gateway.beforeFsync = () => fsync.passed
    await site.attached()
    site.broker.publish(1)
    await until(() => site.gateway.accepts === 1)
    site.broker.publish(50)
    await pause(50)
    expect(site.broker.acks).toEqual([])
    fsync.open()
    await until(() => site.broker.acks.at(-1) === 51)
    expect(site.gateway.overlapped).toBe(false)
  })

  test('journals what gathered during one fsync with the next', async () => {
    const fsync = gate()
    site.gateway.beforeFsync = () => fsync.passed
    await site.attached()
    for (let n = 0; n < 100; n += 1) {
      site.broker.publish(1)
      await pause(0)
    }
    fsync.open()
    await until(() => site.broker.acks.at(-1) === 100)
    expect(site.gateway.accepts).toBeLessThan(10)
  })

  test('that is slow makes the broker read no further than the window', async () => {
    const fsync = gate()
    site.gateway.beforeFsync = () => fsync.passed
    await site.attached()
    site.broker.publish(20_000)
    await until(() => site.broker.mostAhead >= WINDOW_ITEMS)
    await pause(100)
    expect(site.broker.mostAhead).toBeLessThanOrEqual(WINDOW_ITEMS + BATCH_ITEMS)
    fsync.open()
    await until(() => site.broker.acks.at(-1) === 20_000)
    expect(site.gateway.journal).toEqual(site.broker.log)
    expect(site.broker.attached).toHaveLength(1)
  })

  test('sends no more events than the window while the broker is slow', async () => {
    const stored = gate()
    site.broker.beforeEvents = () => stored.passed
    const read: number[] = []
    const original = site.gateway.read.bind(site.gateway)
    site.gateway.read = (after, limit) => {
      const events = original(after, limit)
      read.push(events.at(-1)?.sequence ?? 0)
      return events
    }
    await site.attached()
    site.gateway.append(20_000)
    await pause(100)
    expect(Math.max(...read)).toBeLessThanOrEqual(WINDOW_ITEMS)
    expect(site.gateway.releasedTo).toBe(0)
    stored.open()
    await until(() => site.gateway.releasedTo === 20_000)
    expect(site.broker.stored).toHaveLength(20_000)
  })

  test('goes through a failure of its journal without losing or doubling anything', async () => {
    let failures = 2
    site.gateway.beforeFsync = async () => {
      failures -= 1
      if (failures >= 0) throw new PcgError('capacity', 'the disk is full')
    }
    await site.attached()
    site.broker.publish(10)
    await until(() => site.broker.acks.at(-1) === 10)
    expect(site.gateway.journal).toEqual(site.broker.log)
    expect(site.states).toContainEqual(expect.objectContaining({ lastError: 'the disk is full' }))
  })

  test('stays attached without traffic, by heartbeats, and is seen', async () => {
    const link = await site.attached()
    await pause(900)
    expect(link.state()).toMatchObject({ phase: 'attached', epoch: 1 })
    expect(site.broker.seenCount).toBeGreaterThan(1)
  })

  test('that leaves is detached, and both ends let go of everything', async () => {
    const link = await site.attached()
    site.gateway.append(10)
    await until(() => site.gateway.releasedTo === 10)
    await link.close()
    expect(link.state()).toEqual({ phase: 'closed' })
    await until(() => site.broker.detached.length === 1)
    expect(site.broker.listeners).toBe(0)
    expect(site.gateway.listeners).toBe(0)
    await until(() => site.proxy.open === 0)
  })

  test('that leaves has its last events stored before it is detached', async () => {
    const stored = gate()
    site.broker.beforeEvents = () => stored.passed
    const link = await site.attached()
    site.gateway.append(10)
    await pause(50)
    const closed = link.close()
    await pause(50)
    stored.open()
    await closed
    await until(() => site.broker.detached.length === 1)
    expect(site.broker.stored).toHaveLength(10)
    expect(site.gateway.releasedTo).toBe(10)
  })

  test('that is asked to drain comes back by itself, with nothing lost', async () => {
    const link = await site.attached()
    site.broker.publish(100)
    const old = site.endpoint
    await old.drain('update', 10)
    expect(site.broker.detached).toEqual([1])
    expect(site.states).toContainEqual(expect.objectContaining({ lastError: 'the broker asked to reconnect: update' }))
    await old.close()
    await site.startBroker()
    await until(() => link.state().phase === 'attached')
    site.broker.publish(1)
    await until(() => site.broker.acks.at(-1) === 101)
    expect(site.gateway.journal).toEqual(site.broker.log)
  })
})

describe('a question', () => {
  let site: Site
  beforeEach(async () => {
    site = await Site.open()
  })
  afterEach(() => site.close())

  const ask = (payload: Uint8Array = Buffer.from('?'), timeoutMs = 2_000, signal = new AbortController().signal) =>
    site.endpoint.ask(EDGE, payload, { timeoutMs, traceId: 't', signal })

  /** The gateway works at its answer until it is told to stop. */
  function workWithoutEnd() {
    const [begun, aborted] = [gate(), gate()]
    site.gateway.answering = (_payload, signal) =>
      new Promise((_resolve, reject) => {
        begun.open()
        signal.addEventListener('abort', () => {
          aborted.open()
          reject(signal.reason)
        })
      })
    return { begun, aborted }
  }

  test('is answered', async () => {
    site.gateway.answering = async (payload) => Buffer.from(`${Buffer.from(payload)}!`)
    await site.attached()
    expect(Buffer.from(await ask(Buffer.from('hello'))).toString()).toBe('hello!')
  })

  test('gets a large answer whole, and the stream lives on meanwhile', async () => {
    const large = Buffer.alloc(6 * 1024 * 1024, 'x')
    site.gateway.answering = async () => large
    await site.attached()
    const [answer] = await Promise.all([ask(undefined, 10_000), site.broker.publish(10)])
    expect(large.equals(answer)).toBe(true)
    await until(() => site.broker.acks.at(-1) === 10)
    expect(site.broker.attached).toHaveLength(1)
  })

  test("fails with the gateway's own words", async () => {
    site.gateway.answering = async () => {
      throw new PcgError('not-found', 'account lab does not exist', { remedy: 'Apply it first.' })
    }
    await site.attached()
    await expect(ask()).rejects.toMatchObject({
      code: 'not-found',
      message: 'account lab does not exist',
      remedy: 'Apply it first.',
    })
  })

  test('that takes too long fails, and its work is aborted', async () => {
    const { aborted } = workWithoutEnd()
    await site.attached()
    await expect(ask(undefined, 50)).rejects.toMatchObject({ code: 'timeout' })
    await aborted.passed
  })

  test('that is withdrawn fails at once, and its work is aborted', async () => {
    const { begun, aborted } = workWithoutEnd()
    await site.attached()
    const withdraw = new AbortController()
    const asked = ask(undefined, 10_000, withdraw.signal)
    asked.catch(() => {})
    await begun.passed
    withdraw.abort()
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' })
    await aborted.passed
  })

  test('fails when the gateway is not attached, and when it detaches meanwhile', async () => {
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable', message: 'gateway edge is not connected' })
    const { aborted } = workWithoutEnd()
    await site.attached()
    const asked = ask(undefined, 600_000)
    asked.catch(() => {})
    await pause(50)
    site.proxy.cut()
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' })
    await aborted.passed
  })

  test('beyond those that a gateway may have open is turned away', async () => {
    site.gateway.answering = () => new Promise(() => {})
    await site.attached()
    const withdraw = new AbortController()
    const open = Array.from({ length: 64 }, () => ask(undefined, 10_000, withdraw.signal).catch(() => {}))
    await expect(ask()).rejects.toMatchObject({ code: 'throttled' })
    withdraw.abort()
    await Promise.all(open)
  })
})

describe("another gateway's implementation", () => {
  let site: Site
  const raws: RawGateway[] = []
  beforeEach(async () => {
    // Long heartbeats: what ends a stream here is the frame, not the next look at the clock.
    site = await Site.open({ heartbeatMs: 60_000 })
    await site.enrol()
  })
  afterEach(async () => {
    for (const raw of raws.splice(0)) raw.close()
    await site.close()
  })

  async function attach(): Promise<RawGateway> {
    const raw = attachRaw(site.endpoint.address, await site.identityStore.read(), site.authority.certificatePem)
    raws.push(raw)
    return raw
  }

  test('attaches with plain gRPC', async () => {
    site.broker.publish(1)
    const raw = await attach()
    raw.hello()
    await until(() => raw.received.length === 2)
    expect(raw.received[0]?.frame).toMatchObject({ $case: 'welcome', value: { epoch: 1 } })
    expect(raw.received[1]?.frame).toMatchObject({ $case: 'deliveries', value: { deliveries: [{ sequence: 1 }] } })
  })

  test('of another protocol version is refused, with the versions that are spoken', async () => {
    const raw = await attach()
    raw.hello({ protocolVersion: 9 })
    await until(() => raw.ended !== undefined)
    expect(raw.ended?.details).toBe('the gateway (raw) speaks protocol version 9, this broker 1')
  })

  const events = (sequences: readonly number[]): NonNullable<AttachRequest['frame']> => ({
    $case: 'events',
    value: { events: sequences.map((sequence) => ({ sequence, payload: Buffer.alloc(0), timeMs: 0 })) },
  })
  const secondHello = { protocolVersion: 1, version: '', lastDelivery: 0, sealingKey: Buffer.alloc(0), journalId: 'x' }

  test.each<[string, NonNullable<AttachRequest['frame']>]>([
    ['acknowledges what it never got', { $case: 'ack', value: { sequence: 99 } }],
    ['says hello twice', { $case: 'hello', value: secondHello }],
    ['leaves gaps in its events', events([1, 3])],
    ['sends more events than the window takes', events(Array.from({ length: WINDOW_ITEMS + 1 }, (_, n) => n + 1))],
  ])('that %s is cut off, and nothing of it is kept', async (_what, frame) => {
    const raw = await attach()
    raw.hello()
    await until(() => raw.received.length === 1)
    raw.send(frame, 1)
    await until(() => raw.ended !== undefined)
    expect(raw.ended?.code).toBe(3)
    expect([site.broker.acks, site.broker.stored]).toEqual([[], []])
    await until(() => site.broker.detached.length === 1)
  })

  test('that sends a frame of an older epoch is cut off, and the frame has no effect', async () => {
    site.broker.publish(1)
    site.broker.epoch = 4
    const raw = await attach()
    raw.hello()
    await until(() => raw.received.length === 2)
    raw.send({ $case: 'ack', value: { sequence: 1 } }, 4)
    await until(() => raw.ended !== undefined)
    expect(raw.ended).toMatchObject({ code: 10 })
    expect(raw.ended?.details).toContain('a frame of session 4 on the stream of 5')
    expect(site.broker.acks).toEqual([])
  })

  test('that attaches a second time fences its first stream at once', async () => {
    const first = await attach()
    first.hello()
    await until(() => first.received.length === 1)
    const second = await attach()
    second.hello()
    await until(() => first.ended !== undefined)
    expect(first.ended?.details).toContain('fenced')
    first.send({ $case: 'ack', value: { sequence: 0 } }, 1)
    await pause(50)
    expect(second.ended).toBeUndefined()
    expect(site.broker.detached).toEqual([1])
  })

  test('whose session another replica superseded is cut off at its next frame', async () => {
    const raw = await attach()
    raw.hello()
    await until(() => raw.received.length === 1)
    site.broker.epoch = 7
    raw.send(events([1]), 1)
    await until(() => raw.ended !== undefined)
    expect(raw.ended?.details).toContain('fenced')
    expect(site.broker.stored).toEqual([])
  })
})

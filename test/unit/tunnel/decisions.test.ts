/** The parts that decide, without a socket or a clock. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { formatAddress, parseAddress } from '../../../tunnel/address.ts'
import { AttemptLimiter } from '../../../tunnel/attempt-limiter.ts'
import { HeartbeatMonitor } from '../../../tunnel/heartbeat.ts'
import { parseIdentityUri } from '../../../tunnel/identity.ts'
import { createJoinToken, parseJoinToken } from '../../../tunnel/join-token.ts'
import { DEFAULT_TIMING, type LinkEnd, type LinkHistory, nextMove } from '../../../tunnel/link-policy.ts'
import { sleepLong } from '../../../tunnel/long-sleep.ts'
import { MessageReader, prefixed } from '../../../tunnel/message-framing.ts'
import { BATCH_ITEMS, MAX_MESSAGE_BYTES, WINDOW_BYTES, WINDOW_ITEMS } from '../../../tunnel/protocol.ts'
import { renewAtMs, renewalDelayMs } from '../../../tunnel/renewal-schedule.ts'
import { SendWindow } from '../../../tunnel/send-window.ts'
import { errorOf, statusOf } from '../../../tunnel/wire-error.ts'

describe('the heartbeat monitor', () => {
  /** Ticks on time from `fromMs` until it does not say `quiet` or `send`, or until `toMs`. */
  function deathOf(monitor: HeartbeatMonitor, fromMs: number, toMs: number): number | undefined {
    for (let now = fromMs; now <= toMs; now += monitor.tickMs) if (monitor.tick(now) === 'dead') return now
    return undefined
  }

  test('says dead within 2 intervals of the last sign of life, and never within 1.5', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 60_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (interval, share) => {
          const monitor = new HeartbeatMonitor(interval, 0)
          monitor.heard(share * monitor.tickMs)
          const death = deathOf(monitor, monitor.tickMs, interval * 3)
          expect(death).toBeDefined()
          expect(death).toBeLessThanOrEqual(interval * 2)
          expect(death).toBeGreaterThanOrEqual(interval * 1.5)
        },
      ),
    )
  })

  test('sends once each interval', () => {
    const monitor = new HeartbeatMonitor(1_000, 0)
    const sent: number[] = []
    for (let now = 250; now <= 5_000; now += 250) {
      monitor.heard(now)
      if (monitor.tick(now) === 'send') sent.push(now)
    }
    expect(sent).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
  })

  test('does not take its own process standing still for a silent peer', () => {
    const monitor = new HeartbeatMonitor(1_000, 0)
    expect(monitor.tick(250)).toBe('quiet')
    expect(monitor.tick(10_000)).not.toBe('dead')
    expect(deathOf(monitor, 10_250, 13_000)).toBeDefined()
  })
})

describe('the send window', () => {
  const memory = new Uint8Array(WINDOW_BYTES * 2)
  const items = (from: number, count: number, bytes: number) =>
    Array.from({ length: count }, (_, n) => ({ sequence: from + n, payload: memory.subarray(0, bytes) }))

  test('takes batches until it is full, and again what is acknowledged', () => {
    const window = new SendWindow(10)
    let sent = 0
    for (let batch = window.take(items(11, BATCH_ITEMS, 1)); batch.length > 0; ) {
      sent += batch.length
      batch = window.take(items(11 + sent, BATCH_ITEMS, 1))
    }
    expect(sent).toBe(WINDOW_ITEMS)
    expect(window.room).toBe(0)
    window.acknowledge(10 + 100)
    expect(window.room).toBe(100)
  })

  test('is bounded in bytes, but lets one item of any size pass alone', () => {
    const window = new SendWindow(0)
    expect(window.take(items(1, 2, WINDOW_BYTES * 2))).toHaveLength(1)
    expect(window.take(items(2, 1, 1))).toHaveLength(0)
    window.acknowledge(1)
    expect(window.take(items(2, 1, 1))).toHaveLength(1)
  })

  test('never holds more than its bounds, whatever is sent and acknowledged', () => {
    const step = fc.record({
      bytes: fc.integer({ min: 0, max: 400_000 }),
      count: fc.nat(300),
      acknowledged: fc.nat(2_000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new SendWindow(0)
        const sizes = [0]
        let acknowledged = 0
        for (const { bytes, count, acknowledged: more } of steps) {
          const taken = window.take(items(window.lastSent + 1, count, bytes))
          for (const item of taken) sizes.push(item.payload.byteLength)
          const open = sizes.slice(acknowledged + 1)
          expect(window.items).toBe(open.length)
          expect(open.length).toBeLessThanOrEqual(WINDOW_ITEMS)
          if (open.length > 1) expect(open.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(WINDOW_BYTES)
          acknowledged = Math.min(window.lastSent, acknowledged + more)
          window.acknowledge(acknowledged)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('refuses an acknowledgement of what was never sent', () => {
    expect(() => new SendWindow(5).acknowledge(6)).toThrow('only 5 was sent')
  })
})

describe('the renewal schedule', () => {
  const DAY = 86_400_000
  const life = { beginsMs: 0, endsMs: 30 * DAY }

  test('renews at two thirds of the life, and up to 5 % of it later', () => {
    expect(renewAtMs(0, 30 * DAY)).toBe(20 * DAY)
    expect(renewalDelayMs({ ...life, brokerNowMs: DAY, random: () => 0 })).toBe(19 * DAY)
    expect(renewalDelayMs({ ...life, brokerNowMs: DAY, random: () => 1 })).toBe(20.5 * DAY)
  })

  test('never comes at once, whatever the clocks say', () => {
    expect(renewalDelayMs({ ...life, brokerNowMs: 365 * DAY, random: () => 0 })).toBe(1_000)
  })

  test('waits in pieces that a timer can hold', async () => {
    const slept: number[] = []
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) }
    await sleepLong(clock, 30 * DAY + 5, new AbortController().signal)
    expect(Math.max(...slept)).toBeLessThan(2 ** 31)
    expect(slept.reduce((sum, ms) => sum + ms)).toBe(30 * DAY + 5)
  })
})

describe("the link's next move", () => {
  const fresh: LinkHistory = { failures: 0, renewFirst: false }
  const certificate = { beginsMs: 0, endsMs: 300 }
  const context = { timing: DEFAULT_TIMING, certificate, localNowMs: 0, random: () => 0.5 }
  const failed = (error: PcgError, more: Partial<Extract<LinkEnd, { kind: 'failed' }>> = {}): LinkEnd => ({
    kind: 'failed',
    doing: 'attach',
    error,
    brokerNowMs: undefined,
    uptimeMs: 0,
    ...more,
  })
  const lost = new PcgError('interrupted', 'lost')
  const refused = new PcgError('unauthenticated', 'revoked', { remedy: 'Enrol again.' })

  test('backs off further with each failure, and anew only after a minimum uptime', () => {
    const waits: number[] = []
    let history = fresh
    for (let n = 0; n < 9; n += 1) {
      const move = nextMove(failed(lost, { uptimeMs: 9_999 }), { ...context, history })
      history = move.history
      waits.push(move.waitMs)
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(nextMove(failed(lost, { uptimeMs: 10_000 }), { ...context, history }).waitMs).toBe(500)
  })

  test('spreads its waits by half in both directions', () => {
    const waitWith = (random: number) =>
      nextMove(failed(lost), { ...context, history: fresh, random: () => random }).waitMs
    expect([waitWith(0), waitWith(0.999_999)]).toEqual([250, 750])
  })

  test('tries what is refused only every few minutes, and says what helps', () => {
    const move = nextMove(failed(refused), { ...context, history: fresh })
    expect(move.state).toEqual({ phase: 'refused', message: 'revoked', remedy: 'Enrol again.' })
    expect(move.waitMs).toBeGreaterThanOrEqual(60_000)
  })

  test('names both clocks where they differ, since a wrong one makes good certificates look bad', () => {
    const year = 365 * 86_400_000
    const same = nextMove(failed(refused, { brokerNowMs: 100 }), { ...context, history: fresh })
    expect(same.state).toMatchObject({ message: 'revoked' })
    const wrong = nextMove(failed(refused, { brokerNowMs: year, doing: 'renew' }), { ...context, history: fresh })
    expect(wrong.state).toMatchObject({
      message: "revoked; the broker's clock says 1971-01-01T00:00:00.000Z, ours 1970-01-01T00:00:00.000Z",
      remedy: 'Set whichever clock is wrong first. Enrol again.',
    })
  })

  test('renews first when the broker refuses a certificate that is past two thirds by its clock', () => {
    const early = nextMove(failed(refused, { brokerNowMs: 199 }), { ...context, history: fresh })
    const due = nextMove(failed(refused, { brokerNowMs: 200 }), { ...context, history: fresh })
    expect([early.history.renewFirst, due.history.renewFirst]).toEqual([false, true])
    expect(due.state.phase).toBe('connecting')
    expect(due.waitMs).toBeGreaterThan(0)
  })

  test('goes on wanting the renewal while that fails, slowly once it is refused', () => {
    const history = { failures: 1, renewFirst: true }
    const unreachable = nextMove(failed(lost, { doing: 'renew' }), { ...context, history })
    expect(unreachable.history.renewFirst).toBe(true)
    const denied = nextMove(failed(refused, { doing: 'renew' }), { ...context, history })
    expect(denied.state.phase).toBe('refused')
    expect(denied.history.renewFirst).toBe(true)
  })

  test('does not take the uptimes of two gateways that fence each other for successes', () => {
    const conflict = new PcgError('conflict', 'fenced')
    const move = nextMove(failed(conflict, { uptimeMs: 60_000 }), { ...context, history: { ...fresh, failures: 5 } })
    expect(move.history.failures).toBe(6)
  })
})

describe('length-prefixed messages', () => {
  test('come out whole and in order, wherever the stream is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })
    fc.assert(
      fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 17 })), (sent, sizes) => {
        const wire = Buffer.concat(sent.map((message) => prefixed(Buffer.from(message))))
        const reader = new MessageReader()
        const got: number[][] = []
        for (let at = 0; at < wire.length; ) {
          const size = sizes.next().value ?? 1
          reader.push(wire.subarray(at, at + size), (message) => got.push([...message]))
          at += size
        }
        expect(got).toEqual(sent.map((message) => [...message]))
      }),
    )
  })

  test('are refused when compressed or too large', () => {
    const oversized = Buffer.alloc(5)
    oversized.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1)
    expect(() => new MessageReader().push(oversized, () => {})).toThrow('larger')
    expect(() => new MessageReader().push(Buffer.from([1, 0, 0, 0, 0]), () => {})).toThrow('compressed')
  })
})

describe('an error on the wire', () => {
  const trailerOf = (status: ReturnType<typeof statusOf>) => (name: string) => {
    const [value] = status.metadata.get(name)
    return Buffer.isBuffer(value) ? value.toString('base64') : value
  }

  test('keeps its code, words, remedy and subject, and tells the time', () => {
    const error = new PcgError('denied', 'größer als erlaubt — 太大', { remedy: 'Kleiner.', subject: 'spec.x' })
    const status = statusOf(error, 1_234)
    const received = errorOf({ code: status.code, details: status.details, trailer: trailerOf(status) })
    expect(received.error).toMatchObject({
      code: 'denied',
      message: error.message,
      remedy: 'Kleiner.',
      subject: 'spec.x',
    })
    expect(received.brokerNowMs).toBe(1_234)
  })

  test('does not tell what failed inside the broker', () => {
    const status = statusOf(new PcgError('internal', 'SQLITE_FULL /var/lib/broker/db'), 0)
    expect(status.details).not.toContain('SQLITE')
  })

  test('of someone else than our broker is named as such', () => {
    const { error, brokerNowMs } = errorOf({ code: 14, details: 'no healthy upstream', trailer: () => undefined })
    expect(error).toMatchObject({ code: 'unavailable', message: 'the broker ended the call: no healthy upstream' })
    expect(brokerNowMs).toBeUndefined()
  })
})

test('who fails to enrol too often must wait, and nobody else must', () => {
  const limiter = new AttemptLimiter()
  for (let n = 0; n < 20; n += 1) {
    expect(limiter.allows('192.0.2.1', 0)).toBe(true)
    limiter.failed('192.0.2.1', 0)
  }
  expect(limiter.allows('192.0.2.1', 0)).toBe(false)
  expect(limiter.allows('192.0.2.2', 0)).toBe(true)
  expect(limiter.allows('192.0.2.1', 60_000)).toBe(true)
})

describe('addresses, tokens and identities', () => {
  test('are read as they were written', () => {
    for (const address of ['broker.example.com:7443', '127.0.0.1:1', '[::1]:65535']) {
      const { host, port } = parseAddress(address)
      expect(formatAddress(host, port)).toBe(address)
    }
    const token = createJoinToken('broker:7443', 'ab'.repeat(32))
    expect(parseJoinToken(` ${token}\n`)).toMatchObject({ address: 'broker:7443', fingerprint: 'ab'.repeat(32) })
    expect(parseIdentityUri('pcg://acme/gateways/edge-1')).toEqual({ tenant: 'acme', gateway: 'edge-1' })
  })

  test.each(['broker', 'broker:0', 'broker:65536', '::1:80', 'a b:1', ''])('"%s" is no address', (text) => {
    expect(() => parseAddress(text)).toThrow('not the address')
  })

  test.each(['', 'pcg1.', 'pcg1.e30', 'pcg2.abc', createJoinToken('b:1', 'ab'.repeat(32)).slice(0, -20)])(
    'a damaged token is refused without being repeated: %s',
    (text) => {
      expect(() => parseJoinToken(text)).toThrow(/cannot be read/)
      if (text.length > 6) expect(() => parseJoinToken(text)).not.toThrow(text)
    },
  )

  test.each(['pcg://acme/gateways/', 'pcg://acme/gateways/edge/x', 'pcg://Acme/gateways/e', 'https://acme/gateways/e'])(
    '"%s" is no identity',
    (uri) => {
      expect(() => parseIdentityUri(uri)).toThrow('not a gateway')
    },
  )
})

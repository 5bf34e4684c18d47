/** What every message log has to keep, whatever it stores its messages in: the promises of `broker/log/message-log.ts`. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MessageLog, NewMessage } from '../../broker/log/message-log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

export interface LogUnderTest {
  readonly log: MessageLog
  /** Closes the log and opens it anew on the same storage. */
  reopen(): Promise<MessageLog>
  /** Lets the deduplication window pass. */
  passWindow(): Promise<void>
  /** Closes the log and removes its storage. */
  dispose(): Promise<void>
}

const TOPIC = 't/acme/gw/berlin/commands'
const OTHER = 't/acme/gw/paris/commands'
const ALL = { after: 0, limit: 10_000, maxBytes: 1 << 30 }

function message(id: string, payload = `payload of ${id}`): NewMessage {
  return { messageId: id, payload: Buffer.from(payload), traceId: `trace of ${id}` }
}

function messages(count: number, prefix = 'm'): NewMessage[] {
  return Array.from({ length: count }, (_, index) => message(`${prefix}${index + 1}`))
}

async function sequences(log: MessageLog, topic = TOPIC, after = 0): Promise<number[]> {
  return (await log.read(topic, { ...ALL, after })).map((found) => found.sequence)
}

export function describeMessageLog(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`${name} as a message log`, () => {
    let subject: LogUnderTest
    let log: MessageLog

    beforeEach(async () => {
      subject = await open()
      log = subject.log
    })
    afterEach(() => subject.dispose())

    test('hands back what was published, as it was', async () => {
      await log.publish(TOPIC, [message('a', 'first \0 bytes'), message('b', '')])
      const found = await log.read(TOPIC, ALL)
      expect(
        found.map((one) => [one.sequence, one.messageId, Buffer.from(one.payload).toString(), one.traceId]),
      ).toEqual([
        [1, 'a', 'first \0 bytes', 'trace of a'],
        [2, 'b', '', 'trace of b'],
      ])
    })

    test('numbers each topic by itself from 1, without a gap, in the order of publishing', async () => {
      const published = await Promise.all([
        log.publish(TOPIC, messages(3, 'a')),
        log.publish(OTHER, messages(2, 'b')),
        log.publish(TOPIC, messages(2, 'c')),
      ])
      expect(published.map((batch) => batch.map((one) => one.sequence))).toEqual([
        [1, 2, 3],
        [1, 2],
        [4, 5],
      ])
      expect(await sequences(log)).toEqual([1, 2, 3, 4, 5])
      expect(await sequences(log, OTHER)).toEqual([1, 2])
    })

    test('an empty batch, and a topic that nobody published to, are no trouble', async () => {
      expect(await log.publish(TOPIC, [])).toEqual([])
      expect(await log.read(TOPIC, ALL)).toEqual([])
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 0, last: 0 })
      expect(await log.acknowledged(TOPIC, 'gateway')).toBe(0)
      await log.trim(TOPIC, 5)
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 0, last: 0 })
    })

    test('a message id counts once: in a batch, across batches, and trimmed or not', async () => {
      const first = await log.publish(TOPIC, [message('a'), message('b'), message('a')])
      expect(first).toEqual([
        { sequence: 1, duplicate: false },
        { sequence: 2, duplicate: false },
        { sequence: 1, duplicate: true },
      ])
      await log.trim(TOPIC, 2)
      const again = await log.publish(TOPIC, [message('b', 'other bytes'), message('c')])
      expect(again).toEqual([
        { sequence: 2, duplicate: true },
        { sequence: 3, duplicate: false },
      ])
      expect(await sequences(log)).toEqual([3])
    })

    test('the same id in another topic is another message', async () => {
      await log.publish(TOPIC, [message('a')])
      expect(await log.publish(OTHER, [message('a')])).toEqual([{ sequence: 1, duplicate: false }])
    })

    test('knows a message id after a restart', async () => {
      await log.publish(TOPIC, messages(3))
      log = await subject.reopen()
      expect(await log.publish(TOPIC, [message('m2')])).toEqual([{ sequence: 2, duplicate: true }])
    })

    test('reads behind a sequence, no more messages than asked for', async () => {
      await log.publish(TOPIC, messages(10))
      expect(await sequences(log, TOPIC, 7)).toEqual([8, 9, 10])
      expect((await log.read(TOPIC, { ...ALL, after: 2, limit: 3 })).map((one) => one.sequence)).toEqual([3, 4, 5])
      expect(await sequences(log, TOPIC, 10)).toEqual([])
      expect(await sequences(log, TOPIC, 99)).toEqual([])
    })

    test('reads no more bytes than asked for, but always one message', async () => {
      await log.publish(TOPIC, [message('a', 'x'.repeat(100)), message('b', 'x'.repeat(100)), message('c', 'x')])
      const read = async (after: number, maxBytes: number) =>
        (await log.read(TOPIC, { after, limit: 10, maxBytes })).map((one) => one.sequence)
      expect(await read(0, 200)).toEqual([1, 2])
      expect(await read(0, 199)).toEqual([1])
      expect(await read(0, 1)).toEqual([1])
      expect(await read(1, 101)).toEqual([2, 3])
    })

    test('goes on with the numbers after everything was trimmed and the log reopened', async () => {
      await log.publish(TOPIC, messages(5))
      await log.trim(TOPIC, 5)
      await subject.passWindow()
      await log.trim(TOPIC, 5)
      log = await subject.reopen()
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 5, last: 5 })
      expect(await log.publish(TOPIC, [message('later')])).toEqual([{ sequence: 6, duplicate: false }])
      expect(await sequences(log)).toEqual([6])
    })

    test('trims up to a sequence, never beyond the end, and never back', async () => {
      await log.publish(TOPIC, messages(5))
      await log.trim(TOPIC, 3)
      expect(await sequences(log)).toEqual([4, 5])
      await log.trim(TOPIC, 1)
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 3, last: 5 })
      await log.trim(TOPIC, 99)
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 5, last: 5 })
      expect(await sequences(log)).toEqual([])
    })

    test('trims one topic only', async () => {
      await log.publish(TOPIC, messages(3))
      await log.publish(OTHER, messages(3))
      await subject.passWindow()
      await log.trim(TOPIC, 3)
      expect(await sequences(log, OTHER)).toEqual([1, 2, 3])
    })

    test('skips sequences that were given before a backup was restored, and nothing that it has', async () => {
      await log.publish(TOPIC, messages(2))
      await log.skip(TOPIC, 1)
      expect(await log.bounds(TOPIC)).toEqual({ trimmed: 0, last: 2 })
      await log.skip(TOPIC, 7)
      log = await subject.reopen()
      expect(await log.publish(TOPIC, [message('later')])).toEqual([{ sequence: 8, duplicate: false }])
      expect(await sequences(log)).toEqual([1, 2, 8])
      await log.skip(OTHER, 3)
      expect(await log.publish(OTHER, [message('first')])).toEqual([{ sequence: 4, duplicate: false }])
    })

    test("remembers each consumer's position, which never goes back, also after a restart", async () => {
      await log.publish(TOPIC, messages(5))
      await log.acknowledge(TOPIC, 'gateway', 4)
      await log.acknowledge(TOPIC, 'gateway', 2)
      await log.acknowledge(TOPIC, 'audit', 1)
      expect(await log.acknowledged(TOPIC, 'gateway')).toBe(4)
      log = await subject.reopen()
      expect(await log.acknowledged(TOPIC, 'gateway')).toBe(4)
      expect(await log.acknowledged(TOPIC, 'audit')).toBe(1)
      expect(await log.acknowledged(OTHER, 'gateway')).toBe(0)
    })

    test('refuses an acknowledgement of what was never published', async () => {
      await log.publish(TOPIC, messages(2))
      await expect(log.acknowledge(TOPIC, 'gateway', 3)).rejects.toSatisfy(
        (thrown) => thrown instanceof PcgError && thrown.code === 'conflict',
      )
      await expect(log.acknowledge(OTHER, 'gateway', 1)).rejects.toThrow()
      expect(await log.acknowledged(TOPIC, 'gateway')).toBe(0)
    })

    test('tells listeners of a topic once its messages can be read, until they leave', async () => {
      const heard: number[] = []
      let reading: Promise<unknown> = Promise.resolve()
      const stop = log.onPublished(TOPIC, () => {
        reading = sequences(log).then((found) => heard.push(found.length))
      })
      await log.publish(OTHER, messages(1))
      await log.publish(TOPIC, messages(2))
      await reading
      expect(heard).toEqual([2])
      stop()
      await log.publish(TOPIC, messages(1, 'later'))
      await reading
      expect(heard).toEqual([2])
    })

    test('keeps order and numbers under many publishers at once', async () => {
      const batches = Array.from({ length: 40 }, (_, index) => messages(1 + (index % 7), `p${index}-`))
      const published = (await Promise.all(batches.map((batch) => log.publish(TOPIC, batch)))).flat()
      const total = batches.flat().length
      expect(published.map((one) => one.sequence).sort((a, b) => a - b)).toEqual(
        Array.from({ length: total }, (_, index) => index + 1),
      )
      const ids = (await log.read(TOPIC, ALL)).map((one) => one.messageId)
      expect(ids).toEqual(batches.flat().map((one) => one.messageId))
    })
  })
}

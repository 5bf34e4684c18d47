import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newMessageId } from '../../../broker/log/message-id.ts'
import { DEDUPLICATION_WINDOW_MS, SqliteLog } from '../../../broker/log/sqlite-log.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { GroupCommit, openDatabase } from '../../../runtime/group-commit.ts'
import { describeMessageLog, type LogUnderTest } from '../../contract/message-log-suite.ts'

interface Opened extends LogUnderTest {
  readonly path: string
  pass(ms: number): void
  rows(): number
  /** Drops the database as a crash would: what is committed stays, nothing else. */
  crash(): SqliteLog
}

async function open(): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-log-'))
  const path = join(folder, 'broker.db')
  let now = 1_800_000_000_000
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() }
  const start = () => {
    const db = openDatabase(path)
    const commits = new GroupCommit(db)
    return { db, commits, log: new SqliteLog({ db, commits, clock }) }
  }
  let current = start()
  const close = async () => {
    await current.log.close()
    current.commits.close()
    current.db.close()
  }
  return {
    log: current.log,
    path,
    rows: () => Number(current.db.prepare('SELECT count(*) AS n FROM messages').get()?.n),
    pass: (ms) => {
      now += ms
    },
    passWindow: async () => {
      now += DEDUPLICATION_WINDOW_MS + 1
    },
    reopen: async () => {
      await close()
      current = start()
      return current.log
    },
    crash: () => {
      current.db.close()
      current = start()
      return current.log
    },
    dispose: async () => {
      await close()
      await rm(folder, { recursive: true })
    },
  }
}

describeMessageLog('the SQLite log', open)

const TOPIC = 't/acme/gw/berlin/commands'
const message = (messageId: string) => ({ messageId, payload: Buffer.from(messageId), traceId: '' })

test('what was published is there after a crash; a position may be a little behind', async () => {
  const opened = await open()
  await opened.log.publish(TOPIC, [message('a'), message('b')])
  await opened.log.acknowledge(TOPIC, 'gateway', 1)
  await opened.log.publish(TOPIC, [message('c')])
  await opened.log.acknowledge(TOPIC, 'gateway', 3)
  const after = opened.crash()
  expect(await after.bounds(TOPIC)).toEqual({ trimmed: 0, last: 3 })
  expect(await after.acknowledged(TOPIC, 'gateway')).toBe(1)
  await opened.dispose()
})

test('trimmed messages leave the disk once the deduplication window has passed', async () => {
  const opened = await open()
  await opened.log.publish(TOPIC, [message('a'), message('b')])
  opened.pass(DEDUPLICATION_WINDOW_MS - 10)
  await opened.log.publish(TOPIC, [message('c'), message('d')])
  await opened.log.trim(TOPIC, 3)
  expect(opened.rows()).toBe(4)
  opened.pass(20)
  await opened.log.trim(TOPIC, 3)
  expect(opened.rows()).toBe(2)
  await opened.passWindow()
  await opened.log.trim(TOPIC, 3)
  expect(opened.rows()).toBe(1)
  expect((await opened.log.publish(TOPIC, [message('a')]))[0]).toEqual({ sequence: 5, duplicate: false })
  await opened.dispose()
})

test('only its owner can read the database', async () => {
  const opened = await open()
  expect((await stat(opened.path)).mode & 0o777).toBe(0o600)
  await opened.dispose()
})

test('message ids are unique, and later ones sort behind', () => {
  const ids = [1_000, 1_001, 1_800_000_000_000].map((now) =>
    newMessageId({ now: () => now, sleep: () => Promise.resolve() }),
  )
  expect([...ids].sort()).toEqual(ids)
  expect(
    new Set(Array.from({ length: 1000 }, () => newMessageId({ now: () => 1, sleep: () => Promise.resolve() }))).size,
  ).toBe(1000)
})

/**
 * The message log in a local SQLite database, shared with whatever else is in it.
 *
 * Invariants
 * 1. A topic's `last` and its messages change in one transaction, so a sequence is given once (promise 2 of the interface).
 * 2. A trimmed message stays in its table, unreadable, until the deduplication window has passed over it: the unique index on
 *    its id is what recognises a duplicate (promise 3). The last row that goes leaves `last` behind in `topics`.
 * 3. Positions of consumers are kept here and written with the next transaction, or within `POSITION_DELAY_MS`.
 * 4. A message's row id is its topic and sequence in one number, so that a topic's messages lie together on disk: appending and
 *    reading touch few pages. (Measured: a compound primary key halves the rate; ids in no order, as of UUIDv4, cut it to a third.)
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../runtime/clock.ts'
import type { GroupCommit } from '../../runtime/group-commit.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { KeyedListeners } from '../keyed-listeners.ts'
import type { LogMessage, MessageLog, NewMessage, Published, ReadRange, TopicBounds } from './message-log.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    last INTEGER NOT NULL DEFAULT 0, trimmed INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS messages (
    place INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics(id),
    message_id TEXT NOT NULL, payload BLOB NOT NULL, trace_id TEXT NOT NULL, time INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS message_ids ON messages (topic, message_id);
  CREATE TABLE IF NOT EXISTS consumers (
    topic INTEGER NOT NULL REFERENCES topics(id), name TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (topic, name)
  ) STRICT, WITHOUT ROWID;
`

/** Sequences of a topic: 2^32, so that 2^21 topics fit into the integers that JavaScript has. */
const TOPIC_SPAN = 2 ** 32

const POSITION_DELAY_MS = 200
export const DEDUPLICATION_WINDOW_MS = 120_000

export interface SqliteLogOptions {
  readonly db: DatabaseSync
  readonly commits: GroupCommit
  readonly clock: Clock
  /** How long a message id is remembered after its publishing, at least. */
  readonly deduplicationWindowMs?: number
}

interface Topic {
  readonly id: number
  /** By consumer. */
  readonly positions: Map<string, number>
}

/** How `prepare` hands rows back; the schema above is what makes the types true. */
type Statement = Omit<StatementSync, 'get' | 'iterate'> & {
  get(...values: (string | number | Uint8Array)[]): Record<string, number> | undefined
  iterate(...values: (string | number)[]): Iterable<unknown>
}

export class SqliteLog implements MessageLog {
  readonly #db: DatabaseSync
  readonly #commits: GroupCommit
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #topics = new Map<string, Topic>()
  readonly #listeners = new KeyedListeners()
  readonly #moved = new Map<Topic, Set<string>>()
  #positionTimer: NodeJS.Timeout | undefined
  readonly #statements: ReturnType<typeof prepareAll>

  constructor(options: SqliteLogOptions) {
    this.#db = options.db
    this.#commits = options.commits
    this.#clock = options.clock
    this.#windowMs = options.deduplicationWindowMs ?? DEDUPLICATION_WINDOW_MS
    this.#db.exec(SCHEMA)
    this.#statements = prepareAll(this.#db)
  }

  async publish(topic: string, messages: readonly NewMessage[]): Promise<Published[]> {
    if (messages.length === 0) return []
    const published = await this.#commits.write(() => {
      const results = this.#append(this.#topicId(topic), messages)
      this.#writePositions()
      return results
    })
    this.#listeners.tell(topic)
    return published
  }

  async read(topic: string, range: ReadRange): Promise<LogMessage[]> {
    const bounds = this.#statements.topicByName.get(topic)
    if (bounds === undefined) return []
    const start = (bounds.id ?? 0) * TOPIC_SPAN
    const after = Math.max(range.after, bounds.trimmed ?? 0)
    const messages: LogMessage[] = []
    let bytes = 0
    for (const row of this.#statements.read.iterate(start + after, start + TOPIC_SPAN, range.limit)) {
      const message = toMessage(row as MessageRow, start)
      bytes += message.payload.length
      if (messages.length > 0 && bytes > range.maxBytes) break
      messages.push(message)
    }
    return messages
  }

  async bounds(topic: string): Promise<TopicBounds> {
    const row = this.#statements.topicByName.get(topic)
    return { trimmed: row?.trimmed ?? 0, last: row?.last ?? 0 }
  }

  async acknowledge(topic: string, consumer: string, sequence: number): Promise<void> {
    const state = this.#topic(topic)
    const last = (await this.bounds(topic)).last
    if (sequence > last || state === undefined)
      throw new PcgError(
        'conflict',
        `${consumer} acknowledged message ${sequence} of ${topic}, which has only ${last}`,
        {
          subject: topic,
        },
      )
    if (sequence <= this.#position(state, consumer)) return
    state.positions.set(consumer, sequence)
    const moved = this.#moved.get(state) ?? new Set<string>()
    this.#moved.set(state, moved.add(consumer))
    this.#positionTimer ??= setTimeout(() => this.#savePositions(), POSITION_DELAY_MS)
  }

  async acknowledged(topic: string, consumer: string): Promise<number> {
    const state = this.#topic(topic)
    return state === undefined ? 0 : this.#position(state, consumer)
  }

  async trim(topic: string, through: number): Promise<void> {
    await this.#commits.write(() => {
      const { trim, firstKept, sweep, topicByName } = this.#statements
      trim.run(through, topic)
      const row = topicByName.get(topic)
      if (row === undefined) return
      const { trimmed = 0 } = row
      const start = (row.id ?? 0) * TOPIC_SPAN
      // Finding the first row to keep and deleting below it touches only what goes, however much stays.
      const kept = firstKept.get(start, start + trimmed, this.#clock.now() - this.#windowMs)?.place
      sweep.run(start, kept === undefined ? start + trimmed : kept - 1)
      this.#writePositions()
    })
  }

  async skip(topic: string, through: number): Promise<void> {
    await this.#commits.write(() => this.#statements.skip.run(through, this.#topicId(topic)))
  }

  onPublished(topic: string, listener: () => void): () => void {
    return this.#listeners.add(topic, listener)
  }

  async close(): Promise<void> {
    clearTimeout(this.#positionTimer)
    if (this.#moved.size > 0) await this.#commits.write(() => this.#writePositions())
    clearTimeout(this.#positionTimer)
    this.#listeners.clear()
  }

  #append(topic: number, messages: readonly NewMessage[]): Published[] {
    const { insert, placeOf, setLast, topicById } = this.#statements
    const start = topic * TOPIC_SPAN
    const before = topicById.get(topic)?.last ?? 0
    const now = this.#clock.now()
    let last = before
    const results = messages.map(({ messageId, payload, traceId }): Published => {
      const { changes } = insert.run(start + last + 1, topic, messageId, payload, traceId, now)
      if (changes === 1) return { sequence: ++last, duplicate: false }
      const place = placeOf.get(topic, messageId)?.place
      if (place === undefined) throw new PcgError('internal', `message ${messageId} is neither new nor known`)
      return { sequence: place - start, duplicate: true }
    })
    if (last > before) setLast.run(last, topic)
    return results
  }

  /** Makes the topic's row if need be. Only inside a transaction. */
  #topicId(name: string): number {
    const id = this.#statements.topicByName.get(name)?.id
    return id ?? Number(this.#statements.addTopic.run(name).lastInsertRowid)
  }

  /** Undefined while nobody has published to it. */
  #topic(name: string): Topic | undefined {
    const cached = this.#topics.get(name)
    if (cached !== undefined) return cached
    const id = this.#statements.topicByName.get(name)?.id
    if (id === undefined) return undefined
    const topic: Topic = { id, positions: new Map() }
    this.#topics.set(name, topic)
    return topic
  }

  #position(topic: Topic, consumer: string): number {
    const known = topic.positions.get(consumer)
    if (known !== undefined) return known
    const position = this.#statements.position.get(topic.id, consumer)?.position ?? 0
    topic.positions.set(consumer, position)
    return position
  }

  #savePositions(): void {
    this.#positionTimer = undefined
    // A position that isn't saved now is saved with the next one; the disk's trouble shows where a publish fails.
    this.#commits.write(() => this.#writePositions()).catch(() => undefined)
  }

  /** Only inside a transaction. */
  #writePositions(): void {
    if (this.#moved.size === 0) return
    for (const [topic, consumers] of this.#moved)
      for (const consumer of consumers)
        this.#statements.setPosition.run(topic.id, consumer, topic.positions.get(consumer) ?? 0)
    this.#moved.clear()
    clearTimeout(this.#positionTimer)
    this.#positionTimer = undefined
  }
}

interface MessageRow {
  readonly place: number
  readonly message_id: string
  readonly payload: Uint8Array
  readonly trace_id: string
}

function toMessage(row: MessageRow, start: number): LogMessage {
  return { sequence: row.place - start, messageId: row.message_id, payload: row.payload, traceId: row.trace_id }
}

function prepareAll(db: DatabaseSync) {
  const prepare = (sql: string): Statement => db.prepare(sql) as Statement
  return {
    addTopic: prepare('INSERT INTO topics (name) VALUES (?)'),
    topicByName: prepare('SELECT id, last, trimmed FROM topics WHERE name = ?'),
    topicById: prepare('SELECT last FROM topics WHERE id = ?'),
    setLast: prepare('UPDATE topics SET last = ? WHERE id = ?'),
    skip: prepare('UPDATE topics SET last = max(last, ?) WHERE id = ?'),
    insert: prepare(
      'INSERT INTO messages (place, topic, message_id, payload, trace_id, time) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (topic, message_id) DO NOTHING',
    ),
    placeOf: prepare('SELECT place FROM messages WHERE topic = ? AND message_id = ?'),
    read: prepare(
      'SELECT place, message_id, payload, trace_id FROM messages WHERE place > ? AND place < ? ORDER BY place LIMIT ?',
    ),
    trim: prepare('UPDATE topics SET trimmed = max(trimmed, min(?, last)) WHERE name = ?'),
    firstKept: prepare(
      'SELECT place FROM messages WHERE place > ? AND place <= ? AND time >= ? ORDER BY place LIMIT 1',
    ),
    sweep: prepare('DELETE FROM messages WHERE place > ? AND place <= ?'),
    position: prepare('SELECT position FROM consumers WHERE topic = ? AND name = ?'),
    setPosition: prepare(
      'INSERT INTO consumers (topic, name, position) VALUES (?, ?, ?) ON CONFLICT (topic, name) DO UPDATE SET position = excluded.position',
    ),
  }
}

/**
 * Durable topics of messages, and who has read how far. Asynchronous throughout, so that a log on another machine (NATS
 * JetStream) fits behind it as well as a local database does.
 *
 * What every message log promises; `test/contract/message-log-suite.ts` holds each of them to it:
 * 1. A published message is on disk when `publish` resolves, and can be read from then on.
 * 2. The sequence numbers of a topic begin at 1 and have no gaps but those that `skip` makes; a number is never given twice, not even
 *    after everything was trimmed and the log reopened.
 * 3. A message id counts once in a topic: publishing it again, within the deduplication window and trimmed or not, gives the
 *    sequence that it has.
 * 4. Messages are read in the order of their sequences, which is the order in which they were published.
 * 5. A consumer's position never goes back by itself.
 * 6. A topic may be larger than memory: nothing here holds more of it than was asked for.
 */
export interface MessageLog {
  /**
   * Appends `messages` in their order; resolves when all are durable with what became of each. When it rejects, some may
   * have been appended: publish again with the same ids.
   */
  publish(topic: string, messages: readonly NewMessage[]): Promise<Published[]>
  /** Messages behind `after` that haven't been trimmed, in order. Empty at the end of the topic. */
  read(topic: string, range: ReadRange): Promise<LogMessage[]>
  /** Of a topic that nobody has published to: `{ trimmed: 0, last: 0 }`. */
  bounds(topic: string): Promise<TopicBounds>
  /**
   * Moves the consumer's position up to `sequence`; one that is behind it is ignored. Cheap: the position becomes durable soon
   * after, so that a crash may set it back a little, which a consumer must bear anyway. Rejects `conflict` for a sequence that
   * the topic hasn't reached.
   */
  acknowledge(topic: string, consumer: string, sequence: number): Promise<void>
  /** The consumer's position: the last sequence that it acknowledged, or 0. */
  acknowledged(topic: string, consumer: string): Promise<number>
  /** Lets go of all messages up to and with `through`. They can no longer be read; their space comes back by and by. */
  trim(topic: string, through: number): Promise<void>
  /**
   * Leaves out the sequences up to and with `through`, as far as the topic hasn't reached it yet: for a log that was restored from a
   * backup, and is behind what its consumers had of it.
   */
  skip(topic: string, through: number): Promise<void>
  /** Calls `listener` after each durable publish to the topic; returns how to stop. */
  onPublished(topic: string, listener: () => void): () => void
  /** Makes durable what still isn't, and lets go. */
  close(): Promise<void>
}

export interface NewMessage {
  /** Unique for each message of the topic; the same one when it is published again. */
  readonly messageId: string
  readonly payload: Uint8Array
  readonly traceId: string
}

export interface LogMessage extends NewMessage {
  readonly sequence: number
}

export interface Published {
  readonly sequence: number
  /** It had been published before. */
  readonly duplicate: boolean
}

export interface ReadRange {
  readonly after: number
  /** How many messages at most. */
  readonly limit: number
  /** How many bytes of payload at most, though always one message. */
  readonly maxBytes: number
}

export interface TopicBounds {
  /** The last sequence that was trimmed; what is left begins behind it. */
  readonly trimmed: number
  readonly last: number
}

/** The topic of the commands for one gateway. */
export function commandTopic(tenant: string, gateway: string): string {
  return `t/${tenant}/gw/${gateway}/commands`
}

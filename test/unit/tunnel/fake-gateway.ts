/** What stands behind the gateway's link in these tests: memory that keeps the promises of link-ports.ts. */
import type { Answers, Inbox, Outbox, OutgoingEvent, ReceivedDelivery } from '../../../tunnel/link-ports.ts'

export class FakeGateway implements Inbox, Outbox, Answers {
  readonly journalId = 'journal-1'
  /** On disk, in order. */
  readonly journal: ReceivedDelivery[] = []
  readonly events: OutgoingEvent[] = []
  releasedTo = 0
  /** How many times `accept` was called, and whether two calls ever overlapped. */
  accepts = 0
  overlapped = false
  /** Awaited in `accept`, before anything is on disk. */
  beforeFsync: () => Promise<void> = async () => {}
  answering: Answers['answer'] = async (payload) => payload
  readonly #listeners = new Set<() => void>()
  #accepting = false

  lastDelivery(): number {
    return this.journal.at(-1)?.sequence ?? 0
  }

  async accept(deliveries: readonly ReceivedDelivery[]): Promise<number> {
    this.overlapped ||= this.#accepting
    this.#accepting = true
    this.accepts += 1
    await this.beforeFsync()
    for (const delivery of deliveries) {
      if (delivery.sequence > this.lastDelivery()) this.journal.push(delivery)
    }
    this.#accepting = false
    return this.lastDelivery()
  }

  append(count: number, payload = Buffer.from('{}')): void {
    for (let n = 0; n < count; n += 1) this.events.push({ sequence: this.events.length + 1, payload, timeMs: 0 })
    for (const listener of this.#listeners) listener()
  }

  read(after: number, limit: number): OutgoingEvent[] {
    return this.events.slice(after, after + limit)
  }

  async acknowledged(sequence: number): Promise<void> {
    this.releasedTo = sequence
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get listeners(): number {
    return this.#listeners.size
  }

  answer(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.answering(payload, signal)
  }
}

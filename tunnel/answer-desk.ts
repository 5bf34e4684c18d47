/**
 * Answers the broker's questions on one stream, at the gateway.
 *
 * Invariants
 * 1. Each question gets one answer, whole or a failure, unless it was cancelled or the stream ended.
 * 2. A question's work is aborted when its time is over, when it is cancelled, and when the stream ends.
 * 3. A large answer goes in parts, each only when the stream has room: acks and heartbeats pass between them.
 */
import { PcgError } from '../runtime/pcg-error.ts'
import type { Answer, Query } from './gen/pcg/tunnel/v1/tunnel.ts'
import type { Answers } from './link-ports.ts'
import { ANSWER_PART_BYTES, MAX_ANSWER_BYTES, MAX_OPEN_QUERIES } from './protocol.ts'
import { failureOf } from './query-desk.ts'

export interface AnswerDeskOptions {
  readonly answers: Answers
  readonly send: (answer: Answer) => boolean
  /** Resolves when the stream has room again; rejects when it ended. */
  readonly room: () => Promise<void>
}

export class AnswerDesk {
  readonly #options: AnswerDeskOptions
  readonly #open = new Map<number, AbortController>()
  readonly #ended = new AbortController()

  constructor(options: AnswerDeskOptions) {
    this.#options = options
  }

  asked(query: Query): void {
    if (this.#open.size >= MAX_OPEN_QUERIES) {
      this.#fail(query.id, new PcgError('throttled', 'the gateway has too many questions open'))
      return
    }
    const cancel = new AbortController()
    this.#open.set(query.id, cancel)
    void this.#answer(query, cancel).finally(() => this.#open.delete(query.id))
  }

  cancelled(id: number): void {
    this.#open.get(id)?.abort(new PcgError('cancelled', 'nobody waits for the answer any more'))
  }

  close(): void {
    this.#ended.abort(new PcgError('cancelled', 'the tunnel was cut'))
  }

  async #answer(query: Query, cancel: AbortController): Promise<void> {
    const signal = AbortSignal.any([cancel.signal, this.#ended.signal, AbortSignal.timeout(query.timeoutMs)])
    try {
      const payload = await this.#options.answers.answer(query.payload, signal)
      if (payload.byteLength > MAX_ANSWER_BYTES) {
        throw new PcgError('capacity', `the answer has ${payload.byteLength} bytes, more than may travel`)
      }
      await this.#sendParts(query.id, payload, signal)
    } catch (cause) {
      if (!signal.aborted) this.#fail(query.id, PcgError.from(cause))
    }
  }

  async #sendParts(id: number, payload: Uint8Array, signal: AbortSignal): Promise<void> {
    let offset = 0
    let more = true
    while (more && !signal.aborted) {
      const part = payload.subarray(offset, offset + ANSWER_PART_BYTES)
      offset += part.byteLength
      more = offset < payload.byteLength
      const value = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
      const hasRoom = this.#options.send({ id, result: { $case: 'payload', value }, more })
      if (more && !hasRoom) await this.#options.room()
    }
  }

  #fail(id: number, error: PcgError): void {
    this.#options.send({ id, result: { $case: 'failure', value: failureOf(error) }, more: false })
  }
}

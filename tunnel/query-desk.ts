/**
 * The questions that are open on one stream, at the broker.
 *
 * Invariants
 * 1. Each question is settled exactly once: by its answer, its time, its asker's signal, or the stream's end.
 * 2. Open questions and the parts of each answer are bounded.
 */
import { PcgError } from '../runtime/pcg-error.ts'
import type { Answer, Failure } from './gen/pcg/tunnel/v1/tunnel.ts'
import { MAX_ANSWER_BYTES, MAX_OPEN_QUERIES } from './protocol.ts'
import { isErrorCode } from './wire-error.ts'

interface OpenQuery {
  readonly parts: Buffer[]
  bytes: number
  settle(result: Uint8Array | PcgError): void
}

export interface Ask {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export class QueryDesk {
  readonly #open = new Map<number, OpenQuery>()
  #lastId = 0

  /**
   * Enters a question: `send` puts it on the wire under its id, `cancel` tells the gateway that nobody waits any more.
   * Resolves with the whole answer.
   */
  ask(ask: Ask, send: (id: number) => void, cancel: (id: number) => void): Promise<Uint8Array> {
    if (ask.signal.aborted) return Promise.reject(cancelled(ask.signal))
    if (this.#open.size >= MAX_OPEN_QUERIES) {
      return Promise.reject(
        new PcgError('throttled', `the gateway has ${MAX_OPEN_QUERIES} questions open already`, {
          remedy: 'Try again in a moment.',
        }),
      )
    }
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      const giveUp = (error: PcgError): void => {
        cancel(id)
        settle(error)
      }
      const onAbort = (): void => giveUp(cancelled(ask.signal))
      const timer = setTimeout(
        () => giveUp(new PcgError('timeout', `the gateway did not answer within ${ask.timeoutMs} ms`)),
        ask.timeoutMs,
      )
      const settle = (result: Uint8Array | PcgError): void => {
        if (!this.#open.delete(id)) return
        clearTimeout(timer)
        ask.signal.removeEventListener('abort', onAbort)
        if (result instanceof PcgError) reject(result)
        else resolve(result)
      }
      ask.signal.addEventListener('abort', onAbort)
      this.#open.set(id, { parts: [], bytes: 0, settle })
      send(id)
    })
  }

  /** An answer, or a part of one. One that nobody waits for any more is dropped. */
  answered(answer: Answer): void {
    const query = this.#open.get(answer.id)
    if (query === undefined) return
    switch (answer.result?.$case) {
      case 'payload':
        query.parts.push(answer.result.value)
        query.bytes += answer.result.value.length
        if (query.bytes > MAX_ANSWER_BYTES) query.settle(new PcgError('capacity', "the gateway's answer is too large"))
        else if (!answer.more) query.settle(Buffer.concat(query.parts))
        return
      case 'failure':
        query.settle(errorOfFailure(answer.result.value))
        return
      case undefined:
        query.settle(new PcgError('internal', 'the gateway sent an answer without a result'))
    }
  }

  /** The stream ended: nobody will answer. */
  close(error: PcgError): void {
    for (const query of [...this.#open.values()]) query.settle(error)
  }
}

export function failureOf(error: PcgError): Failure {
  return { code: error.code, message: error.message, remedy: error.remedy ?? '' }
}

function errorOfFailure(failure: Failure): PcgError {
  const remedy = failure.remedy === '' ? {} : { remedy: failure.remedy }
  return new PcgError(isErrorCode(failure.code) ? failure.code : 'internal', failure.message, remedy)
}

function cancelled(signal: AbortSignal): PcgError {
  return new PcgError('cancelled', 'the question was withdrawn', { cause: signal.reason })
}

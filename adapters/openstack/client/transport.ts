/**
 * HTTP to a cloud: one pool of keep-alive connections for each origin, a limit of requests in flight, and what became of
 * a request that failed.
 *
 * Invariants
 * 1. A request for which no connection came about is `unavailable`: it was not carried out. One that was handed to a connection and
 *    whose whole answer did not come is `interrupted`: it may have been.
 * 2. A place among the requests in flight is held until the whole answer is there, and never while waiting for something else.
 * 3. After `close` nothing is sent.
 */
import { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { Semaphore } from '../../../runtime/semaphore.ts'
import { cancelled } from './cancellation.ts'
import { isAboutTrust, NotConnected, type Trust, trustedConnector } from './connector.ts'
import { Deadline } from './deadline.ts'

const DEFAULT_TIMEOUT_MS = 60_000
/** 1,000 servers with all their details are 4 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Outgoing {
  /** For messages: `the compute service`. */
  readonly to: string
  /** The field of the account that says where it is. */
  readonly subject: string
  readonly method: Method
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** A stream's time limit begins anew with each of its chunks. */
  readonly body?: string | AsyncIterable<Uint8Array> | undefined
  readonly signal: AbortSignal
  readonly timeoutMs?: number | undefined
}

export interface Reply {
  readonly status: number
  readonly body: string
  /** @param name in lower case */
  header(name: string): string | undefined
}

export interface TransportOptions extends Trust {
  readonly requestsInFlight: number
  readonly maxAnswerBytes?: number | undefined
}

export class Transport {
  readonly #agent: Agent
  readonly #slots: Semaphore
  readonly #closing = new AbortController()
  readonly #maxAnswerBytes: number

  constructor(options: TransportOptions) {
    this.#maxAnswerBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES
    this.#slots = new Semaphore(options.requestsInFlight)
    this.#agent = new Agent({
      connect: trustedConnector(options),
      connections: options.requestsInFlight,
      allowH2: false,
      maxResponseSize: this.#maxAnswerBytes,
      // A request has a time limit of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Aborts when nothing more may be sent. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Any status resolves. */
  async send(outgoing: Outgoing): Promise<Reply> {
    if (outgoing.signal.aborted) throw cancelled(outgoing.signal)
    try {
      return await this.#slots.run(outgoing.signal, () => this.#exchange(outgoing))
    } catch (error) {
      // Waiting for a place ends with the signal's own reason.
      throw error instanceof PcgError ? error : cancelled(outgoing.signal)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#agent.destroy()
  }

  async #exchange(outgoing: Outgoing): Promise<Reply> {
    const deadline = new Deadline(outgoing.signal, outgoing.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const { body } = outgoing
    const source = typeof body === 'object' ? new Source(body, deadline) : undefined
    try {
      const answer = await request(outgoing.url, {
        dispatcher: this.#agent,
        method: outgoing.method,
        headers: outgoing.headers,
        body: source?.stream() ?? (typeof body === 'string' ? body : null),
        signal: deadline.signal,
      })
      const text = await answer.body.text()
      const { headers } = answer
      return {
        status: answer.statusCode,
        body: text,
        header: (name) => {
          const value = headers[name]
          return typeof value === 'object' ? value[0] : value
        },
      }
    } catch (cause) {
      throw this.#failure(outgoing, cause, deadline, source)
    } finally {
      deadline.end()
    }
  }

  #failure(outgoing: Outgoing, cause: unknown, deadline: Deadline, source: Source | undefined): PcgError {
    if (outgoing.signal.aborted) return cancelled(outgoing.signal)
    if (this.#closing.signal.aborted) return cancelled(this.#closing.signal)
    if (source?.error !== undefined) return PcgError.from(source.error, 'what was to be uploaded could not be read')
    const target = `${outgoing.to} at ${new URL(outgoing.url).origin}`
    if (cause instanceof NotConnected) return notReached(target, outgoing.subject, cause)
    const code = codeOf(cause)
    switch (code) {
      case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
        return new PcgError('internal', `${target} answered more than ${this.#maxAnswerBytes} bytes`, {
          cause,
          remedy: 'Ask for smaller pages, or check what answers there.',
        })
      case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
        return new PcgError('invalid', 'what was to be uploaded has another size than was said', { cause })
    }
    // A server that wants another certificate says so only after the handshake, and has read nothing.
    if (isAboutTrust(cause)) return notReached(target, outgoing.subject, new NotConnected(cause))
    const why = deadline.expired
      ? `no answer within ${(outgoing.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000} s`
      : wordsOf(cause)
    return new PcgError('interrupted', `the answer of ${target} was lost: ${why}`, { cause })
  }
}

/** What is uploaded, chunk by chunk; keeps why it ended early, to tell that from a lost connection. */
class Source {
  error: unknown
  readonly #body: AsyncIterable<Uint8Array>
  readonly #deadline: Deadline

  constructor(body: AsyncIterable<Uint8Array>, deadline: Deadline) {
    this.#body = body
    this.#deadline = deadline
  }

  stream(): Readable {
    return Readable.from(this.#chunks())
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    const chunks = this.#body[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await this.#next(chunks)
        if (done === true) return
        this.#deadline.refresh()
        yield value
      }
    } finally {
      await chunks.return?.()
    }
  }

  async #next(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await chunks.next()
    } catch (error) {
      this.error = error
      throw error
    }
  }
}

function notReached(target: string, subject: string, cause: NotConnected): PcgError {
  const why = wordsOf(cause.cause)
  if (cause.untrusted) {
    return new PcgError('unavailable', `no trusted connection to ${target}: ${why}`, {
      cause,
      subject: 'spec.authority',
      remedy: `Set spec.authority to the authority that signed the cloud's certificates (PEM), and seal a client certificate if the cloud asks for one.`,
    })
  }
  return new PcgError('unavailable', `${target} can't be reached: ${why}`, {
    cause,
    subject,
    remedy: `Check that ${subject} is right and that this gateway may connect to it.`,
  })
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function wordsOf(cause: unknown): string {
  // Several addresses of a host were tried: each failed with its own error.
  if (cause instanceof AggregateError) return wordsOf(cause.errors[0])
  return PcgError.from(cause).message
}

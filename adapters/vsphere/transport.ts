/**
 * HTTP to one vCenter's /sdk: keep-alive connections, the session cookie, and what became of a request that failed.
 * A request that was never handed to a connection is `unavailable` (nothing was done); one that was, and whose whole reply
 * did not come, is `interrupted` (it may have been done).
 */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { PcgError } from '../../runtime/pcg-error.ts'
import { cancelled } from './abortable.ts'
import { type Endpoint, type Trust, TrustedAgent } from './trusted-agent.ts'

/** vCenter allows 2,000 connections in all; steps queue here rather than there. */
const MAX_CONNECTIONS = 12

const DEFAULT_TIMEOUT_MS = 60_000

export interface HttpReply {
  readonly status: number
  readonly body: string
}

/** A reply of which no more than its head may have come. */
export interface OpenReply {
  readonly status: number
  /** As they come in; to be read to the end, or left early. Iterating throws as `post` does. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface PostOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Until the whole reply is there. */
  readonly timeoutMs?: number | undefined
}

export class Transport {
  readonly endpoint: Endpoint
  readonly #agent: TrustedAgent
  #cookie: string | undefined

  constructor(endpoint: Endpoint, trust: Trust) {
    this.endpoint = endpoint
    this.#agent = new TrustedAgent(endpoint, trust, MAX_CONNECTIONS)
  }

  /** The next request is from nobody: needed before a login, which a vCenter refuses to who is logged in. */
  forgetSession(): void {
    this.#cookie = undefined
  }

  close(): void {
    this.#agent.destroy()
  }

  async post(body: string, options: PostOptions): Promise<HttpReply> {
    const { status, chunks } = await this.open(body, options)
    return { status, body: Buffer.concat(await Array.fromAsync(chunks)).toString('utf8') }
  }

  /** Resolves when the reply begins. */
  async open(body: string, options: PostOptions): Promise<OpenReply> {
    const { host, port } = this.endpoint
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const deadline = AbortSignal.timeout(timeoutMs)
    const signal = AbortSignal.any([options.signal, deadline])
    const headers = {
      ...options.headers,
      'Content-Length': String(Buffer.byteLength(body)),
      ...(this.#cookie === undefined ? {} : { Cookie: this.#cookie }),
    }
    let handed = false
    const failure = (cause: unknown): PcgError => {
      if (options.signal.aborted) return cancelled(options.signal)
      if (cause instanceof PcgError) return cause
      const why = deadline.aborted ? `no answer within ${timeoutMs / 1000} s` : PcgError.from(cause).message
      return failed(this.endpoint, handed, why, cause)
    }
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const outgoing = request(
          { host, port, path: '/sdk', method: 'POST', agent: this.#agent, signal, headers },
          resolve,
        )
        outgoing.once('socket', () => {
          handed = true
        })
        outgoing.once('error', reject)
        outgoing.end(body)
      })
      this.#keepCookie(response)
      return { status: response.statusCode ?? 0, chunks: wholeOf(response, failure) }
    } catch (cause) {
      throw failure(cause)
    }
  }

  #keepCookie(response: IncomingMessage): void {
    for (const line of response.headers['set-cookie'] ?? []) {
      if (line.startsWith('vmware_soap_session=')) this.#cookie = line.replace(/;.*$/s, '')
    }
  }
}

async function* wholeOf(response: IncomingMessage, failure: (cause: unknown) => PcgError): AsyncGenerator<Uint8Array> {
  try {
    yield* response
    if (!response.complete) throw new Error('the connection ended within the reply')
  } catch (cause) {
    throw failure(cause)
  }
}

function failed({ host, port }: Endpoint, handed: boolean, why: string, cause: unknown): PcgError {
  const name = `vCenter ${host}:${port}`
  if (handed) return new PcgError('interrupted', `the reply of ${name} was lost: ${why}`, { cause })
  return new PcgError('unavailable', `${name} can't be reached: ${why}`, {
    cause,
    subject: 'spec.server',
    remedy: 'Check that spec.server is right and that this gateway may connect to it.',
  })
}

/** What answered is something else, or a vCenter that is just starting. */
export function notVcenter({ host, port }: Endpoint, status: number): PcgError {
  return new PcgError('unavailable', `${host}:${port} answered HTTP ${status} and not as a vCenter does`, {
    subject: 'spec.server',
    remedy: 'Check that spec.server is a vCenter and that its vpxd service runs.',
  })
}

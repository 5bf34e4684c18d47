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

export interface HttpReply {
  readonly status: number
  readonly body: string
}

export interface PostOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly timeoutMs: number
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
    const { host, port } = this.endpoint
    const name = `vCenter ${host}:${port}`
    const deadline = AbortSignal.timeout(options.timeoutMs)
    let handed = false
    try {
      return await new Promise<HttpReply>((resolve, reject) => {
        const outgoing = request(
          {
            host,
            port,
            path: '/sdk',
            method: 'POST',
            agent: this.#agent,
            signal: AbortSignal.any([options.signal, deadline]),
            headers: {
              ...options.headers,
              'Content-Length': String(Buffer.byteLength(body)),
              ...(this.#cookie === undefined ? {} : { Cookie: this.#cookie }),
            },
          },
          (response) => {
            this.#keepCookie(response)
            readAll(response).then((read) => resolve({ status: response.statusCode ?? 0, body: read }), reject)
          },
        )
        outgoing.once('socket', () => {
          handed = true
        })
        outgoing.once('error', reject)
        outgoing.end(body)
      })
    } catch (cause) {
      if (options.signal.aborted) throw cancelled(options.signal)
      if (cause instanceof PcgError) throw cause
      const why = deadline.aborted ? `no answer within ${options.timeoutMs / 1000} s` : PcgError.from(cause).message
      if (handed) throw new PcgError('interrupted', `the reply of ${name} was lost: ${why}`, { cause })
      throw new PcgError('unavailable', `${name} can't be reached: ${why}`, {
        cause,
        subject: 'spec.server',
        remedy: 'Check that spec.server is right and that this gateway may connect to it.',
      })
    }
  }

  #keepCookie(response: IncomingMessage): void {
    for (const line of response.headers['set-cookie'] ?? []) {
      if (line.startsWith('vmware_soap_session=')) this.#cookie = line.replace(/;.*$/s, '')
    }
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let body = ''
  for await (const chunk of response) body += chunk
  if (!response.complete) throw new Error('the connection ended within the reply')
  return body
}

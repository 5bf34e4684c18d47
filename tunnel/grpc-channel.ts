/**
 * The gateway's gRPC calls over one socket that we dialled ourselves (gRPC over HTTP/2, "PROTOCOL-HTTP2" of grpc/grpc).
 *
 * The client of grpc-js makes its own sockets, and so leaves no way to bound the dial, to verify by our own clock, or
 * to end a stalled path at once; docs/decisions has the reasoning. Messages, services and the broker's end are generated
 * and grpc-js as usual.
 *
 * Invariants
 * 1. A call ends exactly once, with a status of the broker or with why there is none.
 * 2. Closing destroys the socket: nothing outlives a channel.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { status } from '@grpc/grpc-js'
import { PcgError } from '../runtime/pcg-error.ts'
import { MessageReader, prefixed } from './message-framing.ts'
import { DIAL_TIMEOUT_MS } from './protocol.ts'
import { errorOf, type ReceivedError } from './wire-error.ts'

/** The part of a generated method definition that a call needs. */
export interface Method<Request, Response> {
  readonly path: string
  readonly requestSerialize: (value: Request) => Buffer
  readonly responseDeserialize: (value: Buffer) => Response
}

/** How a call ended: `null` error for status OK. */
export type CallEnd = { readonly ok: true } | ({ readonly ok: false } & ReceivedError)

export interface StreamHandlers<Response> {
  message(message: Response): void
  /** The outgoing side has room again after `send` returned false. */
  drained(): void
  ended(end: CallEnd): void
}

export interface Stream<Request> {
  /** False: let the buffer drain before sending more that can wait. */
  send(message: Request): boolean
  /** No more from us; the broker ends the call. */
  finish(): void
}

export interface Channel {
  stream<Request, Response>(method: Method<Request, Response>, handlers: StreamHandlers<Response>): Stream<Request>
  /** One request, one response or the broker's error; never rejects. */
  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<CallResult<Response>>
  close(): void
}

/** What came of a call with one response. */
export type CallResult<Response> =
  | { readonly ok: true; readonly response: Response }
  | ({ readonly ok: false } & ReceivedError)

const WINDOW = 1024 * 1024
/** Room for a few of the largest messages; Node's default would end the session over two of them. */
const SESSION_MEMORY_MB = 64

export function openChannel(socket: TLSSocket, address: string): Channel {
  const session: ClientHttp2Session = connect(`https://${address}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: WINDOW, enablePush: false },
    maxSessionMemory: SESSION_MEMORY_MB,
  })
  session.once('connect', () => session.setLocalWindowSize(WINDOW))
  // Each call hears of it by its own stream; without a listener it would end the process.
  session.on('error', () => {})
  session.on('goaway', () => session.close())

  /** Null when the connection is over already. */
  function open(path: string): ClientHttp2Stream | null {
    if (session.closed || session.destroyed) return null
    return session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_TE]: 'trailers',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
    })
  }

  const channel: Channel = {
    stream(method, handlers) {
      const stream = open(method.path)
      if (stream === null) {
        queueMicrotask(() => handlers.ended(endOf({})))
        return { send: () => true, finish() {} }
      }
      follow(stream, method.responseDeserialize, handlers)
      stream.on('drain', handlers.drained)
      return {
        send(message) {
          if (stream.destroyed || stream.writableEnded) return true
          return stream.write(prefixed(method.requestSerialize(message)))
        },
        finish() {
          if (!stream.destroyed && !stream.writableEnded) stream.end()
        },
      }
    },
    call<Request, Response>(method: Method<Request, Response>, request: Request) {
      return new Promise<CallResult<Response>>((resolve) => {
        let response: Response | undefined
        const fail = (error: PcgError): void => resolve({ ok: false, error, brokerNowMs: undefined })
        const timer = setTimeout(() => {
          fail(new PcgError('timeout', `the broker did not answer within ${DIAL_TIMEOUT_MS} ms`))
          channel.close()
        }, DIAL_TIMEOUT_MS)
        const stream = channel.stream(method, {
          message(message) {
            response = message
          },
          drained() {},
          ended(end) {
            clearTimeout(timer)
            if (!end.ok) resolve(end)
            else if (response === undefined) fail(new PcgError('interrupted', 'the broker sent no response'))
            else resolve({ ok: true, response })
          },
        })
        stream.send(request)
        stream.finish()
      })
    },
    close() {
      session.destroy()
      socket.destroy()
    },
  }
  return channel
}

/** Calls `handlers` with what arrives, and `ended` exactly once (invariant 1). */
function follow<Response>(
  stream: ClientHttp2Stream,
  decode: (value: Buffer) => Response,
  handlers: StreamHandlers<Response>,
): void {
  const reader = new MessageReader()
  let trailers: Readonly<Record<string, unknown>> = {}
  let failure: PcgError | undefined
  let ended = false
  const end = (): void => {
    if (ended) return
    ended = true
    handlers.ended(failure === undefined ? endOf(trailers) : { ok: false, error: failure, brokerNowMs: undefined })
  }
  const fail = (error: PcgError): void => {
    failure ??= error
    stream.close(constants.NGHTTP2_CANCEL)
  }
  stream.on('response', (headers) => {
    const httpStatus = Number(headers[constants.HTTP2_HEADER_STATUS])
    if (httpStatus !== 200) fail(new PcgError('unavailable', `what answers is no broker: HTTP status ${httpStatus}`))
    // A call that is refused at once has its status here, and no trailers.
    if (headers['grpc-status'] !== undefined) trailers = headers
  })
  stream.on('trailers', (headers) => {
    trailers = headers
  })
  stream.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk, (message) => handlers.message(decode(message)))
    } catch (cause) {
      fail(PcgError.from(cause, "the broker's message cannot be read"))
    }
  })
  stream.on('error', (cause) => {
    failure ??= new PcgError('interrupted', `the connection to the broker broke: ${cause.message}`, { cause })
  })
  // The broker is done, whether we are or not: its status is the end of the call.
  stream.on('end', () => stream.close(constants.NGHTTP2_NO_ERROR))
  stream.on('close', end)
}

function endOf(trailers: Readonly<Record<string, unknown>>): CallEnd {
  const code = trailers['grpc-status']
  if (code === undefined) {
    const error = new PcgError('interrupted', 'the connection to the broker was lost')
    return { ok: false, error, brokerNowMs: undefined }
  }
  if (Number(code) === status.OK) return { ok: true }
  const text = (name: string): string | undefined => {
    const value = trailers[name]
    return typeof value === 'string' ? value : undefined
  }
  return { ok: false, ...errorOf({ code: Number(code), details: wordsOf(text('grpc-message')), trailer: text }) }
}

/** `grpc-message` is percent-encoded; one that isn't rightly so is shown as it is. */
function wordsOf(encoded = ''): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

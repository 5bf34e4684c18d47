import type { IncomingMessage } from 'node:http'
import { type Agent, request } from 'node:https'

/** How a bulk retrieval reaches vCenter. */
export interface BulkChannel {
  /** Posts a SOAP envelope to /sdk in the session; resolves when the answer begins. */
  post(envelope: string, signal: AbortSignal): Promise<BulkAnswer>
}

export interface BulkAnswer {
  /** HTTP's: 200, or 500 with a SOAP fault. */
  readonly status: number
  /** As they come in; iterating throws if the connection is lost before the end. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface BulkEndpoint {
  readonly host: string
  readonly port: number
  /** Keeps connections alive, and knows whom to trust. */
  readonly agent: Agent
  /** The session's cookie, as `vmware_soap_session=…`. */
  cookie(): Promise<string>
}

/** A channel over node:https. */
export function httpsChannel(endpoint: BulkEndpoint): BulkChannel {
  return {
    post: async (envelope, signal) => {
      const response = await send(endpoint, await endpoint.cookie(), envelope, signal)
      return { status: response.statusCode ?? 0, chunks: response }
    },
  }
}

function send(
  { host, port, agent }: BulkEndpoint,
  cookie: string,
  envelope: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const headers = {
    'content-type': 'text/xml; charset=utf-8',
    'content-length': Buffer.byteLength(envelope),
    soapaction: 'urn:vim25',
    cookie,
  }
  const outgoing = request({ host, port, path: '/sdk', method: 'POST', agent, headers, signal }, resolve)
  outgoing.once('error', reject)
  outgoing.end(envelope)
  return promise
}

import { notVcenter, type OpenReply, type Transport } from './transport.ts'

/** How a bulk retrieval reaches vCenter. */
export interface BulkChannel {
  /**
   * Posts a SOAP envelope to /sdk in the session; resolves when an answer begins, 200 or 500 with a SOAP fault. Whatever
   * else the server says is thrown as `unavailable`.
   */
  post(envelope: string, signal: AbortSignal): Promise<OpenReply>
}

const HEADERS = { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: 'urn:vim25' }

export function bulkChannel(transport: Transport): BulkChannel {
  return {
    post: async (envelope, signal) => {
      const reply = await transport.open(envelope, { headers: HEADERS, signal })
      if (reply.status === 200 || reply.status === 500) return reply
      for await (const _ of reply.chunks) break
      throw notVcenter(transport.endpoint, reply.status)
    },
  }
}

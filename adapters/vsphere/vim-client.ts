/** vCenter's SOAP calls, over our own small WSDL: builds the request in the API's element order, decodes the answer, throws its faults. */
import { fileURLToPath } from 'node:url'
import { type Client, createClientAsync, type IHttpClient } from 'soap'
import { PcgError } from '../../runtime/pcg-error.ts'
import { decode, field, text } from './soap-value.ts'
import { type HttpReply, notVcenter, type Transport } from './transport.ts'
import { faultError, soapFault } from './vim-fault.ts'

const WSDL = fileURLToPath(new URL('./wsdl/vim25.wsdl', import.meta.url))

export interface CallOptions {
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

export class VimClient {
  readonly #client: Promise<Client>

  constructor(transport: Transport) {
    this.#client = createClientAsync(WSDL, { httpClient: throughTransport(transport) }, 'https://vcenter/sdk')
    // Reported to whoever calls; until then it isn't unhandled.
    this.#client.catch(() => undefined)
  }

  /** The decoded `returnval`; throws a PcgError, whose cause is the fault if vCenter answered one. */
  async call(operation: string, args: object, options: CallOptions): Promise<unknown> {
    const client = await this.#client
    const method: unknown = client[operation]
    if (typeof method !== 'function') throw new PcgError('internal', `${operation} is not in the WSDL`)
    return new Promise((resolve, reject) => {
      const answered = (error: unknown, result: unknown) => {
        if (error) reject(asPcgError(operation, error))
        else resolve(decode(field(result, 'returnval')))
      }
      method.call(client, args, answered, { signal: options.signal, timeoutMs: options.timeoutMs })
    })
  }
}

function asPcgError(operation: string, error: unknown): PcgError {
  if (error instanceof PcgError) return error
  const fault = field(error, 'root', 'Envelope', 'Body', 'Fault')
  if (fault === undefined) return PcgError.from(error, operation)
  const said = soapFault(text(decode(field(fault, 'faultstring'))) ?? '', decode(field(fault, 'detail')))
  return faultError('internal', said.message, said)
}

/** node-soap's way out, through our transport: trust, cookies, signals and lost replies are its business. */
function throughTransport(transport: Transport): IHttpClient {
  const post: (...args: Parameters<IHttpClient['request']>) => void = (_url, data, callback, headers, options) => {
    const sent = transport.post(String(data), {
      headers: { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: String(headers?.SOAPAction ?? '') },
      signal: options?.signal,
      timeoutMs: options?.timeoutMs,
    })
    sent.then(
      (reply) => {
        if (isSoap(reply)) callback(null, { status: reply.status, headers: {} }, reply.body)
        else callback(notVcenter(transport.endpoint, reply.status))
      },
      (error) => callback(error),
    )
  }
  return { request: post as unknown as IHttpClient['request'] }
}

function isSoap({ status, body }: HttpReply): boolean {
  return (status === 200 || status === 500) && body.includes('Envelope')
}

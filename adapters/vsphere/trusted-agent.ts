/**
 * TLS to vCenter. A connection is handed to a request only once its certificate is trusted: by the account's thumbprint if it has one,
 * else by its authority or the system's. So credentials never reach a server that isn't the one meant.
 */
import type { ClientRequestArgs } from 'node:http'
import { Agent } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { PcgError } from '../../runtime/pcg-error.ts'

const CONNECT_TIMEOUT_MS = 10_000

export interface Trust {
  /** PEM. */
  readonly authority?: string | undefined
  /** SHA-256 in hex, colons allowed. */
  readonly thumbprint?: string | undefined
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export class TrustedAgent extends Agent {
  readonly #trust: Trust
  readonly #endpoint: Endpoint

  constructor(endpoint: Endpoint, trust: Trust, maxSockets: number) {
    super({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets })
    this.#trust = trust
    this.#endpoint = endpoint
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { host, port } = this.#endpoint
    const options: ConnectionOptions = { host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
    if (isIP(host) === 0) options.servername = host
    if (this.#trust.authority !== undefined) options.ca = this.#trust.authority
    const socket = connect(options)
    const finish = (error: Error | null) => {
      socket.off('error', finish)
      clearTimeout(timer)
      if (error !== null) socket.destroy()
      callback?.(error, socket)
    }
    const timer = setTimeout(
      () => finish(new PcgError('unavailable', `vCenter ${host}:${port} did not answer within 10 s`)),
      CONNECT_TIMEOUT_MS,
    )
    socket.once('error', finish)
    socket.once('secureConnect', () => finish(judge(socket, this.#endpoint, this.#trust)))
  }
}

/** Null if the peer's certificate is trusted, else the error that names its fingerprint. */
function judge(socket: TLSSocket, { host, port }: Endpoint, trust: Trust): PcgError | null {
  const fingerprint = socket.getPeerCertificate().fingerprint256
  if (trust.thumbprint !== undefined) {
    if (plain(trust.thumbprint) === plain(fingerprint)) return null
    return new PcgError(
      'unavailable',
      `the certificate of vCenter ${host}:${port} has the fingerprint ${fingerprint}, not the account's thumbprint ${trust.thumbprint}`,
      {
        subject: 'spec.thumbprint',
        remedy: 'Compare both with the certificate shown in vCenter, then correct spec.thumbprint.',
      },
    )
  }
  if (socket.authorized) return null
  return new PcgError(
    'unavailable',
    `the certificate of vCenter ${host}:${port} is not trusted (${String(socket.authorizationError)}); its SHA-256 fingerprint is ${fingerprint}`,
    {
      subject: 'spec.authority',
      remedy: `If that is vCenter's fingerprint, set spec.thumbprint to it, or spec.authority to the site's authority (PEM).`,
    },
  )
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}

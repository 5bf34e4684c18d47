/** Connections to a cloud's services: whom they trust, and a failure that says that nothing was sent. */
import { buildConnector } from 'undici'
import type { ClientCertificate } from './credentials.ts'

const CONNECT_TIMEOUT_MS = 10_000

/** No connection came about, so nothing was sent over it. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected'
  /** One side refuses the other's certificate: trying again doesn't help. */
  readonly untrusted: boolean

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.untrusted = isAboutTrust(cause)
  }
}

/** By the codes of Node and OpenSSL. */
export function isAboutTrust(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)
}

export interface Trust {
  /** PEM; the system's authorities where it is absent. */
  readonly authority: string | undefined
  readonly clientCertificate: ClientCertificate | undefined
}

export function trustedConnector({ authority, clientCertificate }: Trust): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    ...(authority === undefined ? {} : { ca: authority }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.cert, key: clientCertificate.key }),
  })
  return (options, callback) => {
    try {
      connect(options, (...[error, socket]) => {
        if (error === null) callback(null, socket)
        else callback(new NotConnected(error), null)
      })
    } catch (error) {
      // A certificate or key that can't be read is thrown at once.
      callback(new NotConnected(error), null)
    }
  }
}

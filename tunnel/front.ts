/**
 * The broker's one TLS port: shakes hands, looks at the certificate, and hands the socket to the protocol that ALPN chose.
 *
 * Invariants
 * 1. TLS 1.3 only, and only protocols that were registered; anything else ends at the handshake.
 * 2. What a connection's certificate says is decided once, here, and found by the connection's remote address, which is
 *    unique while the connection lives; it is forgotten before the address can be used again.
 */
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Log } from '../runtime/log.ts'
import { formatAddress } from './address.ts'
import { gatewayKey } from './identity.ts'
import { certificatesOf, type PeerStanding, standingOf } from './peer-verification.ts'
import type { ServerTls } from './server-certificate.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000

export interface FrontConnection {
  readonly socket: TLSSocket
  /** `address:port`, as gRPC calls name their peer. */
  readonly peer: string
  readonly remoteAddress: string
  readonly standing: PeerStanding
}

export interface FrontOptions {
  readonly host: string
  readonly port: number
  readonly tls: ServerTls
  /** ALPN name → who takes the connection. */
  readonly protocols: ReadonlyMap<string, (connection: FrontConnection) => void>
  readonly log: Log
}

export interface Front {
  readonly address: string
  connection(peer: string): FrontConnection | undefined
  /** Ends every connection that this gateway has now, after `delayMs` in which it may read why. */
  disconnect(key: string, delayMs: number): void
  /** For connections from now on. */
  replaceCertificate(tls: ServerTls): void
  close(): Promise<void>
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const { log, protocols } = options
  const connections = new Map<string, FrontConnection>()
  let authorities = certificatesOf(options.tls.ca)
  const sockets = new Set<{ destroy(): void }>()

  const server = createServer({
    ...options.tls,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [...protocols.keys()],
    requestCert: true,
    // Who enrols has no certificate, and who renews may have an expired one: each call checks what it needs.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  })

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', (cause, socket) => {
    log.debug({ remoteAddress: socket.remoteAddress, reason: cause.message }, 'TLS handshake failed')
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    socket.on('error', (cause) => log.debug({ reason: cause.message }, 'connection broke'))
    const take = typeof socket.alpnProtocol === 'string' ? protocols.get(socket.alpnProtocol) : undefined
    const { remoteAddress, remotePort } = socket
    if (take === undefined || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy()
      return
    }
    const peer = `${remoteAddress}:${remotePort}`
    const standing = standingOf(socket.getPeerX509Certificate(), authorities)
    const connection: FrontConnection = { socket, peer, remoteAddress, standing }
    connections.set(peer, connection)
    socket.once('close', () => {
      if (connections.get(peer) === connection) connections.delete(peer)
    })
    socket.setNoDelay(true)
    take(connection)
  })

  await listen(server, options.host, options.port)
  // Such as too many open files: the connection at hand is lost, the port goes on.
  server.on('error', (cause) => log.error({ err: cause }, 'a connection could not be accepted'))
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port

  return {
    address: formatAddress(options.host, port),
    connection: (peer) => connections.get(peer),
    disconnect(key, delayMs) {
      for (const { standing, socket } of connections.values()) {
        if (standing.kind !== 'known' || gatewayKey(standing.identity) !== key) continue
        const timer = setTimeout(() => socket.destroy(), delayMs)
        socket.once('close', () => clearTimeout(timer))
      }
    },
    replaceCertificate(tls) {
      authorities = certificatesOf(tls.ca)
      server.setSecureContext({ ...tls, minVersion: 'TLSv1.3' })
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

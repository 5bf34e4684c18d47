/** One TLS 1.3 connection from the gateway to its broker, made within a deadline and verified by us. */
import type { X509Certificate } from 'node:crypto'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { PcgError } from '../runtime/pcg-error.ts'
import { formatAddress, parseAddress } from './address.ts'
import { ALPN_CONTROL } from './protocol.ts'

export interface DialOptions {
  /** `host:port`. */
  readonly address: string
  /** What proves who we are; null before enrolment. */
  readonly client: { readonly keyPem: string; readonly chainPem: string } | null
  /** Throws unless the peer is our broker. The chain is as it was sent, leaf first. */
  readonly verify: (chain: readonly X509Certificate[], host: string) => void
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Connects, shakes hands, verifies. Every failure throws a PcgError that says which stage it was, and leaves no
 * socket behind.
 */
export async function dial(options: DialOptions): Promise<TLSSocket> {
  const { host, port } = parseAddress(options.address)
  const where = formatAddress(host, port)
  let stage: Socket | undefined
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const signal = AbortSignal.any([deadline, options.signal])
  try {
    const tcp = connectTcp({ host, port, noDelay: true })
    stage = tcp
    await ready(tcp, 'connect', signal)
    const tls = connectTls({
      socket: tcp,
      // Verified below, by the clock and the authorities that were handed in.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN_CONTROL],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(options.client === null ? {} : { key: options.client.keyPem, cert: options.client.chainPem }),
    })
    stage = tls
    await ready(tls, 'secureConnect', signal)
    options.verify(chainOf(tls), host)
    if (tls.alpnProtocol !== ALPN_CONTROL) {
      throw new PcgError('unavailable', `${where} speaks TLS, but not the tunnel's protocol`, {
        subject: where,
        remedy: "Check that the address is the broker's tunnel port, and that nothing in between takes HTTP/2 away.",
      })
    }
    return tls
  } catch (cause) {
    stage?.destroy()
    if (cause instanceof PcgError) throw cause
    if (options.signal.aborted) throw new PcgError('cancelled', 'the dial was cancelled', { cause })
    if (deadline.aborted) {
      throw new PcgError('timeout', `${where} did not answer within ${options.timeoutMs} ms`, {
        subject: where,
        remedy: 'Check the address and that the site’s firewall lets the gateway out to it.',
        cause,
      })
    }
    throw dialFailure(cause, where)
  }
}

function ready(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off(event, onReady).off('error', onError).off('close', onClose)
      finish()
    }
    const onAbort = (): void => settle(() => reject(signal.reason))
    const onReady = (): void => settle(resolve)
    const onError = (cause: Error): void => settle(() => reject(cause))
    const onClose = (): void =>
      settle(() => reject(new PcgError('interrupted', 'the connection was closed during the handshake')))
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    signal.addEventListener('abort', onAbort)
    socket.on(event, onReady).on('error', onError).on('close', onClose)
    // What comes after we stopped listening must not end the process.
    socket.on('error', () => {})
  })
}

/** What the peer sent, leaf first. */
function chainOf(tls: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = []
  let next = tls.getPeerX509Certificate()
  while (next !== undefined && chain.length < 8) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain
}

function dialFailure(cause: unknown, where: string): PcgError {
  const plain = PcgError.from(cause, `could not reach ${where}`)
  const tlsFailed = cause instanceof Error && 'code' in cause && String(cause.code).startsWith('ERR_SSL')
  return new PcgError(tlsFailed ? 'unavailable' : plain.code, plain.message, {
    subject: where,
    remedy: tlsFailed
      ? "Check that the address is the broker's tunnel port: what answers there does not speak TLS 1.3."
      : 'Check the address, and that the broker runs and the network lets the gateway out to it.',
    cause,
  })
}

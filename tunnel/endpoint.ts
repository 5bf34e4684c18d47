/** The broker's end of the tunnel: one TLS port for enrolment and for attached gateways. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { AttachService } from './attach-service.ts'
import { AttemptLimiter } from './attempt-limiter.ts'
import { type CertificateAuthority, DAY_MS } from './certificate-authority.ts'
import type { EnrolmentRecords, GatewayQueries, GatewaySessions } from './endpoint-ports.ts'
import { createEnrolmentService } from './enrolment-service.ts'
import { startFront } from './front.ts'
import { EnrollmentService, TunnelService } from './gen/pcg/tunnel/v1/tunnel.ts'
import { type GatewayIdentity, gatewayKey } from './identity.ts'
import { ALPN_CONTROL, LAST_WORDS_MS, MAX_MESSAGE_BYTES } from './protocol.ts'
import type { ServerTls } from './server-certificate.ts'

const DEFAULT_HEARTBEAT_MS = 10_000
const DEFAULT_LIFE_MS = 30 * DAY_MS
const DEFAULT_GRACE_MS = 90 * DAY_MS
/** How long gateways have to follow a drain before their streams are ended. */
const DRAIN_MS = 5_000
const IDLE_MS = 60_000

export interface EndpointOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls: ServerTls
  readonly sessions: GatewaySessions
  readonly records: EnrolmentRecords
  readonly authority: CertificateAuthority
  readonly log: Log
  readonly clock: Clock
  /** 10 s unless told. */
  readonly heartbeatMs?: number
  /** Of gateways' certificates; 30 days unless told. */
  readonly certificateLifeMs?: number
  /** How long after its certificate's end a gateway may still renew it; 90 days unless told. */
  readonly graceMs?: number
}

export interface Endpoint extends GatewayQueries {
  /** `host:port` as it is bound. */
  readonly address: string
  /** Asks all gateways to go and come back after the delay (each adds its own jitter); resolves when they have gone. */
  drain(reason: string, reconnectAfterMs?: number): Promise<void>
  /** Ends what this gateway has open, at once; call it after its certificate was revoked. */
  disconnect(identity: GatewayIdentity): void
  /** For connections from now on. */
  replaceCertificate(tls: ServerTls): void
  close(): Promise<void>
}

export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { sessions, records, authority, log, clock } = options
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': 16,
    'grpc.max_connection_idle_ms': IDLE_MS,
    'grpc.enable_channelz': 0,
  })
  // The front has done TLS; what it hands over is plain to grpc-js.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const front = await startFront({
    host: options.host,
    port: options.port,
    tls: options.tls,
    protocols: new Map([[ALPN_CONTROL, ({ socket }) => injector.injectConnection(socket)]]),
    log,
  })
  const attach = new AttachService({
    connectionOf: front.connection,
    sessions,
    heartbeatMs: options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
    log,
    clock,
  })
  server.addService(TunnelService, { attach: (call: Parameters<AttachService['handle']>[0]) => attach.handle(call) })
  server.addService(
    EnrollmentService,
    createEnrolmentService({
      connectionOf: front.connection,
      sessions,
      records,
      authority,
      limiter: new AttemptLimiter(),
      certificateLifeMs: options.certificateLifeMs ?? DEFAULT_LIFE_MS,
      graceMs: options.graceMs ?? DEFAULT_GRACE_MS,
      log,
      clock,
    }),
  )
  log.info({ address: front.address }, 'tunnel endpoint listens')

  return {
    address: front.address,
    replaceCertificate: front.replaceCertificate,
    ask(identity, payload, { timeoutMs, traceId, signal }) {
      const stream = attach.stream(identity)
      if (stream === undefined) {
        return Promise.reject(
          new PcgError('unavailable', `gateway ${identity.gateway} is not connected`, {
            subject: identity.gateway,
            remedy: 'Start the gateway, or see its log for why it cannot connect.',
          }),
        )
      }
      return stream.ask(payload, traceId, { timeoutMs, signal })
    },
    disconnect(identity) {
      attach.stream(identity)?.end(
        new PcgError('unauthenticated', `gateway ${identity.gateway} was disconnected by the broker`, {
          subject: 'certificate',
          remedy: 'If it was revoked by mistake, make a new join token for it and enrol it again.',
        }),
      )
      // Its other connections have no stream that could say why.
      front.disconnect(gatewayKey(identity), LAST_WORDS_MS)
    },
    async drain(reason, reconnectAfterMs = 1_000) {
      const refusal = new PcgError('unavailable', `the broker is draining: ${reason}`)
      for (const stream of attach.stopGranting(refusal)) stream.drain(reason, reconnectAfterMs)
      const until = performance.now() + DRAIN_MS
      while (attach.size > 0 && performance.now() < until) await sleep(20)
      for (const stream of attach.stopGranting(refusal)) stream.end(refusal)
      await attach.settled()
    },
    async close() {
      const closing = new PcgError('unavailable', 'the broker is closing')
      for (const stream of attach.stopGranting(closing)) stream.end(closing)
      await attach.settled()
      await front.close()
      server.forceShutdown()
    },
  }
}

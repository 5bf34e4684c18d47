/**
 * The broker's answers to Enroll and Renew.
 *
 * Invariants
 * 1. A token is spent only for a request that would be granted: the request is checked first, as is that who asks holds the key
 *    (it signed the request).
 * 2. Who renews has proved by the TLS handshake that it holds the certificate's key, and the new one is for that same key.
 * 3. A revoked gateway gets nothing: its record is asked before anything is issued.
 */
import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Metadata, StatusObject } from '@grpc/grpc-js'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { AttemptLimiter } from './attempt-limiter.ts'
import { type CertificateAuthority, newSerial } from './certificate-authority.ts'
import { readCertificateRequest } from './certificate-request.ts'
import type { EnrolmentRecords, GatewaySessions } from './endpoint-ports.ts'
import type { FrontConnection } from './front.ts'
import type {
  EnrollmentServer,
  EnrollRequest,
  EnrollResponse,
  RenewRequest,
  RenewResponse,
} from './gen/pcg/tunnel/v1/tunnel.ts'
import { gatewayKey } from './identity.ts'
import { requireKnown } from './peer-verification.ts'
import { statusOf } from './wire-error.ts'

const SEALING_KEY_BYTES = 32

export interface EnrolmentServiceOptions {
  readonly connectionOf: (peer: string) => FrontConnection | undefined
  readonly sessions: Pick<GatewaySessions, 'authorize'>
  readonly records: EnrolmentRecords
  readonly authority: CertificateAuthority
  readonly limiter: AttemptLimiter
  readonly certificateLifeMs: number
  readonly graceMs: number
  readonly log: Log
  readonly clock: Clock
}

type Reply<T> = (error: Partial<StatusObject> | null, value?: T, trailer?: Metadata) => void

export function createEnrolmentService(options: EnrolmentServiceOptions): EnrollmentServer {
  const { sessions, records, authority, limiter, log, clock } = options

  function connectionOf(peer: string): FrontConnection {
    const connection = options.connectionOf(peer)
    if (connection === undefined) throw new PcgError('interrupted', 'the connection is gone')
    return connection
  }

  function answer<T>(work: Promise<T>, reply: Reply<T>): void {
    work.then(
      (value) => reply(null, value),
      (cause) => {
        const error = PcgError.from(cause)
        if (error.code === 'internal') log.error({ err: error }, 'enrolment failed')
        reply(statusOf(error, clock.now()))
      },
    )
  }

  async function enroll(request: EnrollRequest, connection: FrontConnection): Promise<EnrollResponse> {
    const source = connection.remoteAddress
    if (!limiter.allows(source, performance.now())) {
      throw new PcgError('throttled', `too many failed enrolments from ${source}`, {
        remedy: 'Wait a minute, then try again with a new join token.',
      })
    }
    try {
      const publicKey = await readCertificateRequest(request.csr, null)
      if (request.sealingKey.length !== SEALING_KEY_BYTES) {
        throw new PcgError('invalid', `the sealing key must be ${SEALING_KEY_BYTES} bytes`, { subject: 'sealing key' })
      }
      const serial = newSerial()
      const keyHash = createHash('sha256').update(publicKey).digest('hex')
      const identity = await records.redeem(request.token, serial, request.sealingKey, keyHash)
      const issued = await authority.issueGateway({ publicKey, identity, serial, lifeMs: options.certificateLifeMs })
      log.info({ gateway: gatewayKey(identity), source, version: request.version, serial }, 'gateway enrolled')
      return { certificateChain: issued.chainPem, authorities: authority.certificatePem, ...identity }
    } catch (cause) {
      limiter.failed(source, performance.now())
      throw cause
    }
  }

  async function renew(request: RenewRequest, connection: FrontConnection): Promise<RenewResponse> {
    const peer = requireKnown(connection.standing, clock.now(), options.graceMs)
    const publicKey = await readCertificateRequest(request.csr, peer.identity)
    if (!publicKey.equals(peer.publicKey)) {
      throw new PcgError('invalid', "the request is for another key than the certificate's", {
        remedy: 'Renew with the same key; to change the key, enrol with a new join token.',
      })
    }
    await sessions.authorize(peer.identity, peer.serial)
    const serial = newSerial()
    const issued = await authority.issueGateway({
      publicKey,
      identity: peer.identity,
      serial,
      lifeMs: options.certificateLifeMs,
    })
    await records.renewed(peer.identity, peer.serial, serial)
    log.info({ gateway: gatewayKey(peer.identity), serial }, 'certificate renewed')
    return { certificateChain: issued.chainPem, authorities: authority.certificatePem }
  }

  return {
    enroll: (call, reply) =>
      answer(
        withConnection(call.getPeer(), (at) => enroll(call.request, at)),
        reply,
      ),
    renew: (call, reply) =>
      answer(
        withConnection(call.getPeer(), (at) => renew(call.request, at)),
        reply,
      ),
  }

  async function withConnection<T>(peer: string, work: (connection: FrontConnection) => Promise<T>): Promise<T> {
    return work(connectionOf(peer))
  }
}

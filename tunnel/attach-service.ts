/**
 * The broker's answer to Attach, up to Welcome; and which stream is each gateway's.
 *
 * Invariants
 * 1. A gateway has one stream here: a newer one fences the older at once; an older epoch never takes a newer one's place.
 * 2. Nothing is granted before the certificate counts (known, in its life, not revoked) and the protocol is one we speak.
 * 3. Every granted session is detached, once, when its stream ends.
 */
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { type AttachCall, AttachedStream } from './attached-stream.ts'
import type { AttachRequestInfo, GatewaySessions } from './endpoint-ports.ts'
import { fenced } from './fencing.ts'
import type { FrontConnection } from './front.ts'
import type { AttachRequest, Hello } from './gen/pcg/tunnel/v1/tunnel.ts'
import { type GatewayIdentity, gatewayKey } from './identity.ts'
import { type KnownPeer, requireKnown } from './peer-verification.ts'
import { DIAL_TIMEOUT_MS, PROTOCOL_VERSIONS } from './protocol.ts'
import { statusOf } from './wire-error.ts'

export interface AttachServiceOptions {
  readonly connectionOf: (peer: string) => FrontConnection | undefined
  readonly sessions: GatewaySessions
  readonly heartbeatMs: number
  readonly log: Log
  readonly clock: Clock
}

/** What a call is waiting for, or what it became. */
type Phase =
  | { readonly name: 'greeting'; readonly timer: NodeJS.Timeout }
  | { readonly name: 'attaching' }
  | { readonly name: 'attached'; readonly stream: AttachedStream }
  | { readonly name: 'ended' }

export class AttachService {
  readonly #options: AttachServiceOptions
  readonly #streams = new Map<string, AttachedStream>()
  readonly #detaching = new Set<Promise<void>>()
  #draining: PcgError | undefined

  constructor(options: AttachServiceOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#streams.size
  }

  stream(identity: GatewayIdentity): AttachedStream | undefined {
    return this.#streams.get(gatewayKey(identity))
  }

  /** Grants no more sessions: `error` says why. Gives the streams that are there. */
  stopGranting(error: PcgError): readonly AttachedStream[] {
    this.#draining = error
    return [...this.#streams.values()]
  }

  /** Resolves when every session that ended is detached. */
  async settled(): Promise<void> {
    while (this.#detaching.size > 0) await Promise.all(this.#detaching)
  }

  handle(call: AttachCall): void {
    const { clock } = this.#options
    const refuse = (cause: unknown): void => {
      if (phase.name === 'ended') return
      if (phase.name === 'greeting') clearTimeout(phase.timer)
      phase = { name: 'ended' }
      call.emit('error', statusOf(PcgError.from(cause), clock.now()))
    }
    const timer = setTimeout(
      () => refuse(new PcgError('timeout', 'the gateway said no hello in time')),
      DIAL_TIMEOUT_MS,
    )
    let phase: Phase = { name: 'greeting', timer }
    const gone = (): void => {
      if (phase.name === 'greeting') clearTimeout(phase.timer)
      if (phase.name !== 'attached') phase = { name: 'ended' }
    }
    call.on('cancelled', gone)
    call.on('error', gone)
    call.on('end', () => {
      if (phase.name === 'attached') void phase.stream.finished()
      else refuse(new PcgError('invalid', 'the gateway left before it was attached'))
    })
    call.on('data', (request: AttachRequest) => {
      switch (phase.name) {
        case 'greeting':
          clearTimeout(phase.timer)
          phase = { name: 'attaching' }
          this.#greet(call, request, () => phase.name === 'attaching').then((stream) => {
            if (stream !== null) phase = { name: 'attached', stream }
          }, refuse)
          return
        case 'attaching':
          refuse(new PcgError('invalid', 'the gateway sent a frame before it was welcomed'))
          return
        case 'attached':
          phase.stream.receive(request)
          return
        case 'ended':
          return
      }
    })
  }

  /** Null when the call was gone before it could be attached. */
  async #greet(call: AttachCall, request: AttachRequest, live: () => boolean): Promise<AttachedStream | null> {
    const { sessions, clock, log, heartbeatMs } = this.#options
    const connection = this.#options.connectionOf(call.getPeer())
    if (connection === undefined) throw new PcgError('interrupted', 'the connection is gone')
    const peer = requireKnown(connection.standing, clock.now(), 0)
    const hello = helloOf(request)
    if (this.#draining !== undefined) throw this.#draining
    await sessions.authorize(peer.identity, peer.serial)
    const info = infoOf(hello, peer)
    const session = await sessions.attach(peer.identity, info)
    const key = gatewayKey(peer.identity)
    const older = this.#streams.get(key)
    const refusal =
      this.#draining ??
      (older !== undefined && older.epoch > session.epoch ? fenced(session.epoch, session.epoch) : undefined)
    if (!live() || refusal !== undefined) {
      this.#detach(peer.identity, session.epoch)
      if (refusal !== undefined) throw refusal
      return null
    }
    const sessionLog = log.child({ gateway: key, epoch: session.epoch })
    const stream = new AttachedStream({
      call,
      connection,
      peer,
      session,
      info,
      sessions,
      heartbeatMs,
      clock,
      ended: (error) => {
        if (this.#streams.get(key) === stream) this.#streams.delete(key)
        this.#detach(peer.identity, session.epoch)
        if (error === null) sessionLog.info('gateway detached')
        else if (error.code === 'internal') sessionLog.error({ err: error }, 'gateway detached')
        else sessionLog.info({ reason: error.message }, 'gateway detached')
      },
    })
    this.#streams.set(key, stream)
    older?.end(fenced(older.epoch, older.epoch))
    sessionLog.info({ version: info.version, resumeAfter: session.resumeAfter }, 'gateway attached')
    return stream
  }

  #detach(identity: GatewayIdentity, epoch: number): void {
    const { sessions, log } = this.#options
    const detaching = sessions
      .detach(identity, epoch)
      .catch((cause: unknown) => log.error({ err: PcgError.from(cause) }, 'a session could not be detached'))
      .finally(() => this.#detaching.delete(detaching))
    this.#detaching.add(detaching)
  }
}

function helloOf(request: AttachRequest): Hello {
  if (request.frame?.$case !== 'hello') throw new PcgError('invalid', 'the first frame of a stream must be hello')
  const hello = request.frame.value
  if (!PROTOCOL_VERSIONS.includes(hello.protocolVersion)) {
    const spoken = PROTOCOL_VERSIONS.join(', ')
    throw new PcgError(
      'invalid',
      `the gateway (${hello.version}) speaks protocol version ${hello.protocolVersion}, this broker ${spoken}`,
      { subject: 'protocol version', remedy: 'Update whichever of the two is older.' },
    )
  }
  if (hello.journalId === '') throw new PcgError('invalid', 'hello names no journal', { subject: 'journal_id' })
  return hello
}

function infoOf(hello: Hello, peer: KnownPeer): AttachRequestInfo {
  return {
    version: hello.version,
    journalId: hello.journalId,
    lastDelivery: hello.lastDelivery,
    sealingKey: hello.sealingKey,
    certificateEnds: new Date(peer.endsMs).toISOString(),
  }
}

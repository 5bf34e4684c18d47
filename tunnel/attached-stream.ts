/**
 * One attached gateway, at the broker: from Welcome to the stream's end.
 *
 * Invariants
 * 1. A frame of another epoch, or one that comes when a newer session exists, has no effect and ends the stream.
 * 2. Deliveries go out in order behind what the session resumes from; unacknowledged ones are bounded by the window, and
 *    nothing is read from the log that the window and the socket don't take: a slow gateway costs no more memory.
 * 3. An event is acknowledged only after the broker has it durably.
 * 4. The stream ends once: everything it held (timers, listeners, questions) is let go then, and `ended` is called.
 * 5. Silence of more than 1.5 heartbeats, or the certificate's end, ends the stream.
 */
import { performance } from 'node:perf_hooks'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { Clock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { AttachRequestInfo, GatewaySessions, Session } from './endpoint-ports.ts'
import { fenced } from './fencing.ts'
import type { FrontConnection } from './front.ts'
import type { AttachRequest, AttachResponse } from './gen/pcg/tunnel/v1/tunnel.ts'
import { HeartbeatMonitor } from './heartbeat.ts'
import type { OutgoingEvent, ReceivedDelivery } from './link-ports.ts'
import type { KnownPeer } from './peer-verification.ts'
import { BATCH_ITEMS, LAST_WORDS_MS, WINDOW_BYTES, WINDOW_ITEMS } from './protocol.ts'
import { type Ask, QueryDesk } from './query-desk.ts'
import { SendWindow } from './send-window.ts'
import { SerialTask } from './serial-task.ts'
import { statusOf } from './wire-error.ts'

export type AttachCall = ServerDuplexStream<AttachRequest, AttachResponse>

export interface AttachedOptions {
  readonly call: AttachCall
  readonly connection: FrontConnection
  readonly peer: KnownPeer
  readonly session: Session
  readonly info: AttachRequestInfo
  readonly sessions: GatewaySessions
  readonly heartbeatMs: number
  readonly clock: Clock
  readonly ended: (error: PcgError | null) => void
}

type Phase = 'attached' | 'draining' | 'ended'

export class AttachedStream {
  readonly epoch: number
  readonly #options: AttachedOptions
  readonly #window: SendWindow
  readonly #monitor: HeartbeatMonitor
  readonly #ticker: NodeJS.Timeout
  readonly #unsubscribe: () => void
  readonly #queries = new QueryDesk()
  readonly #pump = new SerialTask(
    () => this.#deliver(),
    (cause) => this.#failed(cause),
  )
  readonly #acks = new SerialTask(
    () => this.#passAck(),
    (cause) => this.#failed(cause),
  )
  readonly #store = new SerialTask(
    () => this.#storeEvents(),
    (cause) => this.#failed(cause),
  )
  #phase: Phase = 'attached'
  #ready: readonly ReceivedDelivery[] = []
  #acknowledged = 0
  #events: OutgoingEvent[] = []
  #eventBytes = 0
  #lastEvent: number | undefined
  #nonce = 0
  #heardSinceSeen = true

  /** Sends Welcome and begins to deliver. */
  constructor(options: AttachedOptions) {
    const { session, sessions, peer, call, connection, heartbeatMs, clock } = options
    this.#options = options
    this.epoch = session.epoch
    this.#window = new SendWindow(session.resumeAfter)
    this.#monitor = new HeartbeatMonitor(heartbeatMs, performance.now())
    this.#ticker = setInterval(() => this.#tick(), this.#monitor.tickMs)
    this.#unsubscribe = sessions.onPublished(peer.identity, () => this.#pump.request())
    call.on('drain', () => this.#pump.request())
    call.on('cancelled', () => this.#lost())
    connection.socket.once('close', () => this.#lost())
    this.#send({
      $case: 'welcome',
      value: {
        epoch: session.epoch,
        heartbeatIntervalMs: heartbeatMs,
        lastEvent: session.lastEvent,
        nowMs: clock.now(),
      },
    })
    this.#pump.request()
  }

  receive(request: AttachRequest): void {
    if (this.#phase === 'ended') return
    const { sessions, peer } = this.#options
    if (request.epoch !== this.epoch || !sessions.current(peer.identity, this.epoch)) {
      this.end(fenced(request.epoch, this.epoch))
      return
    }
    this.#monitor.heard(performance.now())
    this.#heardSinceSeen = true
    try {
      this.#take(request.frame)
    } catch (cause) {
      this.#failed(cause)
    }
  }

  /** The gateway sends no more: what it sent is finished, then the call ends well. */
  async finished(): Promise<void> {
    if (this.#phase === 'ended') return
    this.#phase = 'draining'
    await this.#store.idle()
    await this.#acks.idle()
    this.end(null)
  }

  ask(payload: Uint8Array, traceId: string, ask: Ask): Promise<Uint8Array> {
    return this.#queries.ask(
      ask,
      (id) =>
        this.#send({ $case: 'query', value: { id, payload: bufferOf(payload), timeoutMs: ask.timeoutMs, traceId } }),
      (id) => this.#send({ $case: 'queryCancel', value: { id } }),
    )
  }

  /** Asks the gateway to go, and to come back after the delay. */
  drain(reason: string, reconnectAfterMs: number): void {
    if (this.#phase !== 'attached') return
    this.#phase = 'draining'
    this.#send({ $case: 'drain', value: { reason, reconnectAfterMs } })
  }

  /** Ends the stream with the error's words, or well (invariant 4). */
  end(error: PcgError | null): void {
    if (!this.#release(error)) return
    const { call, connection, clock } = this.#options
    if (error === null) call.end()
    else call.emit('error', statusOf(error, clock.now()))
    const timer = setTimeout(() => connection.socket.destroy(), LAST_WORDS_MS)
    connection.socket.once('close', () => clearTimeout(timer))
  }

  #lost(): void {
    this.#release(new PcgError('interrupted', 'the connection to the gateway was lost'))
  }

  /** Lets go of everything; false if that was done before. */
  #release(error: PcgError | null): boolean {
    if (this.#phase === 'ended') return false
    this.#phase = 'ended'
    clearInterval(this.#ticker)
    this.#unsubscribe()
    this.#ready = []
    this.#queries.close(
      new PcgError('unavailable', 'the gateway detached before it answered', {
        remedy: 'Try again when the gateway is connected.',
        cause: error,
      }),
    )
    this.#options.ended(error)
    return true
  }

  #failed(cause: unknown): void {
    this.end(PcgError.from(cause))
  }

  #take(frame: AttachRequest['frame']): void {
    switch (frame?.$case) {
      case 'ack':
        if (!this.#window.acknowledge(frame.value.sequence)) return
        this.#acknowledged = frame.value.sequence
        this.#acks.request()
        this.#pump.request()
        return
      case 'events':
        this.#queueEvents(frame.value.events)
        return
      case 'heartbeat':
        // A peer that sends without reading gets no replies that would pile up here.
        if (!frame.value.reply && !this.#options.call.writableNeedDrain) {
          this.#send({ $case: 'heartbeat', value: { nonce: frame.value.nonce, reply: true } })
        }
        return
      case 'answer':
        this.#queries.answered(frame.value)
        return
      case 'hello':
        throw new PcgError('invalid', 'the gateway said hello twice on one stream')
      case undefined:
        // A frame of a later protocol that we don't know: it counts as life.
        return
    }
  }

  /** Invariant 2. */
  async #deliver(): Promise<void> {
    const { sessions, peer, call } = this.#options
    while (this.#phase === 'attached' && !call.writableNeedDrain && this.#window.room > 0) {
      if (this.#ready.length === 0) {
        const read = sessions.deliveries(peer.identity, this.#window.lastSent, BATCH_ITEMS)
        this.#ready = Array.isArray(read) ? read : await read
        if (this.#ready.length === 0 || this.#phase !== 'attached') return
      }
      const batch = this.#window.take(this.#ready)
      if (batch.length === 0) return
      this.#ready = this.#ready.slice(batch.length)
      const deliveries = batch.map((delivery) => ({ ...delivery, payload: bufferOf(delivery.payload) }))
      this.#send({ $case: 'deliveries', value: { deliveries } })
    }
  }

  async #passAck(): Promise<void> {
    const { sessions, peer } = this.#options
    await sessions.acknowledged(peer.identity, this.epoch, this.#acknowledged)
  }

  #queueEvents(events: readonly OutgoingEvent[]): void {
    for (const event of events) {
      if (this.#lastEvent !== undefined && event.sequence !== this.#lastEvent + 1) {
        throw new PcgError('invalid', `event ${event.sequence} follows ${this.#lastEvent}: events come without gaps`)
      }
      this.#lastEvent = event.sequence
      this.#events.push(event)
      this.#eventBytes += event.payload.byteLength
    }
    const items = this.#events.length
    if (items > WINDOW_ITEMS || (items > 1 && this.#eventBytes > WINDOW_BYTES)) {
      throw new PcgError('invalid', 'the gateway sent more events unacknowledged than the protocol allows')
    }
    if (items > 0) this.#store.request()
  }

  /** Invariant 3. */
  async #storeEvents(): Promise<void> {
    const events = this.#events
    if (events.length === 0) return
    this.#events = []
    this.#eventBytes = 0
    const { sessions, peer, info } = this.#options
    const last = await sessions.events(peer.identity, this.epoch, info.journalId, events)
    this.#send({ $case: 'eventAck', value: { sequence: last } })
  }

  #tick(): void {
    const { connection, peer, sessions, clock } = this.#options
    const verdict = this.#monitor.tick(performance.now())
    switch (verdict) {
      case 'dead':
        // Nobody reads at the other end: words would only hold the socket.
        this.#lost()
        connection.socket.destroy()
        return
      case 'send':
        this.#nonce += 1
        this.#send({ $case: 'heartbeat', value: { nonce: this.#nonce, reply: false } })
        if (this.#heardSinceSeen) sessions.seen(peer.identity, this.epoch)
        this.#heardSinceSeen = false
        break
      case 'quiet':
        break
    }
    if (clock.now() > peer.endsMs) {
      const ended = new Date(peer.endsMs).toISOString()
      this.end(
        new PcgError('unauthenticated', `the gateway's certificate ended at ${ended}`, { subject: 'certificate' }),
      )
    } else if (!sessions.current(peer.identity, this.epoch)) {
      this.end(fenced(this.epoch, this.epoch))
    }
  }

  #send(frame: NonNullable<AttachResponse['frame']>): void {
    if (this.#phase !== 'ended') this.#options.call.write({ frame, epoch: this.epoch })
  }
}

/** The same bytes as a Buffer, not copied. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

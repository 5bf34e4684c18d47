/**
 * One try to attach and, once welcomed, the attached stream, at the gateway.
 *
 * Invariants
 * 1. Before Welcome nothing but hello is sent; after it, a frame of another epoch has no effect and ends the stream.
 *    A Welcome with an epoch that is not newer than the last one known is itself such a frame.
 * 2. A delivery is acknowledged only after the inbox has it on disk; one `accept` at a time, also across streams: `ended`
 *    resolves only when none is under way.
 * 3. Events go out in order behind what the broker has, bounded by the window, and stay in the outbox until acknowledged.
 * 4. The stream ends once; timers, listeners and answers are let go then.
 * 5. Silence of more than 1.5 heartbeats ends it, as does a Welcome that does not come in time.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { AnswerDesk } from './answer-desk.ts'
import { fenced } from './fencing.ts'
import { type AttachRequest, type AttachResponse, TunnelService, type Welcome } from './gen/pcg/tunnel/v1/tunnel.ts'
import type { CallEnd, Channel, Stream } from './grpc-channel.ts'
import { HeartbeatMonitor } from './heartbeat.ts'
import type { Answers, Inbox, Outbox, ReceivedDelivery } from './link-ports.ts'
import { BATCH_ITEMS, HEARTBEAT_BOUNDS_MS, PROTOCOL_VERSION, WINDOW_BYTES, WINDOW_ITEMS } from './protocol.ts'
import { SendWindow } from './send-window.ts'
import { SerialTask } from './serial-task.ts'

export interface LinkStreamOptions {
  readonly channel: Channel
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly answers: Answers
  readonly sealingKey: Uint8Array
  readonly version: string
  /** The newest epoch that this gateway had; Welcome's must be newer. */
  readonly lastEpoch: number
  readonly welcomeTimeoutMs: number
  readonly clock: Clock
  readonly welcomed: (welcome: Welcome) => void
}

export type StreamEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'drained'; readonly afterMs: number; readonly reason: string }
  | {
      readonly kind: 'failed'
      readonly error: PcgError
      readonly brokerNowMs: number | undefined
      readonly uptimeMs: number
    }

/** How long the broker has to end a stream that we finished. */
const LEAVE_MS = 2_000

interface Attached {
  readonly name: 'attached'
  readonly epoch: number
  readonly sinceMs: number
  readonly monitor: HeartbeatMonitor
  readonly ticker: NodeJS.Timeout
  readonly unsubscribe: () => void
  /** Of events. */
  readonly window: SendWindow
  /** Set once we are on our way out, with why. */
  leaving: StreamEnd | null
}

type Phase = { readonly name: 'greeting'; readonly timer: NodeJS.Timeout } | Attached | { readonly name: 'ended' }

export class LinkStream {
  /** How it ended; never rejects. */
  readonly ended: Promise<StreamEnd>
  readonly #options: LinkStreamOptions
  readonly #stream: Stream<AttachRequest>
  readonly #answers: AnswerDesk
  readonly #accept = new SerialTask(
    () => this.#acceptIncoming(),
    (cause) => this.#fail(cause),
  )
  readonly #release = new SerialTask(
    () => this.#releaseEvents(),
    (cause) => this.#fail(cause),
  )
  readonly #pump = new SerialTask(
    async () => this.#sendEvents(),
    (cause) => this.#fail(cause),
  )
  #phase: Phase
  #resolve: (end: StreamEnd) => void = () => {}
  #incoming: ReceivedDelivery[] = []
  #incomingBytes = 0
  #lastReceived = 0
  #eventsHeld = 0
  #nonce = 0
  #roomWaiters: { resolve: () => void; reject: (cause: unknown) => void }[] = []
  #leaveTimer: NodeJS.Timeout | undefined

  constructor(options: LinkStreamOptions) {
    this.#options = options
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#phase = {
      name: 'greeting',
      timer: setTimeout(
        () =>
          this.#fail(new PcgError('timeout', `the broker did not welcome us within ${options.welcomeTimeoutMs} ms`)),
        options.welcomeTimeoutMs,
      ),
    }
    this.#answers = new AnswerDesk({
      answers: options.answers,
      send: (answer) => this.#send({ $case: 'answer', value: answer }),
      room: () => new Promise((resolve, reject) => this.#roomWaiters.push({ resolve, reject })),
    })
    this.#stream = options.channel.stream(TunnelService.attach, {
      message: (response) => this.#receive(response),
      drained: () => this.#drained(),
      ended: (end) => this.#callEnded(end),
    })
    const hello = {
      protocolVersion: PROTOCOL_VERSION,
      version: options.version,
      lastDelivery: options.inbox.lastDelivery(),
      sealingKey: Buffer.from(options.sealingKey),
      journalId: options.inbox.journalId,
    }
    this.#stream.send({ frame: { $case: 'hello', value: hello }, epoch: 0 })
  }

  /** Goes in good order: what was received is accepted and acknowledged first. */
  leave(): void {
    this.#leave({ kind: 'left' })
  }

  /** Ends at once. */
  abort(error: PcgError): void {
    this.#fail(error)
  }

  #leave(as: StreamEnd): void {
    const phase = this.#phase
    if (phase.name === 'greeting') this.#end(as)
    if (phase.name !== 'attached' || phase.leaving !== null) return
    phase.leaving = as
    this.#leaveTimer = setTimeout(() => this.#end(as), LEAVE_MS)
    void this.#accept.idle().then(() => this.#stream.finish())
  }

  #callEnded(end: CallEnd): void {
    const phase = this.#phase
    if (phase.name === 'attached' && phase.leaving !== null) this.#end(phase.leaving)
    else if (end.ok) this.#end(this.#failure(new PcgError('interrupted', 'the broker ended the stream'), undefined))
    else this.#end(this.#failure(end.error, end.brokerNowMs))
  }

  #fail(cause: unknown): void {
    this.#end(this.#failure(PcgError.from(cause), undefined))
  }

  #failure(error: PcgError, brokerNowMs: number | undefined): StreamEnd {
    const phase = this.#phase
    const uptimeMs = phase.name === 'attached' ? performance.now() - phase.sinceMs : 0
    return { kind: 'failed', error, brokerNowMs, uptimeMs }
  }

  /** Invariant 4. */
  #end(end: StreamEnd): void {
    const phase = this.#phase
    if (phase.name === 'ended') return
    this.#phase = { name: 'ended' }
    switch (phase.name) {
      case 'greeting':
        clearTimeout(phase.timer)
        break
      case 'attached':
        clearInterval(phase.ticker)
        phase.unsubscribe()
        break
    }
    clearTimeout(this.#leaveTimer)
    this.#incoming = []
    this.#answers.close()
    const gone = new PcgError('cancelled', 'the stream ended')
    for (const waiter of this.#roomWaiters.splice(0)) waiter.reject(gone)
    this.#options.channel.close()
    void Promise.all([this.#accept.idle(), this.#release.idle()]).then(() => this.#resolve(end))
  }

  #receive(response: AttachResponse): void {
    const phase = this.#phase
    switch (phase.name) {
      case 'greeting':
        this.#welcome(response, phase.timer)
        return
      case 'attached':
        if (response.epoch !== phase.epoch) {
          this.#fail(fenced(response.epoch, phase.epoch))
          return
        }
        phase.monitor.heard(performance.now())
        this.#take(response.frame, phase)
        return
      case 'ended':
        return
    }
  }

  #welcome(response: AttachResponse, timer: NodeJS.Timeout): void {
    const { lastEpoch, outbox } = this.#options
    if (response.frame?.$case !== 'welcome') {
      this.#fail(new PcgError('interrupted', 'the broker sent a frame before Welcome'))
      return
    }
    const welcome = response.frame.value
    if (welcome.epoch !== response.epoch || welcome.epoch <= lastEpoch) {
      this.#fail(fenced(welcome.epoch, lastEpoch))
      return
    }
    clearTimeout(timer)
    const { min, max } = HEARTBEAT_BOUNDS_MS
    const intervalMs = Math.min(max, Math.max(min, welcome.heartbeatIntervalMs))
    const nowMs = performance.now()
    const monitor = new HeartbeatMonitor(intervalMs, nowMs)
    this.#phase = {
      name: 'attached',
      epoch: welcome.epoch,
      sinceMs: nowMs,
      monitor,
      ticker: setInterval(() => this.#tick(monitor), monitor.tickMs),
      unsubscribe: outbox.onAppended(() => this.#pump.request()),
      window: new SendWindow(welcome.lastEvent),
      leaving: null,
    }
    this.#eventsHeld = welcome.lastEvent
    if (welcome.lastEvent > 0) this.#release.request()
    this.#options.welcomed(welcome)
    this.#pump.request()
  }

  #take(frame: AttachResponse['frame'], phase: Attached): void {
    switch (frame?.$case) {
      case 'deliveries':
        this.#queueDeliveries(frame.value.deliveries)
        return
      case 'eventAck':
        // The broker may have later ones already, from before a cut.
        if (!phase.window.acknowledge(Math.min(frame.value.sequence, phase.window.lastSent))) return
        this.#eventsHeld = Math.max(this.#eventsHeld, frame.value.sequence)
        this.#release.request()
        this.#pump.request()
        return
      case 'heartbeat':
        if (!frame.value.reply) {
          this.#send({ $case: 'heartbeat', value: { nonce: frame.value.nonce, reply: true } })
        }
        return
      case 'query':
        this.#answers.asked(frame.value)
        return
      case 'queryCancel':
        this.#answers.cancelled(frame.value.id)
        return
      case 'drain':
        this.#leave({ kind: 'drained', afterMs: frame.value.reconnectAfterMs, reason: frame.value.reason })
        return
      case 'welcome':
        this.#fail(new PcgError('interrupted', 'the broker welcomed us twice on one stream'))
        return
      case undefined:
        // A frame of a later protocol that we don't know: it counts as life.
        return
    }
  }

  #queueDeliveries(deliveries: readonly ReceivedDelivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.sequence <= this.#lastReceived) {
        this.#fail(new PcgError('interrupted', `delivery ${delivery.sequence} follows ${this.#lastReceived}`))
        return
      }
      this.#lastReceived = delivery.sequence
      this.#incoming.push(delivery)
      this.#incomingBytes += delivery.payload.byteLength
    }
    const items = this.#incoming.length
    if (items > WINDOW_ITEMS || (items > 1 && this.#incomingBytes > WINDOW_BYTES)) {
      this.#fail(new PcgError('interrupted', 'the broker sent more deliveries unacknowledged than the protocol allows'))
      return
    }
    this.#accept.request()
  }

  /** Invariant 2: what came while the last batch was on its way to disk makes the next batch. */
  async #acceptIncoming(): Promise<void> {
    const batch = this.#incoming
    const last = batch.at(-1)
    if (last === undefined) return
    this.#incoming = []
    this.#incomingBytes = 0
    const onDisk = await this.#options.inbox.accept(batch)
    // The inbox may hold more than this broker ever sent us on this stream.
    this.#send({ $case: 'ack', value: { sequence: Math.min(onDisk, last.sequence) } })
  }

  async #releaseEvents(): Promise<void> {
    await this.#options.outbox.acknowledged(this.#eventsHeld)
  }

  /** Invariant 3. */
  #sendEvents(): void {
    const phase = this.#phase
    if (phase.name !== 'attached') return
    const { window } = phase
    while (this.#phase === phase && phase.leaving === null && window.room > 0) {
      const waiting = this.#options.outbox.read(window.lastSent, Math.min(BATCH_ITEMS, window.room))
      const batch = window.take(waiting)
      if (batch.length === 0) return
      const events = batch.map((event) => ({ ...event, payload: Buffer.from(event.payload) }))
      // Full: `drained` goes on from here.
      if (!this.#send({ $case: 'events', value: { events } })) return
    }
  }

  #drained(): void {
    for (const waiter of this.#roomWaiters.splice(0)) waiter.resolve()
    this.#pump.request()
  }

  #tick(monitor: HeartbeatMonitor): void {
    switch (monitor.tick(performance.now())) {
      case 'dead':
        this.#fail(
          new PcgError('timeout', 'the broker fell silent: the path to it is dead, or the broker hangs', {
            remedy: 'The gateway reconnects by itself; if it goes on, check the network in between.',
          }),
        )
        return
      case 'send':
        this.#nonce += 1
        this.#send({ $case: 'heartbeat', value: { nonce: this.#nonce, reply: false } })
        return
      case 'quiet':
        return
    }
  }

  #send(frame: NonNullable<AttachRequest['frame']>): boolean {
    return this.#phase.name === 'attached' ? this.#stream.send({ frame, epoch: this.#phase.epoch }) : true
  }
}

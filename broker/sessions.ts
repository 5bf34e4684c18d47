/**
 * Gateways' sessions: what the tunnel's endpoint asks of the broker.
 *
 * Invariants
 * 1. Epochs rise with each attach, on disk before the session is granted; frames of an older one have no effect.
 * 2. An event has its effect once: the cursor moves in the transaction that applies it, for the journal that it came from.
 * 3. A journal that is new here (the gateway's first, or its disk was replaced), or that has less than it acknowledged (it was set
 *    back), gets all desired state, and nothing that was published before: that may be for another one. So does a gateway that has
 *    more than this broker ever sent, since the broker was set back.
 * 4. Commands leave the log after they were acknowledged only.
 */
import { type Clock, timestamp } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { AttachRequestInfo, GatewaySessions, Session } from '../tunnel/endpoint-ports.ts'
import { type GatewayIdentity, gatewayKey } from '../tunnel/identity.ts'
import type { OutgoingEvent, ReceivedDelivery } from '../tunnel/link-ports.ts'
import { refuseCertificate } from './certificates.ts'
import type { DesiredState } from './desired-state.ts'
import { commandTopic, type MessageLog } from './log/message-log.ts'
import { parseReport } from './report-schema.ts'
import type { ReportWriter } from './reports.ts'
import type { BrokerStore } from './store/broker-store.ts'
import type { CommandOutbox } from './store/command-outbox.ts'
import type { GatewayRecord } from './store/gateway-store.ts'

/** The consumer of a gateway's command topic. */
export const GATEWAY_CONSUMER = 'gateway'

const DELIVERY_BYTES = 1 << 20
/** Acknowledged commands that gather before they are trimmed. */
const TRIM_EVERY = 2_000
/** How often a sign of life is written down. */
const SEEN_EVERY_MS = 30_000

export interface SessionsOptions {
  readonly store: BrokerStore
  readonly messages: MessageLog
  readonly outbox: CommandOutbox
  readonly desired: DesiredState
  readonly reports: ReportWriter
  readonly clock: Clock
  readonly log: Log
}

interface LiveSession {
  readonly epoch: number
  seenMs: number
  savedMs: number
  trimmed: number
}

export class Sessions implements GatewaySessions {
  readonly #options: SessionsOptions
  readonly #live = new Map<string, LiveSession>()

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** To be called once at the start, before gateways come: nobody is attached yet. */
  async reset(): Promise<void> {
    const { database, gateways, resources } = this.#options.store
    await database.write(() => {
      for (const { tenant, gateway } of gateways.disconnectAll())
        resources.touch(tenant, { kind: 'Gateway', name: gateway })
    })
  }

  async authorize(identity: GatewayIdentity, serial: string): Promise<void> {
    const { database, gateways } = this.#options.store
    refuseCertificate(gateways, identity, serial)
    // The gateway has the newer certificate in use, so the older ones are done with.
    if (gateways.hasOlderSerials(identity, serial))
      await database.write(() => gateways.dropOlderSerials(identity, serial))
  }

  async attach(identity: GatewayIdentity, info: AttachRequestInfo): Promise<Session> {
    const { store, messages, outbox, desired, clock } = this.#options
    const topic = topicOf(identity)
    const [bounds, acknowledged] = await Promise.all([
      messages.bounds(topic),
      messages.acknowledged(topic, GATEWAY_CONSUMER),
    ])
    // How much the gateway has that this broker doesn't know of: its database was restored from a backup.
    const ahead = Math.max(0, info.lastDelivery - bounds.last)
    if (ahead > 0) await messages.skip(topic, info.lastDelivery)
    const last = bounds.last + ahead
    const session = await store.database.write((): Session => {
      const before = store.gateways.get(identity)
      if (before === undefined || before.revoked) throw unknownGateway(identity)
      const isNew = before.journalId !== info.journalId
      // What was acknowledged up to the floor, another journal had.
      const setBack = !isNew && info.lastDelivery < acknowledged && acknowledged > before.resumeFloor
      const resends = isNew || setBack || ahead > 0
      const resumeFloor = resends ? last : before.resumeFloor
      const epoch = store.gateways.attach(identity, {
        journalId: info.journalId,
        resumeFloor,
        version: info.version.slice(0, 100),
        sealingKey: Buffer.from(info.sealingKey).toString('base64'),
        certificateEnds: info.certificateEnds,
        now: timestamp(clock),
      })
      // Its machines it tells of anew; what the lost journal knew more of is no longer looked after by anybody.
      if (isNew && before.journalId !== null) desired.dropMachines(identity)
      if (resends) {
        const commands = desired.resend(identity, ahead)
        const again = `: ${commands} commands are sent again`
        if (ahead > 0)
          this.#note(
            identity,
            'warning',
            'BrokerRestored',
            `it has ${ahead} commands that this broker does not know of${again}`,
          )
        else if (before.journalId !== null)
          this.#note(
            identity,
            'warning',
            'JournalReplaced',
            `its journal is ${isNew ? 'another' : 'older'} than before${again}`,
          )
      }
      if (!before.connected)
        this.#note(identity, 'info', 'Connected', `connected with version ${info.version.slice(0, 100)}`)
      return {
        epoch,
        resumeAfter: Math.max(info.lastDelivery, resumeFloor, bounds.trimmed),
        lastEvent: before.journalId === info.journalId ? before.eventCursor : 0,
      }
    })
    const now = clock.now()
    // One that came at the same time may have been granted later.
    if ((this.#live.get(gatewayKey(identity))?.epoch ?? 0) < session.epoch)
      this.#live.set(gatewayKey(identity), { epoch: session.epoch, seenMs: now, savedMs: now, trimmed: bounds.trimmed })
    void outbox.drain()
    return session
  }

  async detach(identity: GatewayIdentity, epoch: number): Promise<void> {
    const live = this.#liveOf(identity, epoch)
    if (live === undefined) return
    this.#live.delete(gatewayKey(identity))
    const { database, gateways } = this.#options.store
    await database.write(() => {
      if (gateways.detach(identity, epoch, new Date(live.seenMs).toISOString()))
        this.#note(identity, 'info', 'Disconnected', 'the tunnel is closed')
    })
    await this.#trim(identity, live)
  }

  current(identity: GatewayIdentity, epoch: number): boolean {
    return this.#liveOf(identity, epoch) !== undefined
  }

  /** Ends a gateway's session here, because it was revoked or deleted: none of its frames counts from now on. */
  fence(identity: GatewayIdentity): void {
    this.#live.delete(gatewayKey(identity))
  }

  /** How many commands wait for the gateway to acknowledge them. */
  async pending(identity: GatewayIdentity): Promise<number> {
    const { messages, store } = this.#options
    const topic = topicOf(identity)
    const [{ last }, acknowledged] = await Promise.all([
      messages.bounds(topic),
      messages.acknowledged(topic, GATEWAY_CONSUMER),
    ])
    return last - Math.max(acknowledged, store.gateways.get(identity)?.resumeFloor ?? 0)
  }

  seen(identity: GatewayIdentity, epoch: number): void {
    const live = this.#liveOf(identity, epoch)
    if (live === undefined) return
    const { clock, store, log } = this.#options
    live.seenMs = clock.now()
    if (live.seenMs - live.savedMs < SEEN_EVERY_MS) return
    live.savedMs = live.seenMs
    const time = new Date(live.seenMs).toISOString()
    store.database
      .write(() => store.gateways.setLastSeen(identity, time))
      .catch((cause) => log.warn({ err: cause, gateway: gatewayKey(identity) }, 'a sign of life was not written down'))
  }

  /** ISO 8601; undefined if it isn't attached here. */
  lastSeen(identity: GatewayIdentity): string | undefined {
    const live = this.#live.get(gatewayKey(identity))
    return live && new Date(live.seenMs).toISOString()
  }

  async deliveries(identity: GatewayIdentity, after: number, limit: number): Promise<ReceivedDelivery[]> {
    return this.#options.messages.read(topicOf(identity), { after, limit, maxBytes: DELIVERY_BYTES })
  }

  onPublished(identity: GatewayIdentity, listener: () => void): () => void {
    return this.#options.messages.onPublished(topicOf(identity), listener)
  }

  async acknowledged(identity: GatewayIdentity, epoch: number, sequence: number): Promise<void> {
    const live = this.#require(identity, epoch)
    await this.#options.messages.acknowledge(topicOf(identity), GATEWAY_CONSUMER, sequence)
    if (sequence - live.trimmed >= TRIM_EVERY) await this.#trim(identity, live)
  }

  async events(
    identity: GatewayIdentity,
    epoch: number,
    journalId: string,
    events: readonly OutgoingEvent[],
  ): Promise<number> {
    const { database, gateways } = this.#options.store
    return database.write(() => {
      this.#require(identity, epoch)
      const record = gateways.get(identity)
      if (record === undefined) throw unknownGateway(identity)
      if (record.journalId !== journalId)
        throw new PcgError('conflict', `events of journal ${journalId} came in a session of another`, {
          subject: identity.gateway,
          remedy: 'Attach anew.',
        })
      return this.#take(identity, record, events)
    })
  }

  /** Returns the last event that is stored. Only inside a transaction. */
  #take(identity: GatewayIdentity, { eventCursor }: GatewayRecord, events: readonly OutgoingEvent[]): number {
    const { store, reports, log } = this.#options
    let cursor = eventCursor
    for (const { sequence, payload, timeMs } of events) {
      if (sequence <= cursor) continue
      const report = parseReport(payload)
      if (report === undefined) log.warn({ gateway: gatewayKey(identity), sequence }, 'a report is not understood')
      else reports.write(identity, report, isoTime(timeMs))
      cursor = sequence
    }
    if (cursor > eventCursor) store.gateways.setEventCursor(identity, cursor)
    return cursor
  }

  async #trim(identity: GatewayIdentity, live: LiveSession): Promise<void> {
    const topic = topicOf(identity)
    const through = await this.#options.messages.acknowledged(topic, GATEWAY_CONSUMER)
    if (through <= live.trimmed) return
    live.trimmed = through
    await this.#options.messages.trim(topic, through)
  }

  /** Only inside a transaction. */
  #note(identity: GatewayIdentity, severity: 'info' | 'warning', reason: string, message: string): void {
    noteGateway(this.#options.store, identity, { severity, reason, message, time: timestamp(this.#options.clock) })
  }

  #liveOf(identity: GatewayIdentity, epoch: number): LiveSession | undefined {
    const live = this.#live.get(gatewayKey(identity))
    return live?.epoch === epoch ? live : undefined
  }

  #require(identity: GatewayIdentity, epoch: number): LiveSession {
    const live = this.#liveOf(identity, epoch)
    if (live !== undefined) return live
    throw new PcgError(
      'conflict',
      `epoch ${epoch} of gateway ${identity.gateway} is over: it attached again, or was revoked`,
      {
        subject: identity.gateway,
        remedy: 'Attach anew.',
      },
    )
  }
}

/** An event about a gateway, and a new revision of it. Only inside a transaction. */
export function noteGateway(
  store: BrokerStore,
  { tenant, gateway }: GatewayIdentity,
  event: { severity: 'info' | 'warning'; reason: string; message: string; time: string },
): void {
  store.resources.touch(tenant, { kind: 'Gateway', name: gateway })
  store.events.add(tenant, { kind: 'Gateway', name: gateway, gateway, traceId: '', ...event })
}

function unknownGateway(identity: GatewayIdentity): PcgError {
  return new PcgError('unauthenticated', `gateway ${identity.gateway} is revoked or deleted`, {
    subject: identity.gateway,
    remedy: 'Make a new join token for it, and enrol it again.',
  })
}

function topicOf({ tenant, gateway }: GatewayIdentity): string {
  return commandTopic(tenant, gateway)
}

/** A gateway's clock may say anything. */
function isoTime(ms: number): string {
  return new Date(Math.min(Math.max(0, ms), 8.64e15)).toISOString()
}

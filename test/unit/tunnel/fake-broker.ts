/** What stands behind the broker's endpoint in these tests: memory that keeps the promises of endpoint-ports.ts. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { AttachRequestInfo, EnrolmentRecords, GatewaySessions, Session } from '../../../tunnel/endpoint-ports.ts'
import { type GatewayIdentity, gatewayKey } from '../../../tunnel/identity.ts'
import { hashJoinToken } from '../../../tunnel/join-token.ts'
import type { OutgoingEvent, ReceivedDelivery } from '../../../tunnel/link-ports.ts'

interface Token {
  readonly identity: GatewayIdentity
  readonly expired: boolean
  /** SHA-256 of the key that it was spent for. */
  spentFor: string | undefined
}

export class FakeBroker implements GatewaySessions, EnrolmentRecords {
  readonly log: ReceivedDelivery[] = []
  readonly stored: OutgoingEvent[] = []
  readonly attached: (AttachRequestInfo & Session)[] = []
  readonly detached: number[] = []
  readonly serials = new Set<string>()
  readonly acks: number[] = []
  readonly revoked = new Set<string>()
  seenCount = 0
  epoch = 0
  /** Awaited before events are stored. */
  beforeEvents: () => Promise<void> = async () => {}
  /** The most that was ever read from the log ahead of the acknowledgements. */
  mostAhead = 0
  readonly #tokens = new Map<string, Token>()
  readonly #listeners = new Set<() => void>()

  allow(token: string, identity: GatewayIdentity, expired = false): void {
    this.#tokens.set(hashJoinToken(token), { identity, expired, spentFor: undefined })
  }

  publish(count: number, payload = Buffer.from('{}')): void {
    for (let n = 0; n < count; n += 1) {
      const sequence = this.log.length + 1
      this.log.push({ sequence, messageId: `m${sequence}`, payload, traceId: `t${sequence}` })
    }
    for (const listener of this.#listeners) listener()
  }

  async redeem(token: string, serial: string, _sealingKey: Uint8Array, keyHash: string): Promise<GatewayIdentity> {
    const known = this.#tokens.get(hashJoinToken(token))
    const remedy = { remedy: 'Make a new join token for this gateway.' }
    if (known === undefined) throw new PcgError('unauthenticated', 'the join token is unknown', remedy)
    if (known.spentFor !== undefined && known.spentFor !== keyHash)
      throw new PcgError('unauthenticated', 'the join token was used already', remedy)
    if (known.expired) throw new PcgError('unauthenticated', 'the join token has expired', remedy)
    known.spentFor = keyHash
    this.serials.clear()
    this.serials.add(serial)
    return known.identity
  }

  async renewed(_identity: GatewayIdentity, _oldSerial: string, newSerial: string): Promise<void> {
    this.serials.add(newSerial)
  }

  async authorize(identity: GatewayIdentity, serial: string): Promise<void> {
    if (!this.serials.has(serial) || this.revoked.has(gatewayKey(identity))) {
      throw new PcgError('unauthenticated', 'the certificate was revoked', {
        remedy: 'Make a new join token for this gateway and enrol it again.',
      })
    }
  }

  async attach(_identity: GatewayIdentity, info: AttachRequestInfo): Promise<Session> {
    this.epoch += 1
    const session = {
      epoch: this.epoch,
      resumeAfter: info.lastDelivery,
      lastEvent: this.stored.at(-1)?.sequence ?? 0,
    }
    this.attached.push({ ...info, ...session })
    return session
  }

  async detach(_identity: GatewayIdentity, epoch: number): Promise<void> {
    this.detached.push(epoch)
  }

  current(_identity: GatewayIdentity, epoch: number): boolean {
    return epoch === this.epoch
  }

  seen(): void {
    this.seenCount += 1
  }

  async deliveries(_identity: GatewayIdentity, after: number, limit: number): Promise<ReceivedDelivery[]> {
    const read = this.log.slice(after, after + limit)
    this.mostAhead = Math.max(this.mostAhead, after + read.length - (this.acks.at(-1) ?? 0))
    return read
  }

  onPublished(_identity: GatewayIdentity, listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get listeners(): number {
    return this.#listeners.size
  }

  async acknowledged(_identity: GatewayIdentity, _epoch: number, sequence: number): Promise<void> {
    this.acks.push(sequence)
  }

  async events(_i: GatewayIdentity, epoch: number, _j: string, events: readonly OutgoingEvent[]): Promise<number> {
    await this.beforeEvents()
    if (this.detached.includes(epoch)) throw new PcgError('conflict', `session ${epoch} is detached`)
    for (const event of events) {
      if (event.sequence > (this.stored.at(-1)?.sequence ?? 0)) this.stored.push(event)
    }
    return this.stored.at(-1)?.sequence ?? 0
  }
}

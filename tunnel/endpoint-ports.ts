/** What the broker's end of the tunnel needs from the broker. */
import type { GatewayIdentity } from './identity.ts'
import type { OutgoingEvent, ReceivedDelivery } from './link-ports.ts'

export interface AttachRequestInfo {
  readonly version: string
  readonly journalId: string
  readonly lastDelivery: number
  readonly sealingKey: Uint8Array
  /** ISO 8601: when the certificate of this connection ends. */
  readonly certificateEnds: string
}

/** A gateway's session as the broker granted it. */
export interface Session {
  /** Larger than that of every session before, of this gateway, on any replica. */
  readonly epoch: number
  /** Deliveries begin behind this one. */
  readonly resumeAfter: number
  /** The last event of this journal that the broker has. */
  readonly lastEvent: number
}

export interface GatewaySessions {
  /** Whether the certificate with this serial number (hex) still counts. Throws `unauthenticated` with the remedy if not. */
  authorize(identity: GatewayIdentity, serial: string): Promise<void>
  /** Grants a session, and fences every older one. */
  attach(identity: GatewayIdentity, info: AttachRequestInfo): Promise<Session>
  detach(identity: GatewayIdentity, epoch: number): Promise<void>
  /** Whether this epoch is still the gateway's newest. */
  current(identity: GatewayIdentity, epoch: number): boolean
  /** A sign of life, at most one each heartbeat. */
  seen(identity: GatewayIdentity, epoch: number): void

  /** Commands behind `after`, in order, at most `limit`, and at most about 1 MiB of payload (one at least). */
  deliveries(identity: GatewayIdentity, after: number, limit: number): ReceivedDelivery[] | Promise<ReceivedDelivery[]>
  /** Calls `listener` after each durable publish for this gateway; returns how to stop. */
  onPublished(identity: GatewayIdentity, listener: () => void): () => void
  /** All up to `sequence` are in the gateway's journal. */
  acknowledged(identity: GatewayIdentity, epoch: number, sequence: number): Promise<void>
  /** Stores the events it doesn't have yet; resolves when durable with the last one that it has. */
  events(identity: GatewayIdentity, epoch: number, journalId: string, events: readonly OutgoingEvent[]): Promise<number>
}

export interface EnrolmentRecords {
  /**
   * Spends a one-time token for the key whose SHA-256 (of its SPKI in DER, hex) is given. The reply may be lost: till its end the
   * token counts for that same key again, and makes the serials from before void. Throws `unauthenticated` if it is unknown, spent
   * for another key, or expired (and says which, with the remedy).
   */
  redeem(token: string, serial: string, sealingKey: Uint8Array, keyHash: string): Promise<GatewayIdentity>
  /**
   * Remembers a renewed certificate beside `oldSerial`, which goes on counting until the new one was used to attach (the
   * reply may be lost, and the gateway then has only the old one). Throws as `GatewaySessions.authorize` does.
   */
  renewed(identity: GatewayIdentity, oldSerial: string, newSerial: string): Promise<void>
}

/** How the broker asks an attached gateway. */
export interface GatewayQueries {
  /** Rejects `unavailable` when the gateway isn't attached, `timeout`, or with the gateway's own failure. */
  ask(
    identity: GatewayIdentity,
    payload: Uint8Array,
    options: { timeoutMs: number; traceId: string; signal: AbortSignal },
  ): Promise<Uint8Array>
}

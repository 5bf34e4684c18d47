/** What the gateway's end of the tunnel needs from the gateway. */

export interface ReceivedDelivery {
  readonly sequence: number
  readonly messageId: string
  readonly payload: Uint8Array
  readonly traceId: string
}

export interface OutgoingEvent {
  readonly sequence: number
  readonly payload: Uint8Array
  readonly timeMs: number
}

export interface Inbox {
  readonly journalId: string
  /** The last delivery on disk. */
  lastDelivery(): number
  /** Journals the deliveries in order, skipping what is there already; resolves after fsync with the last one on disk. */
  accept(deliveries: readonly ReceivedDelivery[]): Promise<number>
}

export interface Outbox {
  /** Events behind `after`, in order, at most `limit`. */
  read(after: number, limit: number): OutgoingEvent[]
  /** All up to `sequence` are with the broker: they may go. */
  acknowledged(sequence: number): Promise<void>
  /** Calls `listener` after each commit that appended events; returns how to stop. */
  onAppended(listener: () => void): () => void
}

export interface Answers {
  /** Answers a tenant's question; a PcgError becomes the Failure that the tenant reads. */
  answer(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
}

export type LinkState =
  | { readonly phase: 'connecting'; readonly failures: number; readonly lastError?: string }
  | {
      readonly phase: 'attached'
      readonly epoch: number
      readonly sinceMs: number
      /** The broker's clock less ours; large when one of them is wrong. */
      readonly clockOffsetMs?: number
    }
  | { readonly phase: 'refused'; readonly message: string; readonly remedy: string }
  | { readonly phase: 'closed' }

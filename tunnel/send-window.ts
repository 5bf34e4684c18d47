/**
 * What is under way and not acknowledged, bounded in items and bytes: a slow peer costs this much memory and no more.
 *
 * Invariants
 * 1. Sequences go out ascending, and an acknowledgement covers all up to its own.
 * 2. With something unacknowledged, nothing goes out that would exceed the bounds; an empty window takes one item of any size.
 */
import { PcgError } from '../runtime/pcg-error.ts'
import { BATCH_BYTES, BATCH_ITEMS, WINDOW_BYTES, WINDOW_ITEMS } from './protocol.ts'

export interface Sized {
  readonly sequence: number
  readonly payload: Uint8Array
}

export class SendWindow {
  #sent: { sequence: number; bytes: number }[] = []
  /** How many of `#sent` are acknowledged; they are dropped now and then in one go. */
  #released = 0
  #bytes = 0
  #lastSent: number
  #lastAcknowledged: number

  /** `after`: the sequence that the other end has already. */
  constructor(after: number) {
    this.#lastSent = after
    this.#lastAcknowledged = after
  }

  get lastSent(): number {
    return this.#lastSent
  }

  get items(): number {
    return this.#sent.length - this.#released
  }

  /** How many items the window takes still, bytes aside. */
  get room(): number {
    if (this.#bytes >= WINDOW_BYTES) return 0
    return Math.max(0, WINDOW_ITEMS - this.items)
  }

  /** The next batch from the front of `waiting`, entered as sent; empty when the window is full. */
  take<T extends Sized>(waiting: readonly T[]): T[] {
    const batch: T[] = []
    let batchBytes = 0
    for (const item of waiting) {
      const bytes = item.payload.byteLength
      if (batch.length >= BATCH_ITEMS || (batch.length > 0 && batchBytes + bytes > BATCH_BYTES)) break
      if (this.items >= WINDOW_ITEMS || (this.items > 0 && this.#bytes + bytes > WINDOW_BYTES)) break
      if (item.sequence <= this.#lastSent) {
        throw new PcgError('internal', `sequence ${item.sequence} follows ${this.#lastSent}`)
      }
      batch.push(item)
      batchBytes += bytes
      this.#sent.push({ sequence: item.sequence, bytes })
      this.#bytes += bytes
      this.#lastSent = item.sequence
    }
    return batch
  }

  /** All up to `sequence` arrived. Throws `invalid` for one that was never sent. False when it says nothing new. */
  acknowledge(sequence: number): boolean {
    if (sequence > this.#lastSent) {
      throw new PcgError('invalid', `${sequence} was acknowledged, but only ${this.#lastSent} was sent`)
    }
    if (sequence <= this.#lastAcknowledged) return false
    this.#lastAcknowledged = sequence
    for (let next = this.#sent[this.#released]; next !== undefined && next.sequence <= sequence; ) {
      this.#bytes -= next.bytes
      this.#released += 1
      next = this.#sent[this.#released]
    }
    if (this.#released > WINDOW_ITEMS) {
      this.#sent = this.#sent.slice(this.#released)
      this.#released = 0
    }
    return true
  }
}

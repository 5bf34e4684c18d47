/** What both ends agree on, beside the frames themselves (proto/pcg/tunnel/v1/tunnel.proto). */

export const PROTOCOL_VERSION = 1
/** Those that this broker speaks. */
export const PROTOCOL_VERSIONS: readonly number[] = [1]

/** Of one gRPC message, either way. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** A batch closes at this many items or bytes of payload, whichever comes first. */
export const BATCH_ITEMS = 256
export const BATCH_BYTES = 256 * 1024
/** What may be under way unacknowledged on one stream, either way: nobody buffers more for a slow peer. */
export const WINDOW_ITEMS = 2_048
export const WINDOW_BYTES = 1024 * 1024
/** An answer travels in parts of this size, so that heartbeats and acks pass between them. */
export const ANSWER_PART_BYTES = 64 * 1024
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Questions that one gateway may have open. */
export const MAX_OPEN_QUERIES = 64

/** From the dial to Welcome, and for a unary call. */
export const DIAL_TIMEOUT_MS = 15_000
/** The bounds within which a gateway takes the broker's heartbeat interval. */
export const HEARTBEAT_BOUNDS_MS = { min: 50, max: 300_000 } as const

/** ALPN. A later protocol on the same port gets its own name. */
export const ALPN_CONTROL = 'h2'

/** How long a gateway that was told that its stream ends has to read that, before its connection is closed. */
export const LAST_WORDS_MS = 1_000

/** gRPC's length-prefixed messages ("PROTOCOL-HTTP2", section Length-Prefixed-Message): flag, 4-byte length, message. */
import { PcgError } from '../runtime/pcg-error.ts'
import { MAX_MESSAGE_BYTES } from './protocol.ts'

const PREFIX_BYTES = 5

/** The message with its prefix, uncompressed. */
export function prefixed(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  framed.writeUInt8(0, 0)
  framed.writeUInt32BE(message.length, 1)
  message.copy(framed, PREFIX_BYTES)
  return framed
}

/** Puts messages together from chunks that are cut anywhere. A message inside one chunk is not copied. */
export class MessageReader {
  #chunks: Buffer[] = []
  #bytes = 0

  /** Calls `each` for every message that `chunk` completes, in order. Throws `invalid` for one that is compressed or too large. */
  push(chunk: Buffer, each: (message: Buffer) => void): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    let needed = this.#needed()
    if (this.#bytes < needed) return
    let rest = this.#joined()
    while (rest.length >= needed && rest.length >= PREFIX_BYTES) {
      each(rest.subarray(PREFIX_BYTES, needed))
      rest = rest.subarray(needed)
      needed = neededBy(rest)
    }
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
  }

  /** The bytes until the first message is whole, its prefix included. */
  #needed(): number {
    if (this.#bytes < PREFIX_BYTES) return PREFIX_BYTES
    const [first] = this.#chunks
    return neededBy(first !== undefined && first.length >= PREFIX_BYTES ? first : this.#joined())
  }

  #joined(): Buffer {
    const [only] = this.#chunks
    if (only !== undefined && this.#chunks.length === 1) return only
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}

function neededBy(buffer: Buffer): number {
  if (buffer.length < PREFIX_BYTES) return PREFIX_BYTES
  if (buffer.readUInt8(0) !== 0) throw new PcgError('invalid', 'a message is compressed, which was not agreed on')
  const length = buffer.readUInt32BE(1)
  if (length > MAX_MESSAGE_BYTES) {
    throw new PcgError('invalid', `a message of ${length} bytes is larger than the ${MAX_MESSAGE_BYTES} allowed`)
  }
  return PREFIX_BYTES + length
}

import { gzipSync } from 'node:zlib'
import { PcgError } from '../../../runtime/pcg-error.ts'

/** Of the base64 text (nova's API reference, `user_data`). */
const MAX_LENGTH = 65_535

/** As nova takes it. Packed where it is too long else: cloud-init unpacks what begins like gzip. Throws `invalid` if that doesn't help. */
export function encodeUserData(userData: string): string {
  const plain = Buffer.from(userData).toString('base64')
  if (plain.length <= MAX_LENGTH) return plain
  const packed = gzipSync(userData).toString('base64')
  if (packed.length <= MAX_LENGTH) return packed
  throw new PcgError(
    'invalid',
    `the user-data has ${packed.length} bytes, packed and in base64; nova takes ${MAX_LENGTH}`,
    {
      subject: 'user-data',
      remedy: 'Make the files and scripts of the cluster profile smaller, or let the guest download them.',
    },
  )
}

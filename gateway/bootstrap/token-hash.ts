import { timingSafeEqual } from 'node:crypto'

/** Whether two hashes in hex are the same; takes as long whatever they are. */
export function sameHash(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')]
  return first.length === second.length && timingSafeEqual(first, second)
}

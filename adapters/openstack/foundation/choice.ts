/**
 * Which of several objects with the same mark counts. Several there are after a reply was lost, or two gateways raced. Pure,
 * and the same for whoever looks: what is used goes before what isn't, then the oldest, then the lowest id.
 */
import type { Found } from './foundation-observed.ts'

export interface Choice<T extends Found> {
  readonly chosen: T | undefined
  /** Those that can go, because nothing uses them. */
  readonly surplus: readonly T[]
}

export function choose<T extends Found>(candidates: readonly T[]): Choice<T> {
  const [chosen, ...others] = candidates.toSorted(before)
  return { chosen, surplus: others.filter(({ used }) => !used) }
}

function before(one: Found, other: Found): number {
  if (one.used !== other.used) return one.used ? -1 : 1
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? -1 : 1
  return one.id < other.id ? -1 : 1
}

/**
 * How often a machine failed to be built: for each time a tag on its port, with the id of what failed, so that it is counted once
 * however often it is told. It survives the gateway, and goes with the machine. Pure.
 */
import { backoffMs } from '../../../runtime/backoff.ts'

/** From so many failures on a person should look. */
export const MAX_FAILURES = 5

const BACKOFF = { firstMs: 2_000, maxMs: 60_000, factor: 2 }
const TAG = /^pcg-failed\.(.+)$/

/** @param id of the server or volume */
export function failureTag(id: string): string {
  return `pcg-failed.${id}`
}

export function failuresIn(tags: readonly string[]): number {
  return tags.filter((tag) => TAG.test(tag)).length
}

/** How long to wait after so many failures. */
export function retryAfterMs(failures: number): number {
  return backoffMs(BACKOFF, failures)
}

import { setTimeout as sleepFor } from 'node:timers/promises'

/** Time, handed in so that tests can set it. */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason (an AbortError) when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleepFor(ms, undefined, { signal }),
}

/** `2026-11-22T17:00:00.000Z` */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}

import type { Clock } from '../runtime/clock.ts'

/** Timers take 31 bits of milliseconds, 24.8 days; one that is set for longer fires at once. */
const LONGEST_MS = 86_400_000

/** Sleeps for any length of time. Rejects as `clock.sleep` does when `signal` aborts. */
export async function sleepLong(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= LONGEST_MS) await clock.sleep(Math.min(left, LONGEST_MS), signal)
}

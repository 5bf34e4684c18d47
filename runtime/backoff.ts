export interface BackoffPolicy {
  readonly firstMs: number
  readonly maxMs: number
  /** Growth for each failure. */
  readonly factor: number
}

/**
 * The delay before the try after `failures` failures in a row (1 or more), with ±50 % jitter so that
 * a thousand that failed together don't come back together.
 */
export function backoffMs(policy: BackoffPolicy, failures: number, random: () => number = Math.random): number {
  const base = Math.min(policy.maxMs, policy.firstMs * policy.factor ** (failures - 1))
  return Math.round(base * (0.5 + random()))
}

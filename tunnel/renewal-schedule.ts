/** When a certificate is renewed. Pure; the time is always the broker's, since a gateway's own clock may be years off. */

/** A renewal never follows the one before sooner, whatever the clocks say. */
export const RENEWAL_FLOOR_MS = 1_000
/** Spreads gateways that enrolled together, as a share of the certificate's life. */
const SPREAD = 0.05

/** Two thirds of the certificate's life, ms since 1970. */
export function renewAtMs(beginsMs: number, endsMs: number): number {
  return beginsMs + ((endsMs - beginsMs) * 2) / 3
}

export interface RenewalInput {
  readonly beginsMs: number
  readonly endsMs: number
  /** The broker's clock now, as it just told. */
  readonly brokerNowMs: number
  readonly random: () => number
}

/** How long to wait until the renewal, ms: to two thirds of the life and up to 5 % of it more, at least a second. */
export function renewalDelayMs(input: RenewalInput): number {
  const due = renewAtMs(input.beginsMs, input.endsMs) - input.brokerNowMs
  const spread = (input.endsMs - input.beginsMs) * SPREAD * input.random()
  return Math.max(RENEWAL_FLOOR_MS, Math.round(due + spread))
}

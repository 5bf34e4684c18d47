/** Microversions, `2.93`: two numbers, not a fraction. Pure. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { MicroversionRange } from './service-type.ts'

export interface Supported {
  readonly min: string
  readonly max: string
}

/** Negative if `left` is older. */
export function compareMicroversions(left: string, right: string): number {
  const [leftMajor, leftMinor] = numbers(left)
  const [rightMajor, rightMinor] = numbers(right)
  return leftMajor - rightMajor || leftMinor - rightMinor
}

export function isMicroversion(text: string | undefined): text is string {
  return text !== undefined && /^\d+\.\d+$/.test(text)
}

/**
 * The newest that both sides know, or the one that a call needs if that is newer.
 * @param needed by one call. Throws an error that names what is needed and what there is.
 */
export function negotiate(service: string, known: MicroversionRange, supported: Supported, needed?: string): string {
  const least = needed !== undefined && older(known.min, needed) ? needed : known.min
  const newest = older(supported.max, known.max) ? supported.max : known.max
  const chosen = older(newest, least) ? least : newest
  if (older(supported.max, chosen)) {
    throw new PcgError(
      'invalid',
      `the ${service} service knows microversions up to ${supported.max}; ${least} is needed`,
      {
        subject: `spec.endpoints.${service}`,
        remedy: `Use a cloud whose ${service} service has microversion ${least}.`,
      },
    )
  }
  if (older(chosen, supported.min)) {
    throw new PcgError(
      'invalid',
      `the ${service} service knows microversions from ${supported.min}; this client up to ${known.max}`,
      {
        subject: `spec.endpoints.${service}`,
        remedy: 'Update the gateway.',
      },
    )
  }
  return chosen
}

function older(left: string, right: string): boolean {
  return compareMicroversions(left, right) < 0
}

function numbers(version: string): readonly [number, number] {
  const [major, minor] = version.split('.')
  return [Number(major ?? 0), Number(minor ?? 0)]
}

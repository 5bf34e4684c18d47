/** What the steps of a foundation come to, beside the faults that every step may meet. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { Outcome } from '../../adapter.ts'
import { faultOf } from '../client/openstack-fault.ts'

export const DONE: Outcome = { kind: 'done' }

/** What it stands on is not there (any more): the next plan has that first. */
export function notThere(what: string): Outcome {
  return { kind: 'unknown', message: `${what} is not there` }
}

export function fatal(reason: string, message: string, remedy: string): Outcome {
  return { kind: 'fatal', reason, message, remedy }
}

export function busy(message: string): Outcome {
  return { kind: 'retryable', fault: 'busy', message }
}

/** Whether a service answered with a fault of one of these names. */
export function isFault(thrown: unknown, ...types: readonly string[]): boolean {
  const fault = faultOf(thrown)
  return fault !== undefined && types.includes(fault.type)
}

/** Neutron says of a full subnet that it conflicts. */
const FULL = [
  'IpAddressGenerationFailure',
  'IpAddressGenerationFailureNoMatchingSubnet',
  'IpAddressGenerationFailureAllSubnets',
  'ExternalIpAddressExhausted',
]

/** Of a call that takes an address. @param where names the network */
export async function takingAddress<T>(where: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    if (!isFault(thrown, ...FULL)) throw thrown
    throw new PcgError('capacity', `${where} has no address left: ${PcgError.from(thrown).message}`, {
      subject: where,
      remedy: 'Free addresses, or have its allocation pools made larger.',
      cause: thrown,
    })
  }
}

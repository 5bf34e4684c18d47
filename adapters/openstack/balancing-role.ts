/** In most clouds Octavia has roles of its own, and keeps from who has none of them even the list of load balancers. */
import { PcgError } from '../../runtime/pcg-error.ts'
import { BALANCING_ROLE } from './requirements.ts'

/** For who needs no load balancer: none where Octavia keeps them from this user, who then has none to care for either. */
export async function unlessKept<T>(list: () => Promise<T[]>): Promise<T[]> {
  try {
    return await list()
  } catch (thrown) {
    if (PcgError.from(thrown).code !== 'denied') throw thrown
    return []
  }
}

/** For who needs one: throws `denied` with the role that is missing. */
export async function asBalancer<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (thrown) {
    const error = PcgError.from(thrown)
    if (error.code !== 'denied') throw thrown
    throw new PcgError('denied', `load balancers take the role ${BALANCING_ROLE}: ${error.message}`, {
      subject: 'network.endpoint.type',
      remedy: `Give the account's user the role ${BALANCING_ROLE} in its project, or set network.endpoint.type to floating-ip or virtual-ip.`,
      cause: thrown,
    })
  }
}

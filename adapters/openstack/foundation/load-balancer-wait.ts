/**
 * Octavia works for a while on whatever is asked of it, and takes nothing else for that load balancer meanwhile.
 * `load-balancer:ID:active` and `load-balancer:ID:deleted` are what a step is followed by.
 */
import type { Clock } from '../../../runtime/clock.ts'
import type { Outcome } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { recordAt, textAt } from '../json-value.ts'
import { outcomeOf } from '../outcomes.ts'
import { DONE, fatal } from './step-outcome.ts'

export type BalancerGoal = 'active' | 'deleted'

/** How long one poll waits for news; building one takes minutes. */
const WAIT_MS = 20_000
/** Between questions: some providers settle at once, others build a machine for it. Twice as long each time. */
const FIRST_ASK_MS = 250
const LAST_ASK_MS = 4_000
const TOKEN = /^load-balancer:([0-9a-f-]+):(active|deleted)$/

export function balancerRunning(id: string, goal: BalancerGoal): Outcome {
  return { kind: 'running', token: `load-balancer:${id}:${goal}` }
}

export function isBalancerToken(token: string): boolean {
  return TOKEN.test(token)
}

/** What became of it. Throws only when cancelled. */
export async function pollBalancer(
  cloud: OpenstackCloud,
  clock: Clock,
  token: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const [, id = '', goal = ''] = TOKEN.exec(token) ?? []
  if (id === '') return { kind: 'unknown', message: `${token} is no token of a load balancer` }
  try {
    const until = clock.now() + WAIT_MS
    for (let waitMs = FIRST_ASK_MS; ; waitMs = Math.min(2 * waitMs, LAST_ASK_MS)) {
      const answer = await cloud.service('load-balancer').find(`/lbaas/loadbalancers/${id}`, { signal })
      const state = answer === undefined ? 'DELETED' : textAt(recordAt(answer, 'loadbalancer'), 'provisioning_status')
      const outcome = outcomeOfState(id, goal === 'deleted' ? 'deleted' : 'active', state)
      if (outcome.kind !== 'running' || clock.now() >= until) return outcome
      await clock.sleep(waitMs, signal)
    }
  } catch (error) {
    signal.throwIfAborted()
    return outcomeOf(error, { step: 'await-load-balancer', words: `follow load balancer ${id}` })
  }
}

/** Pure. @param state Octavia's provisioning status */
export function outcomeOfState(id: string, goal: BalancerGoal, state: string): Outcome {
  switch (state) {
    case 'ACTIVE':
      return goal === 'active'
        ? DONE
        : { kind: 'unknown', message: `load balancer ${id} is active, and was to be deleted` }
    case 'DELETED':
      return goal === 'deleted' ? DONE : { kind: 'unknown', message: `load balancer ${id} is gone` }
    case 'ERROR':
      return fatal(
        'LoadBalancerFailed',
        `load balancer ${id} is in ERROR, and OpenStack doesn't say why`,
        `Ask the cloud's administrator, who may try \`openstack loadbalancer failover ${id}\`.`,
      )
    default:
      return balancerRunning(id, goal)
  }
}

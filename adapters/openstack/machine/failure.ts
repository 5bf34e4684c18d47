/** What becomes of a machine whose server or volume failed to be made. */
import type { FaultClass, Outcome } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { MAX_FAILURES, retryAfterMs } from './attempts.ts'

const FULL = /no valid host|quota|exceed|no space|insufficient|not enough/i

/** It is still there; the next plan deletes it. @param failures with this one */
export function buildFailed(words: string, fault: string, failures: number): Outcome {
  const message = `${words}: ${fault || 'the cloud gives no reason'} (try ${failures}, then up to ${MAX_FAILURES})`
  // The last one is deleted at once, and then said to be the last.
  const afterMs = failures >= MAX_FAILURES ? 0 : retryAfterMs(failures)
  return { kind: 'retryable', fault: classOf(fault), message, afterMs }
}

/** It is gone. */
export function discarded(words: string, fault: string, failures: number): Outcome {
  if (failures < MAX_FAILURES) return { kind: 'done' }
  return {
    kind: 'fatal',
    reason: 'BuildFailed',
    message: `${words} failed ${failures} times, at last with: ${fault || 'no reason given'}`,
    remedy: remedyOf(fault),
  }
}

function classOf(fault: string): FaultClass {
  return FULL.test(fault) ? 'capacity' : 'busy'
}

function remedyOf(fault: string): string {
  if (/no valid host/i.test(fault))
    return 'Free room on the hosts, or choose another flavor or availability zone, or soft anti-affinity.'
  if (FULL.test(fault)) return "Free some of the project's quota, or have it raised."
  return "Ask the cloud's administrator what nova's log says of it; it is tried again now and then."
}

/** Cinder's words for a volume in error, where it has any; empty if not. Only people need them. */
export async function failureOfVolume(cloud: OpenstackCloud, id: string, signal: AbortSignal): Promise<string> {
  try {
    const messages = await listAll(cloud, 'block-storage', '/messages', 'messages', { resource_uuid: id }, signal)
    return textAt(messages[0], 'user_message')
  } catch {
    signal.throwIfAborted()
    return ''
  }
}

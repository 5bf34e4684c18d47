/** What the state of a volume, or of a load balancer's member, means for a step that waits for it. Pure. */
import type { Outcome } from '../../adapter.ts'
import { buildFailed, discarded } from './failure.ts'
import type { SeenMember, SeenVolume } from './seen.ts'
import { formatToken, type MemberGoal, type VolumeGoal } from './token.ts'

/** What cinder is about, which ends by itself. */
const PASSING = new Set([
  'creating',
  'downloading',
  'uploading',
  'attaching',
  'detaching',
  'reserved',
  'maintenance',
  'extending',
  'retyping',
  'backing-up',
  'restoring-backup',
  'awaiting-transfer',
])

const DONE: Outcome = { kind: 'done' }

/** @param volume undefined once cinder has it no longer; @param words cinder's, for one in error */
export function outcomeOfVolume(id: string, volume: SeenVolume | undefined, until: VolumeGoal, words: string): Outcome {
  const running: Outcome = { kind: 'running', token: formatToken({ kind: 'volume', id, until }) }
  const name = `volume ${volume?.name ?? id}`
  switch (until.goal) {
    case 'gone':
    case 'discarded': {
      if (volume === undefined)
        return until.goal === 'gone' ? DONE : discarded(`the making of ${name}`, until.fault, until.failures)
      if (volume.status === 'deleting') return running
      const hint = volume.status === 'error_deleting' ? ": ask the cloud's administrator why" : ''
      return {
        kind: 'retryable',
        fault: 'busy',
        message: `${name} could not be deleted: it is ${volume.status}${hint}`,
      }
    }
    case 'available':
      if (volume === undefined) return { kind: 'unknown', message: `cinder no longer has ${name}` }
      if (volume.status === 'error') return buildFailed(`make ${name}`, words, until.failures + 1)
      return PASSING.has(volume.status) ? running : DONE
    case 'attached':
      if (volume === undefined) return { kind: 'unknown', message: `cinder no longer has ${name}` }
      if (volume.status === 'in-use') return DONE
      if (PASSING.has(volume.status)) return running
      return { kind: 'retryable', fault: 'busy', message: `attach ${name}: it is ${volume.status}` }
    default:
      return until satisfies never
  }
}

/** @param member undefined once octavia has it no longer */
export function outcomeOfMember(
  id: string,
  poolId: string,
  member: SeenMember | undefined,
  until: MemberGoal,
): Outcome {
  const running: Outcome = { kind: 'running', token: formatToken({ kind: 'member', id, poolId, until }) }
  const name = `load balancer member ${member?.name ?? id}`
  if (until.goal === 'gone') {
    if (member === undefined) return DONE
    return member.status === 'ERROR'
      ? { kind: 'retryable', fault: 'busy', message: `${name} could not be deleted: it is in ERROR` }
      : running
  }
  if (member === undefined) return { kind: 'unknown', message: `octavia no longer has ${name}` }
  if (member.status === 'ERROR') return { kind: 'retryable', fault: 'busy', message: `add ${name}: it is in ERROR` }
  return member.status === 'ACTIVE' ? DONE : running
}

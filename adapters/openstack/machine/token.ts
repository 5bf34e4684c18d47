/** How a running step is known in the journal: usable after a restart of the gateway, whatever else it forgot. Pure. */

export type ServerGoal =
  | { readonly goal: 'built' /** How often it failed before. */; readonly failures: number }
  /** Nova is no longer about anything with it. */
  | { readonly goal: 'settled' }
  | { readonly goal: 'running' }
  | { readonly goal: 'resized' }
  | { readonly goal: 'resize-decided' }
  | { readonly goal: 'gone' }
  /** As `gone`, of one that failed to be built: how often that makes, and nova's words. */
  | { readonly goal: 'discarded'; readonly failures: number; readonly fault: string }

export type VolumeGoal =
  | { readonly goal: 'available'; readonly failures: number }
  | { readonly goal: 'attached' }
  | { readonly goal: 'gone' }
  | { readonly goal: 'discarded'; readonly failures: number; readonly fault: string }

export type MemberGoal = { readonly goal: 'active' } | { readonly goal: 'gone' }

export type MachineToken =
  | { readonly kind: 'server'; readonly id: string; readonly until: ServerGoal }
  | { readonly kind: 'volume'; readonly id: string; readonly until: VolumeGoal }
  | { readonly kind: 'member'; readonly id: string; readonly poolId: string; readonly until: MemberGoal }

/** A fault's words may be pages of a traceback. */
const MAX_FAULT = 400

/** `server:ID:built:0`, `volume:ID:discarded:2:WORDS`, `member:POOL/ID:active`. */
export function formatToken(token: MachineToken): string {
  const { until } = token
  const id = token.kind === 'member' ? `${token.poolId}/${token.id}` : token.id
  const failures = 'failures' in until ? [String(until.failures)] : []
  const fault = 'fault' in until ? [encodeURIComponent(until.fault.slice(0, MAX_FAULT).toWellFormed())] : []
  return [token.kind, id, until.goal, ...failures, ...fault].join(':')
}

/** Undefined for what we never wrote. */
export function parseToken(text: string): MachineToken | undefined {
  const [kind, id = '', goal, number = '', words = ''] = text.split(':')
  if (id === '') return undefined
  const failures = /^\d+$/.test(number) ? Number(number) : 0
  switch (kind) {
    case 'server': {
      const until = serverGoal(goal, failures, words)
      return until === undefined ? undefined : { kind, id, until }
    }
    case 'volume': {
      const until = volumeGoal(goal, failures, words)
      return until === undefined ? undefined : { kind, id, until }
    }
    case 'member': {
      const [poolId = '', memberId = ''] = id.split('/')
      if ((goal !== 'active' && goal !== 'gone') || memberId === '') return undefined
      return { kind, id: memberId, poolId, until: { goal } }
    }
    default:
      return undefined
  }
}

function serverGoal(goal: string | undefined, failures: number, words: string): ServerGoal | undefined {
  switch (goal) {
    case 'built':
      return { goal, failures }
    case 'settled':
    case 'running':
    case 'resized':
    case 'resize-decided':
    case 'gone':
      return { goal }
    case 'discarded':
      return { goal, failures, fault: decode(words) }
    default:
      return undefined
  }
}

function volumeGoal(goal: string | undefined, failures: number, words: string): VolumeGoal | undefined {
  switch (goal) {
    case 'available':
      return { goal, failures }
    case 'attached':
    case 'gone':
      return { goal }
    case 'discarded':
      return { goal, failures, fault: decode(words) }
    default:
      return undefined
  }
}

function decode(words: string): string {
  try {
    return decodeURIComponent(words)
  } catch {
    return ''
  }
}

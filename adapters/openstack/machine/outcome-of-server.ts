/** What a server's state means for a step that waits for it. Pure. */
import type { Outcome } from '../../adapter.ts'
import { buildFailed, discarded } from './failure.ts'
import type { SeenServer } from './seen.ts'
import { needOf } from './server-status.ts'
import { formatToken, type ServerGoal } from './token.ts'

/** @param server undefined once nova has it no longer */
export function outcomeOfServer(id: string, server: SeenServer | undefined, until: ServerGoal): Outcome {
  if (server === undefined) return outcomeOfGone(id, until)
  const running: Outcome = { kind: 'running', token: formatToken({ kind: 'server', id, until }) }
  const name = `server ${server.name}`
  const { need } = needOf(server)
  switch (until.goal) {
    case 'gone':
    case 'discarded':
      if (need === 'wait-gone' || need === 'wait') return running
      return busy(`${name} could not be deleted: it is ${server.status}${said(server)}`)
    case 'built':
      if (need === 'wait') return running
      if (need === 'discard') return buildFailed(`build ${name}`, server.fault ?? '', until.failures + 1)
      return DONE
    case 'settled':
      return need === 'wait' ? running : DONE
    case 'running':
      if (need === 'nothing') return DONE
      return need === 'wait' ? running : busy(`${name} did not start: it is ${server.status}${said(server)}`)
    case 'resized':
      if (need === 'verify-resize') return DONE
      if (need === 'wait') return running
      return {
        kind: 'retryable',
        fault: 'capacity',
        message: `resize ${name}: nova took it back, and it is ${server.status}${said(server)}: no host may have room for the flavor`,
      }
    case 'resize-decided':
      // Nova shows no task while it confirms.
      return need === 'wait' || need === 'verify-resize' ? running : DONE
    default:
      return until satisfies never
  }
}

const DONE: Outcome = { kind: 'done' }

function outcomeOfGone(id: string, until: ServerGoal): Outcome {
  switch (until.goal) {
    case 'gone':
      return DONE
    case 'discarded':
      return discarded(`the build of server ${id}`, until.fault, until.failures)
    case 'built':
    case 'settled':
    case 'running':
    case 'resized':
    case 'resize-decided':
      return { kind: 'unknown', message: `nova no longer has server ${id}` }
    default:
      return until satisfies never
  }
}

function busy(message: string): Outcome {
  return { kind: 'retryable', fault: 'busy', message }
}

function said({ fault }: SeenServer): string {
  return fault === undefined ? '' : ` (${fault})`
}

/** Tasks of vCenter, as outcomes of our steps. */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Outcome } from '../adapter.ts'
import { outcomeOfError, outcomeOfFault } from './faults.ts'
import type { Feed } from './feed.ts'
import type { MoRef } from './moref.ts'
import type { StepKind } from './plan.ts'
import { retrieveObject } from './properties.ts'
import type { Session } from './session.ts'
import { number, text } from './soap-value.ts'
import { formatToken, parseToken } from './task-token.ts'
import { faultOf, localizedFault } from './vim-fault.ts'

export const TASK_PATHS = ['info.state', 'info.progress', 'info.error', 'info.entityName'] as const

/** How long a poll waits for news. */
const POLL_MS = 25_000
const FORGOTTEN = 'vCenter no longer knows the task'

const VERBS: Readonly<Record<StepKind, string>> = {
  clone: 'clone',
  'await-clone': 'clone',
  reconfigure: 'reconfigure',
  'power-on': 'power on',
  'power-off': 'power off',
  delete: 'delete',
}

/** A step's outcome from its task's properties. Pure. */
export function outcomeOfTask(values: ReadonlyMap<string, unknown>, step: StepKind, token: string): Outcome {
  const words = `${VERBS[step]} ${text(values.get('info.entityName')) ?? 'VM'}`
  switch (values.get('info.state')) {
    case 'success':
      return { kind: 'done' }
    case 'error': {
      const fault = localizedFault(values.get('info.error'))
      // Whose clone it was is not certain, and so neither is that its failure is this machine's.
      if (step === 'await-clone') return { kind: 'unknown', message: `${words} has ended: ${fault.message}` }
      return outcomeOfFault(fault, { step, words })
    }
    default: {
      const percent = number(values.get('info.progress'))
      return { kind: 'running', token, ...(percent === undefined ? {} : { progress: percent / 100 }) }
    }
  }
}

export async function pollTask(session: Session, feed: Feed, token: string, signal: AbortSignal): Promise<Outcome> {
  const parsed = parseToken(token)
  if (parsed === undefined) return { kind: 'unknown', message: `${token} is no task of this vCenter` }
  try {
    const { content } = await session.current(signal)
    if (content.about.instanceUuid !== parsed.vcenter) {
      return { kind: 'unknown', message: `${token} is a task of another vCenter, ${parsed.vcenter}` }
    }
    return await follow(session, feed, parsed.task, parsed.step, token, signal)
  } catch (error) {
    if (faultOf(error)?.type === 'ManagedObjectNotFound') return { kind: 'unknown', message: FORGOTTEN }
    // The task goes on whatever becomes of a question about it.
    if (PcgError.from(error).code === 'interrupted') return { kind: 'running', token }
    return outcomeOfError(error, { step: undefined, words: `follow ${parsed.task.value}` })
  }
}

async function follow(
  session: Session,
  feed: Feed,
  task: MoRef,
  step: StepKind,
  token: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const read = async () => outcomeOfTask(await retrieveObject(session, task, TASK_PATHS, signal), step, token)
  const first = await read()
  if (first.kind !== 'running') return first
  const following = feed.follow(task)
  try {
    const news = await following.news(POLL_MS, signal)
    // Nothing came in time: so that a feed that fails doesn't hide the end, ask.
    return news === undefined ? await read() : outcomeOfTask(news, step, token)
  } finally {
    following.release()
  }
}

export function running(vcenter: string, task: MoRef, step: StepKind): Outcome {
  return { kind: 'running', token: formatToken({ vcenter, task, step }) }
}

/**
 * Takes one step of a unit in the cloud.
 *
 * Invariants
 * 1. The intent, and what it may create, are on disk before the call (invariant 2 of the design).
 * 2. The token of what goes on in the cloud is on disk before it is followed; a restart follows it on.
 * 3. A call whose reply is lost ends as `unknown`, and nothing is called again before the cloud was observed.
 */
import type { AdapterContext, Outcome, Step } from '../../adapters/adapter.ts'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { AccountSession } from '../accounts/account-session.ts'
import type { Journal } from '../journal/journal.ts'
import type { UnitChanges } from './unit-changes.ts'
import type { UnitRecord } from './unit-record.ts'

/** Called at each point at which a crash must do no harm; tests crash there. */
export type Boundary = (point: string) => void

const BACKOFF: Readonly<Record<'busy' | 'connection' | 'throttled' | 'capacity' | 'unknown', BackoffPolicy>> = {
  busy: { firstMs: 1_000, maxMs: 60_000, factor: 2 },
  connection: { firstMs: 1_000, maxMs: 60_000, factor: 2 },
  throttled: { firstMs: 5_000, maxMs: 120_000, factor: 2 },
  // Something is full: it takes a person to change that, and every try costs the cloud.
  capacity: { firstMs: 30_000, maxMs: 600_000, factor: 2 },
  unknown: { firstMs: 500, maxMs: 30_000, factor: 2 },
}

/** What can't help to be tried again is looked at this often, in case somebody changed something in the cloud. */
const FATAL_RETRY_MS = 10 * 60_000

/** Has the adapter begin a step of the unit. */
export type Begin<R extends UnitRecord> = (
  record: R,
  step: Step,
  session: AccountSession,
  context: AdapterContext,
) => Promise<Outcome>

export interface StepRunnerOptions<R extends UnitRecord> {
  readonly journal: Journal
  readonly changes: UnitChanges<R>
  readonly begin: Begin<R>
  readonly boundary: Boundary
  readonly log: Log
}

export class StepRunner<R extends UnitRecord> {
  readonly #options: StepRunnerOptions<R>

  constructor(options: StepRunnerOptions<R>) {
    this.#options = options
  }

  /** Takes the step to its end; returns in how many ms the unit is to be looked at again, null to wait for a change. */
  async run(record: R, step: Step, session: AccountSession, signal: AbortSignal): Promise<number | null> {
    const { journal, changes, begin, boundary } = this.#options
    const outcome = await session.limited(signal, async () => {
      boundary(`${step.kind}:before-intent`)
      await changes.apply(
        record.uid,
        (newest) => ({
          ...newest,
          running: { step, token: null },
          stage: step.summary,
          progress: null,
          phase: phaseDuring(newest),
        }),
        {
          timeline: {
            stage: step.kind,
            actor: 'gateway',
            cause: record.cause,
            outcome: 'started',
            detail: step.summary,
          },
          also: () => {
            journal.ledger.intend(record.uid, step, changes.now())
            if (record.want === 'absent') journal.ledger.deleting(record.uid, changes.now())
          },
        },
      )
      boundary(`${step.kind}:after-intent`)
      const started = await this.#attempt(signal, () => begin(record, step, session, session.context(signal)))
      boundary(`${step.kind}:after-call`)
      return this.#follow(record, step, started, session, signal)
    })
    return this.#settle(record, step, outcome, session)
  }

  /** As `run`, for a step whose token survived a restart. */
  async resume(
    record: R,
    step: Step,
    token: string,
    session: AccountSession,
    signal: AbortSignal,
  ): Promise<number | null> {
    const outcome = await session.limited(signal, () =>
      this.#follow(record, step, { kind: 'running', token }, session, signal),
    )
    return this.#settle(record, step, outcome, session)
  }

  async #follow(
    record: R,
    step: Step,
    started: Outcome,
    session: AccountSession,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { changes, boundary } = this.#options
    let outcome = started
    let written: string | null = null
    while (outcome.kind === 'running') {
      const { token, progress } = outcome
      await changes.apply(record.uid, (newest) => ({
        ...newest,
        running: { step, token },
        progress: progress ?? newest.progress,
      }))
      if (written !== token) boundary(`${step.kind}:after-token`)
      written = token
      outcome = await this.#attempt(signal, () => session.adapter.poll(token, session.context(signal)))
    }
    return outcome
  }

  /** Invariant 3. A gateway that stops leaves the step as it is, to be taken up at the next start. */
  async #attempt(signal: AbortSignal, call: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await call()
    } catch (cause) {
      signal.throwIfAborted()
      const error = PcgError.from(cause)
      if (error.code === 'credentials') return { kind: 'credentials', message: error.message }
      return { kind: 'unknown', message: error.message }
    }
  }

  async #settle(record: R, step: Step, outcome: Outcome, session: AccountSession): Promise<number | null> {
    const { boundary } = this.#options
    boundary(`${step.kind}:before-outcome`)
    const again = await this.#record(record, step, outcome, session)
    boundary(`${step.kind}:after-outcome`)
    return again
  }

  async #record(record: R, step: Step, outcome: Outcome, session: AccountSession): Promise<number | null> {
    const { changes, log } = this.#options
    const line = { stage: step.kind, actor: session.adapter.cloud, cause: record.cause }
    switch (outcome.kind) {
      case 'running':
        throw new PcgError('internal', `step ${step.kind} was settled while it runs`)
      case 'done':
        await changes.apply(
          record.uid,
          (newest) => changes.withCondition({ ...newest, running: null, progress: null, failures: 0 }, PROGRESSING),
          { timeline: { ...line, outcome: 'done' } },
        )
        return 0
      case 'retryable': {
        const failed = await this.#failed(record, step, outcome.fault, outcome.message, line)
        return outcome.afterMs ?? backoffMs(BACKOFF[outcome.fault], failed)
      }
      case 'unknown': {
        const failed = await this.#failed(record, step, 'unknown', outcome.message, line)
        return backoffMs(BACKOFF.unknown, failed)
      }
      case 'fatal': {
        const message = `${outcome.message}: ${outcome.remedy}`
        log.warn({ unit: record.name, step: step.kind, reason: outcome.reason }, 'step failed')
        await changes.apply(
          record.uid,
          (newest) =>
            changes.withCondition(
              {
                ...newest,
                running: null,
                progress: null,
                failures: newest.failures + 1,
                phase: newest.want === 'absent' ? 'Deleting' : 'Failed',
              },
              { type: 'Progressing', status: 'False', reason: outcome.reason, message },
            ),
          {
            timeline: { ...line, outcome: 'failed', detail: message },
            event: { severity: 'error', reason: outcome.reason, message },
          },
        )
        return FATAL_RETRY_MS
      }
      case 'credentials':
        await changes.apply(record.uid, (newest) => ({ ...newest, running: null, progress: null }), {
          timeline: { ...line, outcome: 'failed', detail: outcome.message },
        })
        session.suspend(outcome.message)
        return null
      default:
        return outcome satisfies never
    }
  }

  /** Records a try that failed; returns how many of the same step did in a row: whoever comes to another one gets on. */
  async #failed(
    record: R,
    step: Step,
    fault: keyof typeof BACKOFF,
    message: string,
    line: { stage: string; actor: string; cause: string },
  ): Promise<number> {
    const { changes } = this.#options
    const reason = REASONS[fault]
    // Some adapters begin with the same words.
    const told = message.startsWith(step.summary) ? message : `${step.summary}: ${message}`
    const changed = await changes.apply(
      record.uid,
      (newest) =>
        changes.withCondition(
          {
            ...newest,
            running: null,
            progress: null,
            failures: (newest.failedStep ?? step.summary) === step.summary ? newest.failures + 1 : 1,
            failedStep: step.summary,
          },
          { type: 'Progressing', status: 'False', reason, message: told },
        ),
      {
        timeline: { ...line, outcome: 'retrying', detail: message },
        event: { severity: 'warning', reason, message: told },
      },
    )
    return changed?.failures ?? 1
  }
}

const PROGRESSING = { type: 'Progressing', status: 'True', reason: 'StepDone', message: '' } as const

const REASONS: Readonly<Record<keyof typeof BACKOFF, string>> = {
  busy: 'CloudBusy',
  connection: 'CloudUnreachable',
  throttled: 'CloudThrottles',
  capacity: 'CloudFull',
  unknown: 'ReplyLost',
}

function phaseDuring(record: UnitRecord): 'Deleting' | 'Drifted' | 'Provisioning' {
  if (record.want === 'absent') return 'Deleting'
  return record.phase === 'Ready' || record.phase === 'Drifted' ? 'Drifted' : 'Provisioning'
}

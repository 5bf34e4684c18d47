/**
 * Brings a cluster's foundation from what is observed to what is wanted: observe, plan, one step, again.
 *
 * Invariants
 * 1. Nothing is done before the cloud was observed in the same turn (invariant 5 of the design).
 * 2. A foundation is forgotten only after the cloud was seen without it.
 * 3. What was planned for one spec is not done, nor called done, once another is wanted.
 */
import type { FoundationObserved, Foundations, FoundEndpoint, MachineUid, Step } from '../../adapters/adapter.ts'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { AccountSession } from '../accounts/account-session.ts'
import type { Accounts } from '../accounts/accounts.ts'
import { isGiven } from '../bootstrap/api-endpoint.ts'
import type { Journal } from '../journal/journal.ts'
import { noteDrift } from '../units/drift.ts'
import { noteUnreachable, noteUnusable } from '../units/hold-up.ts'
import type { StepRunner } from '../units/step-runner.ts'
import { decideFoundation } from './decide-foundation.ts'
import type { FoundationChanges } from './foundation-changes.ts'
import { type FoundationRecord, specOf, troubleOf } from './foundation-record.ts'

const NO_ENDPOINT: BackoffPolicy = { firstMs: 1_000, maxMs: 30_000, factor: 2 }
/** All machines of a cluster may miss the same thing at once; it is looked for so often. */
const SUSPECT_MS = 30_000

export interface FoundationWorkerOptions {
  readonly journal: Journal
  readonly accounts: Accounts
  readonly changes: FoundationChanges
  readonly runner: StepRunner<FoundationRecord>
  readonly clock: Clock
}

export class FoundationWorker {
  readonly #options: FoundationWorkerOptions
  /** When each was last observed, ms since 1970. */
  readonly #observedMs = new Map<MachineUid, number>()

  constructor(options: FoundationWorkerOptions) {
    this.#options = options
  }

  /** Whether it is worth a look when a machine on it doesn't get on. */
  isSuspect({ uid, phase }: FoundationRecord): boolean {
    return phase === 'Ready' && this.#options.clock.now() - (this.#observedMs.get(uid) ?? 0) >= SUSPECT_MS
  }

  /** Returns in how many ms to look again, or null to wait for a change. */
  async work(uid: MachineUid, signal: AbortSignal): Promise<number | null> {
    const { journal, accounts, changes, runner, clock } = this.#options
    const record = journal.foundations.get(uid)
    if (record === undefined) return null
    const session = accounts.use(record.account)
    if (!(session instanceof AccountSession)) return noteUnusable(changes, record, session.unusable)
    if (record.running !== null && record.running.token !== null)
      return runner.resume(record, record.running.step, record.running.token, session, signal)

    const foundations = foundationsOf(session)
    let observed: FoundationObserved | null
    try {
      observed = await foundations.observe(specOf(record), session.context(signal))
    } catch (cause) {
      if (signal.aborted) return null
      return noteUnreachable(changes, record, PcgError.from(cause), session)
    }
    this.#observedMs.set(uid, clock.now())
    if (observed !== null) await this.#seen(record, observed)
    const seen = journal.foundations.get(uid)
    if (seen === undefined) return null
    // Invariant 3.
    if (seen.spec !== record.spec || seen.want !== record.want) return 0
    return this.#act(seen, observed, foundations.plan(specOf(seen), observed), session, signal)
  }

  async #act(
    record: FoundationRecord,
    observed: FoundationObserved | null,
    steps: readonly Step[],
    session: AccountSession,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { journal, changes, runner } = this.#options
    const driftPolicy = journal.desired.get('Cluster', record.cluster)?.resource.spec.driftPolicy ?? 'alert'
    const decision = decideFoundation({ record, observed, steps, driftPolicy })
    switch (decision.decision) {
      case 'step':
        return runner.run(await this.#noteRepair(record, decision.step, session), decision.step, session, signal)
      case 'report-drift':
        return noteDrift(this.#options.changes, record, decision.steps.map((step) => step.summary).join('; '))
      case 'await-endpoint':
        return this.#awaitEndpoint(record)
      case 'stands':
        return this.#stands(record)
      case 'gone':
        this.#observedMs.delete(record.uid)
        await changes.remove(record, [], {
          timeline: { stage: 'foundation-gone', actor: session.adapter.cloud, cause: record.cause, outcome: 'done' },
        })
        return null
      default:
        return decision satisfies never
    }
  }

  /** Keeps the ledger and the record true to what the cloud shows. */
  async #seen(record: FoundationRecord, observed: FoundationObserved): Promise<void> {
    const { journal, changes } = this.#options
    const endpoint = observed.endpoint ?? record.endpoint
    const moved = !sameEndpoint(endpoint, record.endpoint)
    if (!moved && journal.ledger.matches(record.uid, observed.objects)) return
    await changes.apply(record.uid, (newest) => (moved ? { ...newest, endpoint } : newest), {
      ...(moved && record.stood && isGiven(record.spec.endpoint) && record.endpoint !== null && endpoint !== null
        ? { event: movedEvent(record.endpoint, endpoint) }
        : {}),
      also: () => journal.ledger.seen(record.uid, observed.objects, changes.now()),
    })
  }

  /** A repair of what was in order is an event: somebody changed it. */
  async #noteRepair(record: FoundationRecord, step: Step, session: AccountSession): Promise<FoundationRecord> {
    if (record.want === 'absent' || record.phase !== 'Ready') return record
    const cause = 'changed outside'
    const noted = await this.#options.changes.apply(record.uid, (newest) => ({ ...newest, phase: 'Drifted', cause }), {
      timeline: {
        stage: 'drift',
        actor: session.adapter.cloud,
        cause,
        outcome: 'started',
        detail: step.summary,
      },
      event: { severity: 'warning', reason: 'Drifted', message: `changed outside; healing: ${step.summary}` },
    })
    return noted ?? record
  }

  async #awaitEndpoint(record: FoundationRecord): Promise<number> {
    const { changes } = this.#options
    const changed = await changes.apply(record.uid, (newest) =>
      changes.withCondition(
        { ...newest, failures: newest.failures + 1, stage: 'waiting for the address of the API' },
        {
          type: 'Progressing',
          status: 'False',
          reason: 'NoEndpoint',
          message: `all of it is there, and the cloud has not given the ${record.spec.endpoint.type} an address yet`,
        },
      ),
    )
    return backoffMs(NO_ENDPOINT, changed?.failures ?? 1)
  }

  async #stands(record: FoundationRecord): Promise<null> {
    const { changes } = this.#options
    if (record.phase === 'Ready' && troubleOf(record) === undefined) return null
    // Of a change of the cluster that took no step there is nothing to tell.
    const told = record.phase !== 'Ready' && (!record.stood || record.conditions.length > 0)
    await changes.apply(
      record.uid,
      (newest) =>
        changes.withCondition(
          {
            ...newest,
            phase: 'Ready',
            stage: 'stands',
            stood: true,
            progress: null,
            running: null,
            failures: 0,
            conditions: newest.conditions.filter((condition) => condition.type !== 'Drifted'),
          },
          { type: 'Progressing', status: 'True', reason: 'AsDesired', message: '' },
        ),
      told
        ? {
            timeline: { stage: 'foundation', actor: 'gateway', cause: record.cause, outcome: 'done' },
            event: standsEvent(record),
          }
        : {},
    )
    return null
  }
}

function foundationsOf({ adapter, name }: AccountSession): Foundations {
  if (adapter.foundations !== null) return adapter.foundations
  throw new PcgError('internal', `account ${name} is of a cloud without foundations`)
}

function sameEndpoint(a: FoundEndpoint | null, b: FoundEndpoint | null): boolean {
  return a?.address === b?.address && a?.virtualIp === b?.virtualIp
}

function movedEvent(old: FoundEndpoint, { address }: FoundEndpoint) {
  return {
    severity: 'warning',
    reason: 'EndpointMoved',
    message: `the API's address was ${old.address} and is ${address} now; the cluster's machines and certificates keep ${old.address}: take ${old.address} back in the cloud if it is still to be had, else put ${address} into the kubeconfigs and into the API server's certificate`,
  } as const
}

function standsEvent({ phase, stood, endpoint }: FoundationRecord) {
  const where = endpoint === null ? '' : `; the API is at ${endpoint.address}`
  if (phase === 'Drifted')
    return { severity: 'info', reason: 'Healed', message: 'it is as it should be again' } as const
  const message = stood ? 'it is as asked for again' : `all of it is there${where}`
  return { severity: 'info', reason: 'FoundationReady', message } as const
}

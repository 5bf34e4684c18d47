/**
 * Brings one machine from what is observed to what is wanted: observe, plan, one step, again.
 *
 * Invariants
 * 1. Nothing is done before the cloud was observed in the same turn (invariant 5 of the design).
 * 2. A machine is forgotten only after the cloud was seen without it.
 * 3. Nothing of a cluster's member is deleted before it has left the cluster, or that was given up.
 */
import type { MachineUid, Observed, Step } from '../../adapters/adapter.ts'
import type { Clock } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { AccountSession } from '../accounts/account-session.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Journal } from '../journal/journal.ts'
import { noteDrift } from '../units/drift.ts'
import { noteUnreachable, noteUnusable } from '../units/hold-up.ts'
import type { StepRunner } from '../units/step-runner.ts'
import { BOOT_PATIENCE_MS, decide } from './decide.ts'
import { canTakeOut, LEAVE_PATIENCE_MS, type Surroundings } from './departure.ts'
import type { DepartureDesk } from './departure-desk.ts'
import { askToLeave, goWithoutLeaving } from './leave.ts'
import type { MachineChanges } from './machine-changes.ts'
import type { MachineRecord } from './machine-record.ts'

export interface MachineWorkerOptions {
  readonly journal: Journal
  readonly accounts: Accounts
  readonly changes: MachineChanges
  readonly runner: StepRunner<MachineRecord>
  /** A step of the machine failed, in whatever way. */
  readonly heldUp: (record: MachineRecord) => void
  readonly departures: DepartureDesk
  readonly clock: Clock
  /** Where machines phone home, for the advice to one who waits for it. */
  readonly phoneHomeUrl: string
}

export class MachineWorker {
  readonly #options: MachineWorkerOptions

  constructor(options: MachineWorkerOptions) {
    this.#options = options
  }

  /** Returns in how many ms to look again, or null to wait for a change. */
  async work(uid: MachineUid, signal: AbortSignal): Promise<number | null> {
    const { journal, accounts, changes, runner } = this.#options
    const record = journal.machines.get(uid)
    if (record === undefined) return null
    const session = accounts.use(record.account)
    if (!(session instanceof AccountSession)) return noteUnusable(changes, record, session.unusable)
    if (record.running !== null && record.running.token !== null)
      return this.#tried(
        record,
        await runner.resume(record, record.running.step, record.running.token, session, signal),
      )

    const spec = journal.machines.spec(uid)
    let observed: Observed | null
    try {
      observed = await session.adapter.observe(spec, session.context(signal))
    } catch (cause) {
      if (signal.aborted) return null
      return noteUnreachable(changes, record, PcgError.from(cause), session)
    }
    const seen = observed === null ? record : await this.#seen(record, observed)
    if (seen === null) return null
    return this.#act(seen, observed, session.adapter.plan({ ...spec, want: seen.want }, observed), session, signal)
  }

  async #act(
    record: MachineRecord,
    observed: Observed | null,
    steps: readonly Step[],
    session: AccountSession,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { journal, changes, runner, clock } = this.#options
    const driftPolicy = journal.desired.get('Cluster', record.cluster)?.resource.spec.driftPolicy ?? 'alert'
    const surroundings = this.#surroundings(record)
    const decision = decide({ record, observed, steps, driftPolicy, surroundings, nowMs: clock.now() })
    switch (decision.decision) {
      case 'ask-departure':
        await askToLeave(changes, record, decision.departure)
        return LEAVE_PATIENCE_MS
      case 'await-departure':
        return decision.leftMs
      case 'skip-departure':
        await goWithoutLeaving(changes, record, decision.reason)
        return 0
      case 'step': {
        const noted = await this.#noteRepair(record, decision.step, session)
        return this.#tried(record, await runner.run(noted, decision.step, session, signal))
      }
      case 'await-phone-home':
        return decision.stuck ? this.#stuck(record) : this.#booting(record)
      case 'bootstrap-failed':
        return this.#bootstrapFailed(record, decision.message)
      case 'ready':
        return this.#ready(record)
      case 'report-drift':
        return noteDrift(this.#options.changes, record, decision.steps.map((step) => step.summary).join('; '))
      case 'lost':
        return driftPolicy === 'heal'
          ? this.#replace(record)
          : noteDrift(this.#options.changes, record, 'the cloud has it no longer')
      case 'gone':
        await changes.remove(record, [], {
          timeline: { stage: 'gone', actor: session.adapter.cloud, cause: record.cause, outcome: 'done' },
        })
        return null
      default:
        return decision satisfies never
    }
  }

  #tried({ uid }: MachineRecord, again: number | null): number | null {
    const { journal, heldUp } = this.#options
    const record = journal.machines.get(uid)
    if (record !== undefined && record.failures > 0) heldUp(record)
    return again
  }

  /** What the departure of one that is not wanted depends on. */
  #surroundings(record: MachineRecord): Omit<Surroundings, 'nowMs'> {
    const { journal, departures } = this.#options
    if (record.want === 'present') return STAYS
    return {
      clusterStays: journal.desired.get('Cluster', record.cluster)?.want === 'present',
      helper: journal.machines.ofCluster(record.cluster).some(canTakeOut),
      progressMs: departures.progressMs(record.cluster),
    }
  }

  /** Keeps the ledger and the record true to what the cloud shows. */
  async #seen(record: MachineRecord, observed: Observed): Promise<MachineRecord | null> {
    const { journal, changes } = this.#options
    const [main] = observed.objects
    const same =
      record.externalId === (main?.id ?? null) &&
      sameList(record.addresses, observed.addresses) &&
      journal.ledger.matches(record.uid, observed.objects)
    if (same) return record
    return changes.apply(
      record.uid,
      (newest) => ({ ...newest, externalId: main?.id ?? newest.externalId, addresses: observed.addresses }),
      { also: () => journal.ledger.seen(record.uid, observed.objects, changes.now()) },
    )
  }

  /** A repair of a machine that was in order is an event: somebody changed it. */
  async #noteRepair(record: MachineRecord, step: Step, session: AccountSession): Promise<MachineRecord> {
    if (record.want === 'absent' || record.phase !== 'Ready') return record
    const noted = await this.#options.changes.apply(
      record.uid,
      (newest) => ({ ...newest, phase: 'Drifted', cause: 'changed outside' }),
      {
        timeline: {
          stage: 'drift',
          actor: session.adapter.cloud,
          cause: 'changed outside',
          outcome: 'started',
          detail: step.summary,
        },
        event: { severity: 'warning', reason: 'Drifted', message: `changed outside; healing: ${step.summary}` },
      },
    )
    return noted ?? record
  }

  async #booting(record: MachineRecord): Promise<number> {
    const { changes, clock } = this.#options
    const since = record.bootingSince ?? changes.now()
    if (record.phase !== 'Booting' || record.bootingSince === null)
      await changes.apply(
        record.uid,
        (newest) =>
          changes.withCondition(
            {
              ...newest,
              phase: 'Booting',
              stage: 'waiting for its phone-home',
              bootingSince: since,
              running: null,
              failures: 0,
            },
            { type: 'Ready', status: 'False', reason: 'Booting', message: 'powered on; it has not phoned home yet' },
          ),
        { timeline: { stage: 'boot', actor: 'guest', cause: record.cause, outcome: 'started' } },
      )
    return Math.max(1_000, Date.parse(since) + BOOT_PATIENCE_MS - clock.now())
  }

  #stuck(record: MachineRecord): Promise<null> {
    const minutes = BOOT_PATIENCE_MS / 60_000
    const message = `powered on since ${record.bootingSince}, and no phone-home in ${minutes} minutes: look at its console for cloud-init's output, and whether it reaches ${this.#options.phoneHomeUrl}`
    return this.#guestFailed(record, { stage: 'boot', now: 'no phone-home', reason: 'NoPhoneHome', message })
  }

  #bootstrapFailed(record: MachineRecord, message: string): Promise<null> {
    return this.#guestFailed(record, {
      stage: 'bootstrap',
      now: 'bootstrap failed',
      reason: 'BootstrapFailed',
      message,
    })
  }

  /** `now` is what the machine is at, in words. */
  async #guestFailed(
    record: MachineRecord,
    { stage, now, reason, message }: { stage: string; now: string; reason: string; message: string },
  ): Promise<null> {
    const { changes } = this.#options
    if (record.phase === 'Failed') return null
    await changes.apply(
      record.uid,
      (newest) =>
        changes.withCondition(
          { ...newest, phase: 'Failed', stage: now },
          { type: 'Ready', status: 'False', reason, message },
        ),
      {
        timeline: { stage, actor: 'guest', cause: record.cause, outcome: 'failed', detail: message },
        event: { severity: 'error', reason, message },
      },
    )
    return null
  }

  async #ready(record: MachineRecord): Promise<null> {
    const { journal, changes } = this.#options
    if (record.phase === 'Ready') return null
    const clusters = journal.clusters
    const initialised = record.initialises && clusters.get(record.cluster).initialiser?.machine === record.uid
    await changes.apply(
      record.uid,
      (newest) =>
        changes.withCondition(
          changes.withCondition(
            {
              ...newest,
              phase: 'Ready',
              stage: 'ready',
              progress: null,
              running: null,
              failures: 0,
              conditions: newest.conditions.filter((condition) => condition.type !== 'Drifted'),
            },
            { type: 'Ready', status: 'True', reason: 'PhonedHome', message: '' },
          ),
          { type: 'Progressing', status: 'True', reason: 'AsDesired', message: '' },
        ),
      {
        timeline: { stage: 'ready', actor: 'guest', cause: record.cause, outcome: 'done' },
        event: readyEvent(record),
        also: () => {
          journal.machines.dropUserData(record.uid)()
          if (initialised)
            clusters.update(record.cluster, (cluster) => ({
              ...cluster,
              initialiser: { machine: record.uid, done: true },
            }))()
        },
      },
    )
    return null
  }

  /** What is gone can't be repaired: this machine leaves, and its cluster makes another. */
  async #replace(record: MachineRecord): Promise<number> {
    const cause = 'the cloud has it no longer'
    await this.#options.changes.apply(
      record.uid,
      (newest) => ({ ...newest, want: 'absent', cause, phase: 'Deleting', stage: 'lost' }),
      {
        timeline: {
          stage: 'drift',
          actor: 'cloud',
          cause,
          outcome: 'started',
          detail: 'another machine takes its place',
        },
        event: { severity: 'warning', reason: 'Lost', message: `${cause}: another machine takes its place` },
      },
    )
    return 0
  }
}

const STAYS: Omit<Surroundings, 'nowMs'> = { clusterStays: true, helper: false, progressMs: 0 }

function readyEvent({ phase, addresses }: MachineRecord): { severity: 'info'; reason: string; message: string } {
  if (phase === 'Drifted') return { severity: 'info', reason: 'Healed', message: 'it is as it should be again' }
  const where = addresses.length === 0 ? 'an address that it did not tell' : addresses.join(', ')
  return { severity: 'info', reason: 'Ready', message: `ready at ${where}` }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}

/**
 * The cloud accounts of the site, each with at most one session.
 *
 * Invariants
 * 1. One session for each credential (invariant 6 of the design): where a changed account keeps its credentials, its old session is
 *    closed before the new one opens.
 * 2. Where it has others, they are verified first, in a session of their own; until they have passed, the former ones, which the
 *    journal keeps for that, stay in use, after a restart too.
 * 3. Credentials that the cloud refused are tried once.
 */
import type { Adapter, AdapterContext, Change, ExternalObject } from '../../adapters/adapter.ts'
import type { AccountStatus, CloudAccount } from '../../resources/cloud-account.ts'
import { findingOf } from '../../resources/finding.ts'
import type { Finding } from '../../resources/query.ts'
import { type BackoffPolicy, backoffMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Journal } from '../journal/journal.ts'
import { AccountSession } from './account-session.ts'
import { refusal, rejectionOf, type Trial, tryAccount } from './trial.ts'

/** How soon an account that didn't pass its trial, and wasn't refused, is tried again. */
const TRIAL: BackoffPolicy = { firstMs: 30_000, maxMs: 600_000, factor: 2 }

export interface AccountListener {
  changed(change: Change): void
  listed(account: string, objects: readonly ExternalObject[]): void
  /** Something may go on, or must stop: all machines of the account should be looked at. */
  accountChanged(account: string): void
}

export interface AccountsOptions {
  readonly journal: Journal
  /** `tenant/gateway`. */
  readonly owner: string
  /** Opens the sealed credentials and makes the adapter. Throws a PcgError if they can't be opened. */
  readonly createAdapter: (account: CloudAccount) => Promise<Adapter>
  /** Whether two forms of an account have the same credentials at the same place, and so must not be in use at once. */
  readonly shareSession: (a: CloudAccount, b: CloudAccount) => Promise<boolean>
  readonly listener: AccountListener
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

interface Form {
  readonly generation: number
  readonly resource: CloudAccount
}

interface Open {
  /** What the session was made from. */
  readonly form: Form
  /** Of the desired form that was last looked at: another than `form`'s where that one was rejected. */
  readonly generation: number
  readonly session: AccountSession
  /** Why what is desired is not in use; empty if it is. */
  readonly rejected: readonly Finding[]
  /** How often it was tried in vain, to be tried again; 0 if it isn't to be. */
  readonly trials: number
}

export interface Unusable {
  /** Why the account can't be used. */
  readonly unusable: string
  /** Whether that ends by itself, soon: then `accountChanged` tells. */
  readonly passes: boolean
}

export class Accounts {
  readonly #options: AccountsOptions
  readonly #open = new Map<string, Open>()
  readonly #statuses = new Map<string, AccountStatus>()

  constructor(options: AccountsOptions) {
    this.#options = options
  }

  /** The account's session if it is usable, else why it is not. */
  use(name: string): AccountSession | Unusable {
    const session = this.#open.get(name)?.session
    if (session === undefined) return this.#whyClosed(name)
    return session.suspended === null ? session : { unusable: session.suspended, passes: false }
  }

  /** As `use`, for a caller who can't go on without. Throws `not-found`, `unavailable` or `credentials`. */
  require(name: string): AccountSession {
    const session = this.use(name)
    if (session instanceof AccountSession) return session
    if (this.#options.journal.desired.get('CloudAccount', name) === undefined)
      throw new PcgError('not-found', `the gateway has no account ${name}`, { subject: `account ${name}` })
    throw new PcgError('credentials', session.unusable, {
      subject: `account ${name}`,
      remedy: 'seal the right credentials and apply the account again',
    })
  }

  /** Verifies the account again, now. Throws as `require`. */
  async verifyNow(name: string, signal: AbortSignal): Promise<readonly Finding[]> {
    const session = this.require(name)
    return this.verify(name, session, signal)
  }

  /** Runs `use` with the account's adapter: the open session's, or for an account that isn't applied yet one of its own. */
  async withAdapter<T>(
    account: CloudAccount,
    signal: AbortSignal,
    use: (adapter: Adapter, context: AdapterContext) => Promise<T>,
  ): Promise<T> {
    const name = account.metadata.name
    if (this.#open.has(name)) {
      const session = this.require(name)
      return use(session.adapter, session.context(signal))
    }
    const adapter = await this.#options.createAdapter(account)
    try {
      return await use(adapter, { signal, log: this.#options.log })
    } finally {
      await adapter.close()
    }
  }

  /**
   * Brings the account's session in line with what is desired. Called by one worker at a time for each account.
   * Returns in how many ms to look again, or null to wait for a change.
   */
  async reconcile(name: string, signal: AbortSignal): Promise<number | null> {
    const { journal, listener } = this.#options
    const desired = journal.desired.get('CloudAccount', name)
    if (desired === undefined || desired.want !== 'present') {
      await this.#close(name)
      if (desired !== undefined) await this.#forget(name)
      return null
    }
    const open = this.#open.get(name)
    if (open?.generation === desired.generation && open.trials === 0) return null
    const former = await this.#former(name, desired)
    const again =
      former === null ? await this.#begin(name, desired, signal) : await this.#replace(name, former, desired, signal)
    listener.accountChanged(name)
    return again
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.#close(name)))
  }

  /** What is known to work and has other credentials than what is desired; null if there is nothing of that kind. */
  async #former(name: string, desired: Form): Promise<Form | null> {
    const { journal, shareSession } = this.#options
    const { verified } = journal.accounts.get(name)
    const open = this.#open.get(name)
    if (verified === null || verified.generation === desired.generation) return null
    if (open !== undefined && (open.session.suspended !== null || open.form.generation !== verified.generation))
      return null
    return (await shareSession(verified.resource, desired.resource)) ? null : verified
  }

  /** Invariant 1: closes what there is, and opens what is desired. */
  async #begin(name: string, desired: Form, signal: AbortSignal): Promise<null> {
    await this.#close(name)
    await this.#report(name, { observedGeneration: desired.generation, phase: 'Verifying', findings: [] })
    await this.#openForm(name, desired, { generation: desired.generation, rejected: [], trials: 0 }, signal)
    return null
  }

  /** Invariant 2. */
  async #replace(name: string, former: Form, desired: Form, signal: AbortSignal): Promise<number | null> {
    const { journal, log } = this.#options
    const { generation } = desired
    const open = this.#open.get(name)
    const { refused } = journal.accounts.get(name)
    // Invariant 3, after a restart.
    if (refused?.generation === generation && open === undefined) {
      const rejected = [refusal(name, refused.message)]
      await this.#openForm(name, former, { generation, rejected, trials: 0 }, signal)
      return null
    }
    await this.#report(name, { observedGeneration: generation, phase: 'Verifying', findings: [] })
    const trial = await tryAccount(desired.resource, this.#options.createAdapter, { signal, log })
    if (trial.passed) {
      await this.#takeOver(name, desired, trial)
      return null
    }
    if (trial.refused !== null) await this.#noteRefused(name, generation, trial.refused)
    const trials = trial.refused === null ? (open?.generation === generation ? open.trials : 0) + 1 : 0
    const rejected = rejectionOf(name, trial)
    if (open === undefined) await this.#openForm(name, former, { generation, rejected, trials }, signal)
    else {
      this.#open.set(name, { ...open, generation, rejected, trials })
      await this.#report(name, { observedGeneration: generation, phase: 'Invalid', findings: rejected })
    }
    return trials === 0 ? null : backoffMs(TRIAL, trials)
  }

  /** What passed its trial takes the place of what was in use. */
  async #takeOver(name: string, form: Form, { adapter, findings }: Trial & { passed: true }): Promise<void> {
    const old = this.#open.get(name)
    const session = this.#sessionOf(name, adapter)
    this.#open.set(name, { form, generation: form.generation, session, rejected: [], trials: 0 })
    await this.#noteVerified(name, form)
    await this.#report(name, { observedGeneration: form.generation, phase: 'Ready', findings })
    await old?.session.close()
    session.start()
  }

  async #openForm(
    name: string,
    form: Form,
    rest: Pick<Open, 'generation' | 'rejected' | 'trials'>,
    signal: AbortSignal,
  ): Promise<void> {
    let adapter: Adapter
    try {
      adapter = await this.#options.createAdapter(form.resource)
    } catch (cause) {
      const error = PcgError.from(cause)
      await this.#report(name, {
        observedGeneration: rest.generation,
        phase: 'Invalid',
        findings: [findingOf(error, `account ${name}`), ...rest.rejected],
      })
      return
    }
    const session = this.#sessionOf(name, adapter)
    this.#open.set(name, { ...rest, form, session })
    await this.verify(name, session, signal)
    if (session.suspended === null) session.start()
  }

  #sessionOf(name: string, adapter: Adapter): AccountSession {
    const { owner, clock, log, listener, signal } = this.#options
    const session = new AccountSession({
      name,
      owner,
      adapter,
      clock,
      log,
      events: {
        changed: (change) => listener.changed(change),
        listed: (listed, objects) => {
          // It answers: what was wrong when it was verified may be over.
          if (this.#statuses.get(listed)?.phase === 'Invalid') void this.verify(listed, session, signal)
          listener.listed(listed, objects)
        },
        refused: (refused, message) => void this.#refused(refused, message),
      },
    })
    return session
  }

  /** Asks the cloud what is missing, and reports it. */
  async verify(name: string, session: AccountSession, signal: AbortSignal): Promise<readonly Finding[]> {
    let findings: readonly Finding[]
    try {
      findings = await session.adapter.verify(session.context(signal))
    } catch (cause) {
      if (signal.aborted) return []
      const error = PcgError.from(cause)
      if (error.code === 'credentials') session.suspend(error.message)
      findings = [findingOf(error, `account ${name}`)]
    }
    const open = this.#open.get(name)
    if (session.suspended !== null || open?.session !== session) return findings
    if (!hasErrors(findings)) await this.#noteVerified(name, open.form)
    const all = [...findings, ...open.rejected]
    const phase = open.rejected.length > 0 || hasErrors(all) ? 'Invalid' : 'Ready'
    await this.#report(name, { observedGeneration: open.generation, phase, findings: all })
    return all
  }

  async #refused(name: string, message: string): Promise<void> {
    const { journal, listener } = this.#options
    const open = this.#open.get(name)
    // What was good once is nothing to fall back on any more.
    const known = journal.accounts.get(name)
    if (known.verified !== null && known.verified.generation === open?.form.generation)
      await journal.write(journal.accounts.set({ ...known, verified: null }))
    const finding: Finding = {
      severity: 'error',
      subject: `account ${name}`,
      message,
      remedy:
        'nothing more is tried with these credentials; seal the right ones with `pcg secret seal` and apply the account again',
    }
    await this.#report(name, {
      observedGeneration: open?.generation ?? 0,
      phase: 'Suspended',
      findings: [finding, ...(open?.rejected ?? [])],
    })
    listener.accountChanged(name)
  }

  async #noteVerified(name: string, { generation, resource }: Form): Promise<void> {
    const { journal } = this.#options
    const known = journal.accounts.get(name)
    if (known.verified?.generation === generation) return
    await journal.write(journal.accounts.set({ ...known, verified: { generation, resource } }))
  }

  async #noteRefused(name: string, generation: number, message: string): Promise<void> {
    const { journal } = this.#options
    await journal.write(journal.accounts.set({ ...journal.accounts.get(name), refused: { generation, message } }))
  }

  async #forget(name: string): Promise<void> {
    const { journal } = this.#options
    const write = journal.accounts.remove(name)
    await journal.write(() => {
      write()
      journal.desired.remove('CloudAccount', name)
    }, [{ type: 'gone', kind: 'CloudAccount', name, left: [] }])
  }

  async #report(name: string, status: AccountStatus): Promise<void> {
    if (JSON.stringify(this.#statuses.get(name)) === JSON.stringify(status)) return
    this.#statuses.set(name, status)
    const wrong = status.findings.filter((finding) => finding.severity === 'error')
    await this.#options.journal.write(
      () => undefined,
      [
        { type: 'status', kind: 'CloudAccount', name, status },
        ...wrong.map((finding) => ({
          type: 'event' as const,
          kind: 'CloudAccount' as const,
          name,
          severity: 'error' as const,
          reason: `Account${status.phase}`,
          message: `${finding.subject}: ${finding.message}`,
        })),
      ],
    )
  }

  async #close(name: string): Promise<void> {
    const open = this.#open.get(name)
    this.#open.delete(name)
    await open?.session.close()
  }

  #whyClosed(name: string): Unusable {
    const finding = this.#statuses.get(name)?.findings.find((found) => found.severity === 'error')
    if (finding === undefined) return { unusable: `account ${name} is not open yet`, passes: true }
    return { unusable: finding.message, passes: false }
  }
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === 'error')
}

/**
 * The cloud accounts of the site, each with at most one session.
 *
 * Invariants
 * 1. One session for each account (invariant 6 of the design): a changed account's old session is closed before the new one opens.
 * 2. An account is verified once for each generation, and its findings reported.
 */
import type { Adapter, AdapterContext, Change, ExternalObject } from '../../adapters/adapter.ts'
import type { AccountStatus, CloudAccount } from '../../resources/cloud-account.ts'
import { findingOf } from '../../resources/finding.ts'
import type { Finding } from '../../resources/query.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Journal } from '../journal/journal.ts'
import { AccountSession } from './account-session.ts'

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
  readonly listener: AccountListener
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

interface Open {
  readonly generation: number
  readonly session: AccountSession
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
    return this.verify(name, session, this.#open.get(name)?.generation ?? 0, signal)
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

  /** Brings the account's session in line with what is desired. Called by one worker at a time for each account. */
  async reconcile(name: string, signal: AbortSignal): Promise<void> {
    const { journal, listener } = this.#options
    const desired = journal.desired.get('CloudAccount', name)
    const open = this.#open.get(name)
    if (desired === undefined || desired.want !== 'present') {
      await this.#close(name)
      if (desired !== undefined)
        await journal.write(
          () => journal.desired.remove('CloudAccount', name),
          [{ type: 'gone', kind: 'CloudAccount', name, left: [] }],
        )
      return
    }
    if (open?.generation === desired.generation) return
    await this.#close(name)
    await this.#begin(desired.resource, desired.generation, signal)
    listener.accountChanged(name)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.#close(name)))
  }

  async #begin(account: CloudAccount, generation: number, signal: AbortSignal): Promise<void> {
    const name = account.metadata.name
    await this.#report(name, { observedGeneration: generation, phase: 'Verifying', findings: [] })
    let adapter: Adapter
    try {
      adapter = await this.#options.createAdapter(account)
    } catch (cause) {
      const error = PcgError.from(cause)
      await this.#report(name, {
        observedGeneration: generation,
        phase: 'Invalid',
        findings: [findingOf(error, `account ${name}`)],
      })
      return
    }
    const session = new AccountSession({
      name,
      owner: this.#options.owner,
      adapter,
      clock: this.#options.clock,
      log: this.#options.log,
      events: {
        changed: (change) => this.#options.listener.changed(change),
        listed: (listed, objects) => {
          // It answers: what was wrong when it was verified may be over.
          if (this.#statuses.get(listed)?.phase === 'Invalid') void this.verify(listed, session, generation, signal)
          this.#options.listener.listed(listed, objects)
        },
        refused: (refused, message) => void this.#refused(refused, generation, message),
      },
    })
    this.#open.set(name, { generation, session })
    await this.verify(name, session, generation, signal)
    if (session.suspended === null) session.start()
  }

  /** Asks the cloud what is missing, and reports it. */
  async verify(
    name: string,
    session: AccountSession,
    generation: number,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    let findings: readonly Finding[]
    try {
      findings = await session.adapter.verify(session.context(signal))
    } catch (cause) {
      if (signal.aborted) return []
      const error = PcgError.from(cause)
      if (error.code === 'credentials') session.suspend(error.message)
      findings = [findingOf(error, `account ${name}`)]
    }
    if (session.suspended === null) {
      const wrong = findings.some((finding) => finding.severity === 'error')
      await this.#report(name, { observedGeneration: generation, phase: wrong ? 'Invalid' : 'Ready', findings })
    }
    return findings
  }

  async #refused(name: string, generation: number, message: string): Promise<void> {
    const finding: Finding = {
      severity: 'error',
      subject: `account ${name}`,
      message,
      remedy:
        'nothing more is tried with these credentials; seal the right ones with `pcg secret seal` and apply the account again',
    }
    await this.#report(name, { observedGeneration: generation, phase: 'Suspended', findings: [finding] })
    this.#options.listener.accountChanged(name)
  }

  async #report(name: string, status: AccountStatus): Promise<void> {
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

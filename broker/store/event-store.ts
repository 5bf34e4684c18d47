/** What happened, and what is no more, as tenants read it. Writes only inside `BrokerDatabase.write`. */
import type { ReportedKind, ResourceKey } from '../../resources/resource.ts'
import { type Page, pageOf } from '../page.ts'
import type { BrokerDatabase, Statement } from './broker-database.ts'

export interface NewEvent {
  /** ISO 8601 */
  readonly time: string
  readonly kind: ReportedKind
  readonly name: string
  readonly severity: 'info' | 'warning' | 'error'
  /** CamelCase, for programs. */
  readonly reason: string
  /** For people. */
  readonly message: string
  /** Which gateway it happened at. */
  readonly gateway: string
  /** Of the request that caused it; empty if none did. */
  readonly traceId: string
}

export interface StoredEvent extends NewEvent {
  readonly revision: number
}

export interface GoneDetail {
  /** What is still in the cloud. */
  readonly left?: readonly string[]
  /** Of the resource when it went. */
  readonly generation?: number
}

export interface EventFilter {
  readonly kind?: string | undefined
  readonly name?: string | undefined
  /** Only events behind this one, oldest first; else the newest ones. */
  readonly after?: number | undefined
  readonly limit: number
}

const markOf = ({ revision }: StoredEvent): number => revision

export interface StoredGone extends ResourceKey {
  readonly revision: number
  /** What was forgotten with it, and is still in the cloud. */
  readonly left: readonly string[]
}

/** How many events of a tenant are kept. */
export const EVENTS_KEPT = 10_000
/** How many removals of a tenant are kept for watchers that were away. */
export const GONE_KEPT = 10_000
/** How many more of either may gather before the oldest go. */
export const SLACK = 500

const COLUMNS = 'revision, time, kind, name, severity, reason, message, gateway, trace_id AS traceId'

export class EventStore {
  readonly #database: BrokerDatabase
  readonly #statements: ReturnType<typeof prepareAll>
  readonly #eventsAdded = new SlackCounter()
  readonly #goneAdded = new SlackCounter()

  constructor(database: BrokerDatabase) {
    this.#database = database
    this.#statements = prepareAll(database)
  }

  add(tenant: string, event: NewEvent): void {
    const { time, kind, name, severity, reason, message, gateway, traceId } = event
    const revision = this.#database.nextRevision(tenant)
    this.#statements.add.run(revision, tenant, time, kind, name, severity, reason, message, gateway, traceId)
    if (this.#eventsAdded.isDue(tenant)) this.#statements.dropOldest.run(tenant, tenant, EVENTS_KEPT)
  }

  /** Oldest first. */
  list(tenant: string, filter: EventFilter): StoredEvent[] {
    const kind = filter.kind ?? null
    const name = filter.name ?? null
    if (filter.after !== undefined)
      return this.#statements.behind.all(tenant, filter.after, kind, kind, name, name, filter.limit)
    return this.#statements.newest.all(tenant, kind, kind, name, name, filter.limit).reverse()
  }

  /** As `list`; only behind an id is there a next part, as those that are not asked for by one are the newest. */
  page(tenant: string, filter: EventFilter): Page<StoredEvent, number> {
    if (filter.after === undefined) return { entries: this.list(tenant, filter) }
    return pageOf(filter.limit, (limit) => this.list(tenant, { ...filter, limit }), markOf)
  }

  changed(tenant: string, after: number, limit: number): StoredEvent[] {
    return this.#statements.behind.all(tenant, after, null, null, null, null, limit)
  }

  /** Notes that something is no more, so that watchers hear of it. */
  addGone(tenant: string, key: ResourceKey, { left = [], generation = 0 }: GoneDetail = {}): void {
    const revision = this.#database.nextRevision(tenant)
    this.#statements.addGone.run(revision, tenant, key.kind, key.name, generation, JSON.stringify(left))
    if (!this.#goneAdded.isDue(tenant)) return
    const oldest = this.#statements.goneBeyond.get(tenant, GONE_KEPT)?.revision
    if (oldest === undefined) return
    this.#statements.dropGone.run(tenant, oldest)
    this.#statements.forget.run(tenant, oldest)
  }

  /** The most that a generation of this name, which isn't there now, has been; 0 if it never was, or that is forgotten. */
  goneGeneration(tenant: string, key: ResourceKey): number {
    const gone = this.#statements.goneGeneration.get(tenant, key.kind, key.name)?.generation ?? 0
    return Math.max(gone, this.#statements.generationFloor.get(tenant)?.generation ?? 0)
  }

  /** Names that aren't known here may have had generations up to this one: what knew them was lost. */
  raiseFloor(tenant: string, generation: number): void {
    this.#statements.raiseFloor.run(tenant, generation)
  }

  gone(tenant: string, after: number, limit: number): StoredGone[] {
    return this.#statements.gone
      .all(tenant, after, limit)
      .map(({ left, ...gone }) => ({ ...gone, left: JSON.parse(left) as string[] }))
  }

  /** Removals up to this revision are forgotten: a watcher can't resume from before it. */
  forgottenThrough(tenant: string): number {
    return this.#statements.forgotten.get(tenant)?.through ?? 0
  }
}

/** Says for each tenant when enough has gathered that the oldest should go; at the first time after a start, it is not known how much has. */
class SlackCounter {
  readonly #added = new Map<string, number>()

  /** Counts one more. */
  isDue(tenant: string): boolean {
    const added = (this.#added.get(tenant) ?? SLACK) + 1
    const due = added > SLACK
    this.#added.set(tenant, due ? 0 : added)
    return due
  }
}

function prepareAll(database: BrokerDatabase) {
  const change = (sql: string): Statement<never> => database.prepare(sql)
  const matching = '(? IS NULL OR kind = ?) AND (? IS NULL OR name = ?)'
  return {
    add: change(
      `INSERT INTO events (revision, tenant, time, kind, name, severity, reason, message, gateway, trace_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    dropOldest: change(
      `DELETE FROM events WHERE tenant = ? AND revision <= (
         SELECT revision FROM events WHERE tenant = ? ORDER BY revision DESC LIMIT 1 OFFSET ?)`,
    ),
    behind: database.prepare<StoredEvent>(
      `SELECT ${COLUMNS} FROM events WHERE tenant = ? AND revision > ? AND ${matching} ORDER BY revision LIMIT ?`,
    ),
    newest: database.prepare<StoredEvent>(
      `SELECT ${COLUMNS} FROM events WHERE tenant = ? AND ${matching} ORDER BY revision DESC LIMIT ?`,
    ),
    addGone: change(
      'INSERT INTO gone (revision, tenant, kind, name, generation, left_behind) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    goneBeyond: database.prepare<{ revision: number }>(
      'SELECT revision FROM gone WHERE tenant = ? ORDER BY revision DESC LIMIT 1 OFFSET ?',
    ),
    dropGone: change('DELETE FROM gone WHERE tenant = ? AND revision <= ?'),
    forget: change(
      `INSERT INTO forgotten_changes (tenant, through) VALUES (?, ?)
       ON CONFLICT (tenant) DO UPDATE SET through = excluded.through`,
    ),
    gone: database.prepare<Omit<StoredGone, 'left'> & { left: string }>(
      'SELECT revision, kind, name, left_behind AS left FROM gone WHERE tenant = ? AND revision > ? ORDER BY revision LIMIT ?',
    ),
    goneGeneration: database.prepare<{ generation: number }>(
      'SELECT generation FROM gone WHERE tenant = ? AND kind = ? AND name = ? ORDER BY revision DESC LIMIT 1',
    ),
    generationFloor: database.prepare<{ generation: number }>(
      'SELECT generation FROM generation_floors WHERE tenant = ?',
    ),
    raiseFloor: change(
      `INSERT INTO generation_floors (tenant, generation) VALUES (?, ?)
       ON CONFLICT (tenant) DO UPDATE SET generation = max(generation, excluded.generation)`,
    ),
    forgotten: database.prepare<{ through: number }>('SELECT through FROM forgotten_changes WHERE tenant = ?'),
  }
}

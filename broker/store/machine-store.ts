/** Machines as their gateways report them, and what happened to each. Writes only inside `BrokerDatabase.write`. */
import type { MachineStatus, TimelineEntry } from '../../resources/machine.ts'
import { type Page, type PageRequest, pageOf } from '../page.ts'
import type { BrokerDatabase, Statement } from './broker-database.ts'

export interface StoredMachine {
  readonly name: string
  readonly cluster: string
  readonly status: MachineStatus
  /** ISO 8601 */
  readonly updatedAt: string
  readonly revision: number
}

export interface StoredEntry {
  readonly revision: number
  readonly machine: string
  readonly cluster: string
  readonly entry: TimelineEntry
}

interface MachineRow {
  readonly name: string
  readonly cluster: string
  readonly status: string
  readonly updated_at: string
  readonly revision: number
}

interface EntryRow {
  readonly revision: number
  readonly machine: string
  readonly cluster: string
  readonly entry: string
}

/** How many entries of a machine are kept: the newest ones. */
export const TIMELINE_LENGTH = 200

const COLUMNS = 'name, cluster, status, updated_at, revision'

export class MachineStore {
  readonly #database: BrokerDatabase
  readonly #statements: ReturnType<typeof prepareAll>

  constructor(database: BrokerDatabase) {
    this.#database = database
    this.#statements = prepareAll(database)
  }

  get(tenant: string, name: string): StoredMachine | undefined {
    const row = this.#statements.get.get(tenant, name)
    return row === undefined ? undefined : machine(row)
  }

  /** By name; of one cluster, if given. */
  list(tenant: string, cluster?: string): StoredMachine[] {
    const { list, listOfCluster } = this.#statements
    return (cluster === undefined ? list.all(tenant) : listOfCluster.all(tenant, cluster)).map(machine)
  }

  /** By name, in parts; of one cluster, if given. */
  page(
    tenant: string,
    { cluster, after = '', limit }: PageRequest<string> & { readonly cluster?: string | undefined },
  ): Page<StoredMachine, string> {
    const { page, pageOfCluster } = this.#statements
    const read = (count: number) =>
      (cluster === undefined ? page.all(tenant, after, count) : pageOfCluster.all(tenant, cluster, after, count)).map(
        machine,
      )
    return pageOf(limit, read, ({ name }) => name)
  }

  changed(tenant: string, after: number, through: number, limit: number): StoredMachine[] {
    return this.#statements.changed.all(tenant, after, through, limit).map(machine)
  }

  put(tenant: string, name: string, status: MachineStatus, now: string): void {
    const revision = this.#database.nextRevision(tenant)
    this.#statements.put.run(tenant, name, status.cluster, JSON.stringify(status), now, revision)
  }

  /** With its timeline. */
  remove(tenant: string, name: string): void {
    this.#statements.remove.run(tenant, name)
    this.#statements.removeTimeline.run(tenant, name)
  }

  /** Whatever is left of a cluster that is no more; returns the machines that were. */
  removeCluster(tenant: string, cluster: string): string[] {
    const names = this.list(tenant, cluster).map((one) => one.name)
    for (const name of names) this.remove(tenant, name)
    this.#statements.removeTimelines.run(tenant, cluster)
    return names
  }

  append(tenant: string, cluster: string, name: string, entry: TimelineEntry): void {
    const revision = this.#database.nextRevision(tenant)
    this.#statements.append.run(revision, tenant, cluster, name, JSON.stringify(entry))
    this.#statements.shorten.run(tenant, name, tenant, name, TIMELINE_LENGTH)
  }

  /** Oldest first. */
  timeline(tenant: string, name: string): StoredEntry[] {
    return this.#statements.timeline.all(tenant, name).map(timelineEntry)
  }

  changedTimelines(tenant: string, after: number, limit: number): StoredEntry[] {
    return this.#statements.changedTimelines.all(tenant, after, limit).map(timelineEntry)
  }
}

function machine(row: MachineRow): StoredMachine {
  return {
    name: row.name,
    cluster: row.cluster,
    status: JSON.parse(row.status) as MachineStatus,
    updatedAt: row.updated_at,
    revision: row.revision,
  }
}

function timelineEntry(row: EntryRow): StoredEntry {
  return {
    revision: row.revision,
    machine: row.machine,
    cluster: row.cluster,
    entry: JSON.parse(row.entry) as TimelineEntry,
  }
}

function prepareAll(database: BrokerDatabase) {
  const change = (sql: string): Statement<never> => database.prepare(sql)
  return {
    get: database.prepare<MachineRow>(`SELECT ${COLUMNS} FROM machines WHERE tenant = ? AND name = ?`),
    list: database.prepare<MachineRow>(`SELECT ${COLUMNS} FROM machines WHERE tenant = ? ORDER BY name`),
    listOfCluster: database.prepare<MachineRow>(
      `SELECT ${COLUMNS} FROM machines WHERE tenant = ? AND cluster = ? ORDER BY name`,
    ),
    page: database.prepare<MachineRow>(
      `SELECT ${COLUMNS} FROM machines WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?`,
    ),
    pageOfCluster: database.prepare<MachineRow>(
      `SELECT ${COLUMNS} FROM machines WHERE tenant = ? AND cluster = ? AND name > ? ORDER BY name LIMIT ?`,
    ),
    changed: database.prepare<MachineRow>(
      `SELECT ${COLUMNS} FROM machines WHERE tenant = ? AND revision > ? AND revision <= ? ORDER BY revision LIMIT ?`,
    ),
    put: change(
      `INSERT INTO machines (tenant, name, cluster, status, updated_at, revision) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant, name) DO UPDATE SET cluster = excluded.cluster, status = excluded.status,
         updated_at = excluded.updated_at, revision = excluded.revision`,
    ),
    remove: change('DELETE FROM machines WHERE tenant = ? AND name = ?'),
    removeTimeline: change('DELETE FROM timelines WHERE tenant = ? AND machine = ?'),
    removeTimelines: change('DELETE FROM timelines WHERE tenant = ? AND cluster = ?'),
    append: change('INSERT INTO timelines (revision, tenant, cluster, machine, entry) VALUES (?, ?, ?, ?, ?)'),
    shorten: change(
      `DELETE FROM timelines WHERE tenant = ? AND machine = ? AND revision <= (
         SELECT revision FROM timelines WHERE tenant = ? AND machine = ? ORDER BY revision DESC LIMIT 1 OFFSET ?)`,
    ),
    timeline: database.prepare<EntryRow>(
      'SELECT revision, machine, cluster, entry FROM timelines WHERE tenant = ? AND machine = ? ORDER BY revision',
    ),
    changedTimelines: database.prepare<EntryRow>(
      'SELECT revision, machine, cluster, entry FROM timelines WHERE tenant = ? AND revision > ? ORDER BY revision LIMIT ?',
    ),
  }
}

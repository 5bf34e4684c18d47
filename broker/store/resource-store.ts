/** Desired state by tenant, with what gateways say of it. Reads may run at any time; writes only inside `BrokerDatabase.write`. */
import type { Kind, Resource, ResourceKey } from '../../resources/resource.ts'
import { type Page, type PageRequest, pageOf } from '../page.ts'
import { referencesOf } from '../references.ts'
import type { BrokerDatabase, Statement } from './broker-database.ts'

export interface StoredResource {
  readonly resource: Resource
  /** Rises when the spec changes. */
  readonly generation: number
  /** How it is on its way out, if it is. */
  readonly deleting: 'delete' | 'forget' | null
  /** ISO 8601 */
  readonly createdAt: string
  /** ISO 8601 */
  readonly updatedAt: string
  /** As its gateway reported it last. */
  readonly status: unknown
  readonly revision: number
}

interface Row {
  readonly resource: string
  readonly generation: number
  readonly deleting: 'delete' | 'forget' | null
  readonly created_at: string
  readonly updated_at: string
  readonly status: string | null
  readonly revision: number
}

const COLUMNS = 'resource, generation, deleting, created_at, updated_at, status, revision'

export class ResourceStore {
  readonly #database: BrokerDatabase
  readonly #statements: ReturnType<typeof prepareAll>

  constructor(database: BrokerDatabase) {
    this.#database = database
    this.#statements = prepareAll(database)
  }

  get(tenant: string, kind: string, name: string): StoredResource | undefined {
    const row = this.#statements.get.get(tenant, kind, name)
    return row === undefined ? undefined : stored(row)
  }

  /** By name, in parts. */
  page(tenant: string, kind: Kind, { after = '', limit }: PageRequest<string>): Page<StoredResource, string> {
    const read = (count: number) => this.#statements.page.all(tenant, kind, after, count).map(stored)
    return pageOf(limit, read, ({ resource }) => resource.metadata.name)
  }

  /** By name. */
  list(tenant: string, kind: Kind): StoredResource[] {
    return this.#statements.list.all(tenant, kind).map(stored)
  }

  /** Changed after `after` and up to `through`, in the order of their revisions. */
  changed(tenant: string, after: number, through: number, limit: number): StoredResource[] {
    return this.#statements.changed.all(tenant, after, through, limit).map(stored)
  }

  /** Stores a resource in the place of what was there; returns its revision. */
  put(tenant: string, resource: Resource, generation: number, now: string): number {
    const { kind } = resource
    const { name } = resource.metadata
    const revision = this.#database.nextRevision(tenant)
    this.#statements.put.run(tenant, kind, name, generation, JSON.stringify(resource), now, now, revision)
    this.#statements.dropReferences.run(tenant, kind, name)
    for (const reference of referencesOf(resource))
      this.#statements.addReference.run(tenant, reference.kind, reference.name, kind, name)
    return revision
  }

  markDeleting(tenant: string, key: ResourceKey, mode: 'delete' | 'forget', now: string): void {
    const revision = this.#database.nextRevision(tenant)
    this.#statements.markDeleting.run(mode, now, revision, tenant, key.kind, key.name)
  }

  /** Returns whether the resource is there. */
  setStatus(tenant: string, key: ResourceKey, status: unknown, now: string): boolean {
    const revision = this.#database.nextRevision(tenant)
    return this.#statements.setStatus.run(JSON.stringify(status), now, revision, tenant, key.kind, key.name) > 0
  }

  raiseGeneration(tenant: string, key: ResourceKey, by: number): void {
    const revision = this.#database.nextRevision(tenant)
    this.#statements.raiseGeneration.run(by, revision, tenant, key.kind, key.name)
  }

  /** Gives the resource a new revision, because something that is shown with it changed. */
  touch(tenant: string, key: ResourceKey): void {
    this.#statements.touch.run(this.#database.nextRevision(tenant), tenant, key.kind, key.name)
  }

  /** The resource with its references and holdings; watchers hear of it by `ChangeStore.gone`. */
  remove(tenant: string, key: ResourceKey): void {
    this.#statements.remove.run(tenant, key.kind, key.name)
    this.#statements.dropReferences.run(tenant, key.kind, key.name)
    this.#statements.dropHoldings.run(tenant, key.kind, key.name)
  }

  /** The resources that name this one. */
  referrers(tenant: string, key: ResourceKey): { kind: Kind; name: string }[] {
    return this.#statements.referrers.all(tenant, key.kind, key.name)
  }

  /** A cluster of each account that has clusters with this pool. */
  poolUsers(tenant: string, pool: string): { cluster: string; account: string }[] {
    return this.#statements.poolUsers.all(tenant, pool)
  }

  /** The names of the clusters that have this address for their virtual or floating IP. */
  endpointHolders(tenant: string, address: string): string[] {
    return this.#statements.endpointHolders.all(tenant, address).map((row) => row.name)
  }

  /** The generation of the resource that the gateway was sent last; undefined if it has none. */
  held(tenant: string, key: ResourceKey, gateway: string): number | undefined {
    return this.#statements.held.get(tenant, key.kind, key.name, gateway)?.generation
  }

  holders(tenant: string, key: ResourceKey): string[] {
    return this.#statements.holders.all(tenant, key.kind, key.name).map((row) => row.gateway)
  }

  setHeld(tenant: string, key: ResourceKey, gateway: string, generation: number): void {
    this.#statements.setHeld.run(tenant, key.kind, key.name, gateway, generation)
  }

  /** Of a gateway that lost what it had, or is no more. */
  dropHoldingsOf(tenant: string, gateway: string): void {
    this.#statements.dropHoldingsOf.run(tenant, gateway)
  }
}

function stored(row: Row): StoredResource {
  return {
    resource: JSON.parse(row.resource) as Resource,
    generation: row.generation,
    deleting: row.deleting,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    status: row.status === null ? null : JSON.parse(row.status),
    revision: row.revision,
  }
}

function prepareAll(database: BrokerDatabase) {
  const change = (sql: string): Statement<never> => database.prepare(sql)
  return {
    get: database.prepare<Row>(`SELECT ${COLUMNS} FROM resources WHERE tenant = ? AND kind = ? AND name = ?`),
    list: database.prepare<Row>(`SELECT ${COLUMNS} FROM resources WHERE tenant = ? AND kind = ? ORDER BY name`),
    page: database.prepare<Row>(
      `SELECT ${COLUMNS} FROM resources WHERE tenant = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?`,
    ),
    changed: database.prepare<Row>(
      `SELECT ${COLUMNS} FROM resources WHERE tenant = ? AND revision > ? AND revision <= ? ORDER BY revision LIMIT ?`,
    ),
    put: change(
      `INSERT INTO resources (tenant, kind, name, generation, resource, created_at, updated_at, revision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant, kind, name) DO UPDATE SET generation = excluded.generation, resource = excluded.resource,
         updated_at = excluded.updated_at, revision = excluded.revision`,
    ),
    markDeleting: change(
      'UPDATE resources SET deleting = ?, updated_at = ?, revision = ? WHERE tenant = ? AND kind = ? AND name = ?',
    ),
    setStatus: change(
      'UPDATE resources SET status = ?, updated_at = ?, revision = ? WHERE tenant = ? AND kind = ? AND name = ?',
    ),
    raiseGeneration: change(
      'UPDATE resources SET generation = generation + ?, revision = ? WHERE tenant = ? AND kind = ? AND name = ?',
    ),
    touch: change('UPDATE resources SET revision = ? WHERE tenant = ? AND kind = ? AND name = ?'),
    remove: change('DELETE FROM resources WHERE tenant = ? AND kind = ? AND name = ?'),
    addReference: change(
      'INSERT OR IGNORE INTO refs (tenant, to_kind, to_name, from_kind, from_name) VALUES (?, ?, ?, ?, ?)',
    ),
    dropReferences: change('DELETE FROM refs WHERE tenant = ? AND from_kind = ? AND from_name = ?'),
    referrers: database.prepare<{ kind: Kind; name: string }>(
      'SELECT from_kind AS kind, from_name AS name FROM refs WHERE tenant = ? AND to_kind = ? AND to_name = ? ORDER BY 1, 2',
    ),
    poolUsers: database.prepare<{ cluster: string; account: string }>(
      `SELECT min(user.name) AS cluster, json_extract(user.resource, '$.spec.account') AS account
       FROM refs JOIN resources user ON user.tenant = refs.tenant AND user.kind = refs.from_kind AND user.name = refs.from_name
       WHERE refs.tenant = ? AND refs.to_kind = 'IPPool' AND refs.to_name = ? AND refs.from_kind = 'Cluster'
       GROUP BY account ORDER BY cluster`,
    ),
    endpointHolders: database.prepare<{ name: string }>(
      `SELECT name FROM resources INDEXED BY cluster_endpoints
       WHERE tenant = ? AND kind = 'Cluster' AND json_extract(resource, '$.spec.network.endpoint.address') = ?
         AND json_extract(resource, '$.spec.network.endpoint.type') IN ('virtual-ip', 'floating-ip') ORDER BY name`,
    ),
    held: database.prepare<{ generation: number }>(
      'SELECT generation FROM holdings WHERE tenant = ? AND kind = ? AND name = ? AND gateway = ?',
    ),
    holders: database.prepare<{ gateway: string }>(
      'SELECT gateway FROM holdings WHERE tenant = ? AND kind = ? AND name = ? ORDER BY gateway',
    ),
    setHeld: change(
      `INSERT INTO holdings (tenant, kind, name, gateway, generation) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (tenant, kind, name, gateway) DO UPDATE SET generation = excluded.generation`,
    ),
    dropHoldings: change('DELETE FROM holdings WHERE tenant = ? AND kind = ? AND name = ?'),
    dropHoldingsOf: change('DELETE FROM holdings WHERE tenant = ? AND gateway = ?'),
  }
}

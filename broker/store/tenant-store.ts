/** Tenants and their API keys. A key is shown once and stored as its SHA-256: it has 256 random bits, so nothing slower is needed. */
import { createHash, randomBytes } from 'node:crypto'
import { nameSchema } from '../../resources/metadata.ts'
import type { Clock } from '../../runtime/clock.ts'
import { timestamp } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { type Page, type PageRequest, pageOf } from '../page.ts'
import type { BrokerDatabase, Statement } from './broker-database.ts'

/** What a key may do: read; also apply, delete, plan and verify; also manage keys, join tokens and revocation. */
export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** ISO 8601 */
  readonly createdAt: string
}

export interface Caller {
  readonly tenant: string
  readonly role: Role
}

const KEY_FORM = /^pcgk_[\w-]{43}$/

export class TenantStore {
  readonly #database: BrokerDatabase
  readonly #clock: Clock
  readonly #statements: ReturnType<typeof prepareAll>

  constructor(database: BrokerDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
    this.#statements = prepareAll(database)
  }

  exists(name: string): boolean {
    return this.#statements.tenant.get(name) !== undefined
  }

  /** Makes a tenant with `key` as its admin key; returns it. Throws `conflict` if the name is taken, `invalid` if it isn't one. */
  async create(name: string, key: string = newApiKey()): Promise<string> {
    const checked = nameSchema.safeParse(name)
    if (!checked.success)
      throw new PcgError('invalid', `the tenant's name ${checked.error.issues[0]?.message ?? 'is wrong'}`, {
        subject: 'name',
        remedy: 'Choose a name like `acme`.',
      })
    return this.#database.write(() => {
      if (this.exists(name))
        throw new PcgError('conflict', `there is a tenant called ${name} already`, {
          subject: 'name',
          remedy: 'Choose another name.',
        })
      this.#statements.addTenant.run(name, timestamp(this.#clock))
      this.#add(name, 'admin', 'admin', key)
      return key
    })
  }

  /** Throws `conflict` if the tenant has a key of that name. */
  addKey(tenant: string, name: string, role: Role): Promise<{ id: string; key: string }> {
    const key = newApiKey()
    return this.#database.write(() => ({ id: this.#add(tenant, name, role, key), key }))
  }

  /** By name. */
  keys(tenant: string): ApiKey[] {
    return this.#statements.keys.all(tenant)
  }

  /** By name, in parts. */
  keyPage(tenant: string, { after = '', limit }: PageRequest<string>): Page<ApiKey, string> {
    return pageOf(
      limit,
      (count) => this.#statements.keyPage.all(tenant, after, count),
      ({ name }) => name,
    )
  }

  /** Throws `not-found`; and `conflict` for the last admin key, behind which the tenant would be locked out. */
  removeKey(tenant: string, id: string): Promise<void> {
    return this.#database.write(() => {
      const keys = this.keys(tenant)
      const key = keys.find((one) => one.id === id)
      if (key === undefined)
        throw new PcgError('not-found', `there is no API key ${id}`, {
          subject: id,
          remedy: 'See `GET /v1/keys` for the ids.',
        })
      if (key.role === 'admin' && keys.filter((one) => one.role === 'admin').length === 1)
        throw new PcgError('conflict', `${key.name} is the only admin key`, {
          subject: id,
          remedy: 'Make another admin key first.',
        })
      this.#statements.removeKey.run(tenant, id)
    })
  }

  /** Whose key this is; undefined if nobody's. */
  callerOf(key: string): Caller | undefined {
    return KEY_FORM.test(key) ? this.#statements.caller.get(hashOf(key)) : undefined
  }

  /** Returns its id. */
  #add(tenant: string, name: string, role: Role, key: string): string {
    if (this.#statements.keyByName.get(tenant, name) !== undefined)
      throw new PcgError('conflict', `there is an API key called ${name} already`, {
        subject: 'name',
        remedy: 'Choose another name, or delete that key first.',
      })
    const id = randomBytes(8).toString('hex')
    this.#statements.addKey.run(id, tenant, name, role, hashOf(key), timestamp(this.#clock))
    return id
  }
}

/** A new key, which nobody has yet. */
export function newApiKey(): string {
  return `pcgk_${randomBytes(32).toString('base64url')}`
}

function hashOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest()
}

function prepareAll(database: BrokerDatabase) {
  const change = (sql: string): Statement<never> => database.prepare(sql)
  return {
    tenant: database.prepare<{ name: string }>('SELECT name FROM tenants WHERE name = ?'),
    addTenant: change('INSERT INTO tenants (name, created_at) VALUES (?, ?)'),
    addKey: change('INSERT INTO api_keys (id, tenant, name, role, hash, created_at) VALUES (?, ?, ?, ?, ?, ?)'),
    keyByName: database.prepare<{ id: string }>('SELECT id FROM api_keys WHERE tenant = ? AND name = ?'),
    keys: database.prepare<ApiKey>(
      'SELECT id, name, role, created_at AS createdAt FROM api_keys WHERE tenant = ? ORDER BY name',
    ),
    keyPage: database.prepare<ApiKey>(
      'SELECT id, name, role, created_at AS createdAt FROM api_keys WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?',
    ),
    removeKey: change('DELETE FROM api_keys WHERE tenant = ? AND id = ?'),
    caller: database.prepare<Caller>('SELECT tenant, role FROM api_keys WHERE hash = ?'),
  }
}

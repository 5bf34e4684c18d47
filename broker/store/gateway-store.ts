/** What the broker knows of each gateway, the certificates that count, and the tokens to join by. Writes only inside `BrokerDatabase.write`. */
import type { GatewayIdentity } from '../../tunnel/identity.ts'
import type { BrokerDatabase, Statement } from './broker-database.ts'

export interface GatewayRecord {
  /** Of the newest session. */
  readonly epoch: number
  readonly connected: boolean
  readonly revoked: boolean
  /** Null until it attached for the first time. */
  readonly journalId: string | null
  /** The last event of that journal that is stored. */
  readonly eventCursor: number
  /** Deliveries up to this one are not for this journal: they were sent before it was made. */
  readonly resumeFloor: number
  readonly version: string | null
  /** HPKE public key, base64. */
  readonly sealingKey: string | null
  /** ISO 8601 */
  readonly certificateEnds: string | null
  /** ISO 8601 */
  readonly lastSeen: string | null
}

interface Row extends Omit<GatewayRecord, 'connected' | 'revoked'> {
  readonly connected: number
  readonly revoked: number
}

export interface JoinToken {
  readonly tenant: string
  readonly gateway: string
  /** ms since 1970 */
  readonly expiresMs: number
  /** ms since 1970; null while it can still be used. */
  readonly spentMs: number | null
  /** SHA-256 of the public key that it enrolled, hex; null where the token no longer enrols anything. */
  readonly keyHash: string | null
}

export interface AttachFacts {
  readonly journalId: string
  readonly resumeFloor: number
  readonly version: string
  readonly sealingKey: string
  readonly certificateEnds: string
  readonly now: string
}

export class GatewayStore {
  readonly #statements: ReturnType<typeof prepareAll>

  constructor(database: BrokerDatabase) {
    this.#statements = prepareAll(database)
  }

  get(gateway: GatewayIdentity): GatewayRecord | undefined {
    const row = this.#statements.get.get(gateway.tenant, gateway.gateway)
    return row === undefined ? undefined : { ...row, connected: row.connected === 1, revoked: row.revoked === 1 }
  }

  add(gateway: GatewayIdentity): void {
    this.#statements.add.run(gateway.tenant, gateway.gateway)
  }

  /** With its certificates and tokens. */
  remove({ tenant, gateway }: GatewayIdentity): void {
    this.#statements.remove.run(tenant, gateway)
    this.#statements.dropSerials.run(tenant, gateway)
    this.#statements.dropTokens.run(tenant, gateway)
  }

  /** Counts a new session, and returns its epoch. A journal that wasn't known starts with no events. */
  attach({ tenant, gateway }: GatewayIdentity, facts: AttachFacts): number {
    const { journalId, resumeFloor, version, sealingKey, certificateEnds, now } = facts
    const row = this.#statements.attach.get(
      journalId,
      journalId,
      resumeFloor,
      version,
      sealingKey,
      certificateEnds,
      now,
      tenant,
      gateway,
    )
    return row?.epoch ?? 0
  }

  /** Returns whether that session was the newest. */
  detach({ tenant, gateway }: GatewayIdentity, epoch: number, lastSeen: string): boolean {
    return this.#statements.detach.run(lastSeen, tenant, gateway, epoch) > 0
  }

  /** After a start nobody is attached; returns who was taken to be. */
  disconnectAll(): GatewayIdentity[] {
    return this.#statements.disconnectAll.all()
  }

  setLastSeen({ tenant, gateway }: GatewayIdentity, time: string): void {
    this.#statements.setLastSeen.run(time, tenant, gateway)
  }

  setEventCursor({ tenant, gateway }: GatewayIdentity, sequence: number): void {
    this.#statements.setEventCursor.run(sequence, tenant, gateway)
  }

  /** From now on no certificate and no token of it counts; and its sessions are fenced. */
  revoke({ tenant, gateway }: GatewayIdentity): void {
    this.#statements.revoke.run(tenant, gateway)
    this.#statements.dropSerials.run(tenant, gateway)
    this.#statements.dropTokens.run(tenant, gateway)
  }

  /** The only certificate that counts from now on; ends a revocation. */
  enrol({ tenant, gateway }: GatewayIdentity, serial: string, sealingKey: string): void {
    this.#statements.dropSerials.run(tenant, gateway)
    this.#statements.addSerial.run(tenant, gateway, serial)
    this.#statements.enrol.run(sealingKey, tenant, gateway)
  }

  hasSerial({ tenant, gateway }: GatewayIdentity, serial: string): boolean {
    return this.#statements.serial.get(tenant, gateway, serial) !== undefined
  }

  addSerial({ tenant, gateway }: GatewayIdentity, serial: string): void {
    this.#statements.addSerial.run(tenant, gateway, serial)
  }

  /** Drops the certificates from before this one; returns how many. */
  dropOlderSerials({ tenant, gateway }: GatewayIdentity, serial: string): number {
    const id = this.#statements.serial.get(tenant, gateway, serial)?.id
    return id === undefined ? 0 : this.#statements.dropOlderSerials.run(tenant, gateway, id)
  }

  hasOlderSerials({ tenant, gateway }: GatewayIdentity, serial: string): boolean {
    return this.#statements.olderSerial.get(tenant, gateway, tenant, gateway, serial) !== undefined
  }

  addToken(hash: string, gateway: GatewayIdentity, expiresMs: number): void {
    this.#statements.addToken.run(hash, gateway.tenant, gateway.gateway, expiresMs)
  }

  token(hash: string): JoinToken | undefined {
    return this.#statements.token.get(hash)
  }

  /** It counts for this key alone from now on; and earlier ones of the gateway for none any more. */
  spendToken(hash: string, { tenant, gateway }: GatewayIdentity, keyHash: string, nowMs: number): void {
    this.#statements.endTokens.run(tenant, gateway)
    this.#statements.spendToken.run(nowMs, keyHash, hash)
  }

  /** Tokens whose end, or use, was before `beforeMs`: till then they can be told from ones that never were. */
  dropOldTokens(beforeMs: number): void {
    this.#statements.dropOldTokens.run(beforeMs)
  }
}

function prepareAll(database: BrokerDatabase) {
  const change = (sql: string): Statement<never> => database.prepare(sql)
  return {
    get: database.prepare<Row>(
      `SELECT epoch, connected, revoked, journal_id AS journalId, event_cursor AS eventCursor,
         resume_floor AS resumeFloor, version, sealing_key AS sealingKey, certificate_ends AS certificateEnds,
         last_seen AS lastSeen FROM gateways WHERE tenant = ? AND name = ?`,
    ),
    add: change('INSERT OR IGNORE INTO gateways (tenant, name) VALUES (?, ?)'),
    remove: change('DELETE FROM gateways WHERE tenant = ? AND name = ?'),
    attach: database.prepare<{ epoch: number }>(
      `UPDATE gateways SET epoch = epoch + 1, connected = 1,
         event_cursor = CASE WHEN journal_id IS ? THEN event_cursor ELSE 0 END,
         journal_id = ?, resume_floor = ?, version = ?, sealing_key = ?, certificate_ends = ?, last_seen = ?
       WHERE tenant = ? AND name = ? RETURNING epoch`,
    ),
    detach: change('UPDATE gateways SET connected = 0, last_seen = ? WHERE tenant = ? AND name = ? AND epoch = ?'),
    disconnectAll: database.prepare<GatewayIdentity>(
      'UPDATE gateways SET connected = 0 WHERE connected = 1 RETURNING tenant, name AS gateway',
    ),
    setLastSeen: change('UPDATE gateways SET last_seen = ? WHERE tenant = ? AND name = ?'),
    setEventCursor: change('UPDATE gateways SET event_cursor = ? WHERE tenant = ? AND name = ?'),
    revoke: change('UPDATE gateways SET revoked = 1, connected = 0, epoch = epoch + 1 WHERE tenant = ? AND name = ?'),
    enrol: change('UPDATE gateways SET revoked = 0, sealing_key = ? WHERE tenant = ? AND name = ?'),
    serial: database.prepare<{ id: number }>(
      'SELECT id FROM gateway_serials WHERE tenant = ? AND gateway = ? AND serial = ?',
    ),
    addSerial: change('INSERT OR IGNORE INTO gateway_serials (tenant, gateway, serial) VALUES (?, ?, ?)'),
    olderSerial: database.prepare<{ id: number }>(
      `SELECT id FROM gateway_serials WHERE tenant = ? AND gateway = ? AND id < (
         SELECT id FROM gateway_serials WHERE tenant = ? AND gateway = ? AND serial = ?) LIMIT 1`,
    ),
    dropOlderSerials: change('DELETE FROM gateway_serials WHERE tenant = ? AND gateway = ? AND id < ?'),
    dropSerials: change('DELETE FROM gateway_serials WHERE tenant = ? AND gateway = ?'),
    addToken: change('INSERT INTO join_tokens (hash, tenant, gateway, expires_ms) VALUES (?, ?, ?, ?)'),
    token: database.prepare<JoinToken>(
      'SELECT tenant, gateway, expires_ms AS expiresMs, spent_ms AS spentMs, key_hash AS keyHash FROM join_tokens WHERE hash = ?',
    ),
    spendToken: change('UPDATE join_tokens SET spent_ms = ?, key_hash = ? WHERE hash = ?'),
    endTokens: change('UPDATE join_tokens SET key_hash = NULL WHERE tenant = ? AND gateway = ?'),
    dropTokens: change('DELETE FROM join_tokens WHERE tenant = ? AND gateway = ?'),
    dropOldTokens: change('DELETE FROM join_tokens WHERE expires_ms < ?1 OR spent_ms < ?1'),
  }
}

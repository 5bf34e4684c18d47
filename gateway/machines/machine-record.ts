import { createHash, randomBytes } from 'node:crypto'
import type { MachineAddress } from '../../adapters/adapter.ts'
import type { MachineRole, MachineStatus } from '../../resources/machine.ts'
import type { UnitRecord } from '../units/unit-record.ts'
import type { Departure } from './departure.ts'

export type PhoneHomeState =
  | { readonly state: 'waiting' }
  | { readonly state: 'ready'; readonly at: string }
  | { readonly state: 'failed'; readonly at: string; readonly message: string }

/** What the journal knows of a machine. Its spec, with the user-data, is stored beside it and read only when a step needs it. */
export interface MachineRecord extends UnitRecord {
  readonly pool: string
  readonly role: MachineRole
  readonly revision: string
  /** Whether it makes the cluster (kubeadm init) and the others join it. */
  readonly initialises: boolean
  readonly address: MachineAddress
  readonly phoneHomeTokenHash: string
  readonly phoneHome: PhoneHomeState
  /** ISO 8601, since it is powered on and hasn't phoned home. */
  readonly bootingSince: string | null
  readonly departure: Departure
  readonly addresses: readonly string[]
  readonly externalId: string | null
  readonly createdAt: string
}

/** The secret by which a machine's phone-home is known; only its hash stays with the record. */
export function createPhoneHomeToken(): { token: string; hash: string } {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashToken(token) }
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

export function toStatus(record: MachineRecord): MachineStatus {
  return {
    uid: record.uid,
    cluster: record.cluster,
    pool: record.pool,
    role: record.role,
    phase: record.phase,
    stage: record.stage,
    ...(record.progress === null ? {} : { progress: record.progress }),
    addresses: record.addresses,
    ...(record.externalId === null ? {} : { externalId: record.externalId }),
    revision: record.revision,
    conditions: record.conditions,
  }
}

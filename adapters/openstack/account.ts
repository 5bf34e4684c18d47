/** An account as a user wrote it, and its opened credentials, as the client takes them. Pure. */
import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { ClientCertificate, OpenstackCredentials, UserRef } from './client/credentials.ts'
import type { AuthScope, CloudOptions, DomainRef } from './client/endpoint-options.ts'

type Sealed = Readonly<Record<string, string>>

const REMEDY = 'Seal the credentials anew: `pcg account import clouds.yaml`, or `pcg secret seal` with the whole JSON.'

export function cloudOptionsOf(spec: OpenstackAccountSpec): CloudOptions {
  return {
    authUrl: spec.authUrl,
    region: spec.region,
    interface: spec.interface,
    scope: spec.scope === undefined ? undefined : scopeOf(spec.scope),
    authority: spec.authority,
    endpoints: spec.endpoints,
  }
}

/** The schema saw to it that exactly one is given, and that a project's name comes with its domain. */
function scopeOf(scope: NonNullable<OpenstackAccountSpec['scope']>): AuthScope {
  if (scope.trustId !== undefined) return { type: 'trust', id: scope.trustId }
  if (scope.system !== undefined) return { type: 'system' }
  if (scope.projectId !== undefined) return { type: 'project', id: scope.projectId }
  if (scope.projectName !== undefined) {
    const domain = domainOf(scope.projectDomainId, scope.projectDomainName)
    if (domain !== undefined) return { type: 'project', name: scope.projectName, domain }
  }
  const domain = domainOf(scope.domainId, scope.domainName)
  if (domain !== undefined) return { type: 'domain', domain }
  throw new PcgError('invalid', 'names no project', { subject: 'spec.scope' })
}

/**
 * The credentials that were sealed for an OpenStack account.
 * Throws `invalid` that names every field that is missing, and never what stands in one.
 */
export function credentialsOf(record: Sealed): OpenstackCredentials {
  const clientCertificate = certificateOf(record)
  const presented = clientCertificate === undefined ? {} : { clientCertificate }
  switch (record.type) {
    case 'password':
      return { type: 'password', password: fieldOf(record, 'password'), ...userOf(record), ...presented }
    case 'application-credential': {
      const secret = fieldOf(record, 'secret')
      if (record.id) return { type: 'application-credential', id: record.id, secret, ...presented }
      if (!record.name) throw missing('id', 'the id of the application credential (or its name and its user)')
      return { type: 'application-credential', name: record.name, secret, ...userOf(record), ...presented }
    }
    case 'token':
      return { type: 'token', token: fieldOf(record, 'token'), ...presented }
    case undefined:
      throw missing('type', 'password, application-credential or token')
    default:
      throw new PcgError('invalid', 'the sealed type is none of password, application-credential and token', {
        subject: 'sealed credentials',
        remedy: REMEDY,
      })
  }
}

function userOf(record: Sealed): UserRef {
  if (record.userId) return { userId: record.userId }
  if (!record.username) throw missing('username', "the user's name (or userId)")
  const userDomain = domainOf(record.userDomainId, record.userDomainName)
  if (userDomain === undefined)
    throw missing('userDomainName', "the user's domain, often Default (or userDomainId, or a userId)")
  return { username: record.username, userDomain }
}

function domainOf(id: string | undefined, name: string | undefined): DomainRef | undefined {
  if (id) return { id }
  return name ? { name } : undefined
}

function certificateOf({ clientCertificate: cert, clientKey: key }: Sealed): ClientCertificate | undefined {
  if (!cert && !key) return undefined
  if (!cert) throw missing('clientCertificate', 'the certificate of clientKey, in PEM')
  if (!key) throw missing('clientKey', 'the key of clientCertificate, in PEM')
  return { cert, key }
}

function fieldOf(record: Sealed, field: string): string {
  const value = record[field]
  if (!value) throw missing(field, `what type ${record.type} needs`)
  return value
}

function missing(field: string, meaning: string): PcgError {
  return new PcgError('invalid', `the sealed credentials have no ${field}: ${meaning}`, {
    subject: 'sealed credentials',
    remedy: REMEDY,
  })
}

/** The body of `POST /v3/auth/tokens` (Identity API v3, "Password/Token/Application credential authentication"). Pure. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { ApplicationCredential, OpenstackCredentials, UserRef } from './credentials.ts'
import type { AuthScope, DomainRef } from './endpoint-options.ts'

export function authRequest(credentials: OpenstackCredentials, scope: AuthScope | undefined): object {
  if (credentials.type === 'application-credential' && scope !== undefined) {
    // Keystone answers 401 to this, which would read as a wrong secret.
    throw new PcgError('invalid', 'an application credential has its project already and takes no scope', {
      subject: 'spec.scope',
      remedy: 'Remove spec.scope.',
    })
  }
  return { auth: { identity: identityOf(credentials), ...(scope === undefined ? {} : { scope: scopeOf(scope) }) } }
}

function identityOf(credentials: OpenstackCredentials): object {
  switch (credentials.type) {
    case 'password':
      return { methods: ['password'], password: { user: { ...userOf(credentials), password: credentials.password } } }
    case 'application-credential':
      return { methods: ['application_credential'], application_credential: applicationOf(credentials) }
    case 'token':
      return { methods: ['token'], token: { id: credentials.token } }
  }
}

function applicationOf(credential: ApplicationCredential): object {
  const { secret } = credential
  if (credential.id !== undefined) return { id: credential.id, secret }
  return { name: credential.name, user: userOf(credential), secret }
}

function userOf(user: UserRef): object {
  if (user.userId !== undefined) return { id: user.userId }
  return { name: user.username, domain: domainOf(user.userDomain) }
}

function domainOf(domain: DomainRef): object {
  return domain.id === undefined ? { name: domain.name } : { id: domain.id }
}

function scopeOf(scope: AuthScope): object {
  switch (scope.type) {
    case 'project':
      return scope.id === undefined
        ? { project: { name: scope.name, domain: domainOf(scope.domain) } }
        : { project: { id: scope.id } }
    case 'domain':
      return { domain: domainOf(scope.domain) }
    case 'system':
      return { system: { all: true } }
    case 'trust':
      return { 'OS-TRUST:trust': { id: scope.id } }
  }
}

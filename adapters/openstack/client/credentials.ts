import type { DomainRef } from './endpoint-options.ts'

/** A client's certificate for clouds that ask for one (mutual TLS), both in PEM. */
export interface ClientCertificate {
  readonly cert: string
  readonly key: string
}

interface Presented {
  readonly clientCertificate?: ClientCertificate | undefined
}

/** A user by id, or by a name that is unique in its domain. */
export type UserRef =
  | { readonly userId: string; readonly username?: undefined; readonly userDomain?: undefined }
  | { readonly username: string; readonly userDomain: DomainRef; readonly userId?: undefined }

export type PasswordCredentials = { readonly type: 'password'; readonly password: string } & UserRef & Presented

/** By its id, or by its name and its user's; it has its project in itself. */
export type ApplicationCredential = { readonly type: 'application-credential'; readonly secret: string } & (
  | { readonly id: string; readonly name?: undefined }
  | ({ readonly name: string; readonly id?: undefined } & UserRef)
) &
  Presented

/** A token that somebody else got; it can't be renewed once it has expired. */
export type TokenCredentials = { readonly type: 'token'; readonly token: string } & Presented

export type OpenstackCredentials = PasswordCredentials | ApplicationCredential | TokenCredentials

/** Everything in credentials that may not be shown. */
export function secretsOf(credentials: OpenstackCredentials): readonly string[] {
  const key = credentials.clientCertificate?.key
  return [secretOf(credentials), ...(key === undefined ? [] : [key])].filter((secret) => secret !== '')
}

function secretOf(credentials: OpenstackCredentials): string {
  switch (credentials.type) {
    case 'password':
      return credentials.password
    case 'application-credential':
      return credentials.secret
    case 'token':
      return credentials.token
  }
}

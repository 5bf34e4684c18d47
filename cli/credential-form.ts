/** Which fields credentials have, by what they are for. Errors name fields, never what stands in them. Pure. */
import { nearName } from '../resources/near-name.ts'
import type { Credentials } from '../resources/sealing.ts'
import { PcgError } from '../runtime/pcg-error.ts'

interface Form {
  /** One of each list must be there. */
  readonly needs: readonly (readonly string[])[]
  /** Needed as well where this field is there. */
  readonly with: Readonly<Record<string, readonly string[]>>
  readonly example: string
}

const USER_WITH = { username: ['userDomainName', 'userDomainId'] } as const
const CERTIFICATE_WITH = { clientCertificate: ['clientKey'], clientKey: ['clientCertificate'] } as const

const PLAIN: Form = {
  needs: [['username'], ['password']],
  with: {},
  example: '{"username": "…", "password": "…"}',
}

/** Of OpenStack, by `type`. */
const TYPED: Readonly<Record<string, Form>> = {
  password: {
    needs: [['username', 'userId'], ['password']],
    with: { ...USER_WITH, ...CERTIFICATE_WITH },
    example: '{"type": "password", "username": "…", "userDomainName": "Default", "password": "…"}',
  },
  'application-credential': {
    needs: [['id', 'name'], ['secret']],
    with: { name: ['username', 'userId'], ...USER_WITH, ...CERTIFICATE_WITH },
    example: '{"type": "application-credential", "id": "…", "secret": "…"}',
  },
  token: { needs: [['token']], with: CERTIFICATE_WITH, example: '{"type": "token", "token": "…"}' },
}

/** @param fields values that are no text count as missing. Throws `invalid` with the first mistake. */
export function checkCredentials(fields: Readonly<Record<string, unknown>>, source: string): Credentials {
  const credentials = textsOf(fields)
  const type = fields.type
  if (type === undefined) return checkForm(credentials, PLAIN, source)
  const form = typeof type === 'string' && Object.hasOwn(TYPED, type) ? TYPED[type] : undefined
  if (form !== undefined) return checkForm(credentials, form, source)
  throw new PcgError('invalid', `type is none of ${Object.keys(TYPED).join(', ')}`, {
    subject: source,
    remedy: `Without type it is a user with a password, as for vSphere: ${PLAIN.example}.`,
  })
}

function checkForm(credentials: Credentials, form: Form, source: string): Credentials {
  const known = new Set(['type', ...form.needs.flat(), ...Object.entries(form.with).flat(2)])
  const remedy = `It must be like ${form.example}.`
  const unknown = Object.keys(credentials).find((field) => !known.has(field))
  // A typing error first: it is why another field seems to be missing.
  if (unknown !== undefined && credentials.type !== undefined) {
    const near = nearName(unknown, [...known])
    throw new PcgError('invalid', `has a field ${unknown}, which isn't known`, {
      subject: source,
      remedy: near === undefined ? remedy : `Did you mean ${near}?`,
    })
  }
  const implied = Object.entries(form.with).flatMap(([field, also]) => (credentials[field] ? [also] : []))
  const lacking = [...form.needs, ...implied].filter((names) => !names.some((name) => credentials[name]))
  if (lacking.length === 0) return credentials
  const words = lacking.map((names) => names.join(' or ')).join(' and ')
  throw new PcgError('invalid', `${words} missing or empty`, { subject: source, remedy })
}

function textsOf(fields: Readonly<Record<string, unknown>>): Credentials {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** What a cloud of a clouds.yaml is as a CloudAccount: a spec, and credentials to seal. Pure. */
import type { OpenstackAccountSpec, OpenstackServiceType } from '../../resources/cloud-account.ts'
import type { Credentials } from '../../resources/sealing.ts'
import type { ErrorDetail } from '../../runtime/pcg-error.ts'
import { type CloudEntry, isTree, problemAt, textOf } from './cloud-entry.ts'

export interface AccountDraft {
  readonly spec: Omit<OpenstackAccountSpec, 'gateway' | 'sealed' | 'authority'>
  readonly credentials: Credentials
  /** Whether a password is still to be asked for. */
  readonly asksPassword: boolean
  /** Paths, as they stand in the file. */
  readonly files: { readonly cacert?: string; readonly cert?: string; readonly key?: string }
  /** What the import made of something, for people. */
  readonly notes: readonly string[]
  readonly problems: readonly ErrorDetail[]
}

type AuthType = 'password' | 'application-credential' | 'token'

const AUTH_TYPES: Readonly<Record<string, AuthType>> = {
  password: 'password',
  v3password: 'password',
  token: 'token',
  v3token: 'token',
  v3applicationcredential: 'application-credential',
}
/** By the beginning of `…_endpoint_override`. */
const OVERRIDES: Readonly<Record<string, OpenstackServiceType>> = {
  identity: 'identity',
  compute: 'compute',
  network: 'network',
  image: 'image',
  block_storage: 'block-storage',
  block_store: 'block-storage',
  volume: 'block-storage',
  volumev2: 'block-storage',
  volumev3: 'block-storage',
  placement: 'placement',
  load_balancer: 'load-balancer',
}
const INTERFACES = ['public', 'internal', 'admin'] as const
/** Older names of the same. */
const FORMER: Readonly<Record<string, string>> = { project_id: 'tenant_id', project_name: 'tenant_name' }
const OFF = ['false', 'no', 'off', '0']
/** Fields that are read here, or that say how others' programs behave. */
const KNOWN = new Set([
  ...['auth_type', 'region_name', 'interface', 'endpoint_type', 'cacert', 'cert', 'key', 'verify', 'insecure'],
  ...['profile', 'cloud', 'identity_api_version', 'default_domain', 'default_domain_id', 'default_domain_name'],
  ...['username', 'user_id', 'password', 'user_domain_id', 'user_domain_name', 'project_id', 'project_name'],
  ...['tenant_id', 'tenant_name', 'project_domain_id', 'project_domain_name', 'domain_id', 'domain_name'],
  ...['system_scope', 'trust_id', 'token', 'auth_url', 'application_credential_id', 'application_credential_name'],
  'application_credential_secret',
])

export function draftAccount(entry: CloudEntry): AccountDraft {
  const problems: ErrorDetail[] = []
  const notes: string[] = []
  const problem = (field: string, message: string, remedy: string) =>
    void problems.push(problemAt(entry, field, message, remedy))
  const field = (name: string) => textOf(entry.fields[name])
  /** Some write what belongs below `auth` beside it. */
  const auth = (name: string): string => {
    const former = FORMER[name]
    return textOf(entry.auth[name]) || field(name) || (former === undefined ? '' : auth(former))
  }

  const type = authTypeOf(field('auth_type').toLowerCase(), auth, problem)
  const domain = defaultDomainOf(field, auth, notes)
  const authUrl = authUrlOf(auth('auth_url'), field('profile') || field('cloud'), problem, notes)
  if (OFF.includes(field('verify').toLowerCase()) || isOn(field('insecure')))
    problem(
      isOn(field('insecure')) ? 'insecure' : 'verify',
      "switches the check of certificates off, and then anybody in between could take the password: the gateway doesn't do that",
      'Remove it, and name the authority of the certificates with cacert.',
    )
  const version = field('identity_api_version')
  if (version !== '' && !version.startsWith('3'))
    problem('identity_api_version', `is ${version}, and the gateway speaks keystone v3 only`, 'Remove it, or write 3.')
  const credentials = type === undefined ? {} : credentialsFor(type, auth, domain, problem)
  const scope = type === 'application-credential' ? undefined : scopeFor(auth, domain, problem)
  const ignored = Object.keys(entry.fields).filter(
    (name) => !KNOWN.has(name) && !name.endsWith('_endpoint_override') && !name.endsWith('_api_version'),
  )
  if (ignored.length > 0) notes.push(`Nothing here needs ${ignored.join(', ')}: left out.`)
  const region = field('region_name')
  return {
    spec: {
      cloud: 'openstack',
      authUrl,
      ...(region === '' ? {} : { region }),
      interface: interfaceOf(entry, problem),
      ...(scope === undefined ? {} : { scope }),
      endpoints: endpointsOf(entry, problem, notes),
    },
    credentials,
    asksPassword: type === 'password' && auth('password') === '',
    files: filesOf(field, problem),
    notes,
    problems,
  }
}

type Read = (name: string) => string
type Problem = (field: string, message: string, remedy: string) => void
interface Domain {
  readonly id: string
  readonly name: string
}

function authTypeOf(written: string, auth: Read, problem: Problem): AuthType | undefined {
  // Where none is named: by what is there, as openstacksdk does.
  if (written === '' || written === 'password') {
    if (auth('application_credential_secret') !== '') return 'application-credential'
    if (auth('token') !== '' && auth('password') === '') return 'token'
  }
  const type = AUTH_TYPES[written === '' ? 'password' : written]
  if (type === undefined)
    problem(
      'auth_type',
      `is ${written}, which the gateway doesn't speak`,
      `It speaks ${Object.keys(AUTH_TYPES).join(', ')}: make an application credential, and use that.`,
    )
  return type
}

/** As the `openstack` command does, keystone's own first domain counts where none is named. */
function defaultDomainOf(field: Read, auth: Read, notes: string[]): Domain {
  const id = field('default_domain_id') || field('default_domain')
  const name = field('default_domain_name')
  if (id !== '' || name !== '') return name === '' ? { id, name } : { id: '', name }
  const lacks = (kind: string) => auth(`${kind}_domain_id`) === '' && auth(`${kind}_domain_name`) === ''
  const user = auth('username') !== '' && auth('user_id') === '' && lacks('user')
  const project = auth('project_name') !== '' && auth('project_id') === '' && lacks('project')
  if (user || project)
    notes.push(
      `No domain is named for ${[...(user ? ['the user'] : []), ...(project ? ['the project'] : [])].join(' and ')}: took the one with id default.`,
    )
  return { id: 'default', name: '' }
}

function authUrlOf(url: string, profile: string, problem: Problem, notes: string[]): string {
  if (url === '') {
    if (profile === '')
      problem('auth.auth_url', 'is missing', "Write keystone's URL, like https://keystone.example/v3.")
    else
      problem(
        'profile',
        `is ${profile}, and what vendors' profiles say isn't known here`,
        'Write auth.auth_url (and region_name) into it: `openstack configuration show` prints what the profile says.',
      )
    return ''
  }
  if (profile !== '') notes.push(`What the profile ${profile} says is not known here: check region and interface.`)
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    problem('auth.auth_url', `is no URL: ${url}`, 'Write one that begins with https:// or http://.')
  else if (/^https?:\/\/[^/]*@/.test(url)) {
    problem('auth.auth_url', 'has a user or a password in it', 'Move them to auth.username and auth.password.')
    return ''
  } else if (/\/v2\.0\/?$/.test(url))
    problem('auth.auth_url', 'is of keystone v2, which the gateway does not speak', 'Write /v3 in place of /v2.0.')
  return url
}

function credentialsFor(type: AuthType, auth: Read, domain: Domain, problem: Problem): Credentials {
  const needed = (name: string, remedy: string) => {
    if (auth(name) === '') problem(`auth.${name}`, 'is missing', remedy)
    return auth(name)
  }
  switch (type) {
    case 'password':
      // A missing one is asked for, or told of by who can't.
      return { type, ...userOf(auth, domain, problem), ...given({ password: auth('password') }) }
    case 'token':
      return { type, token: needed('token', 'Write a token, or better use an application credential.') }
    case 'application-credential': {
      const secret = needed('application_credential_secret', 'It was shown once, when the credential was made.')
      const id = auth('application_credential_id')
      if (id !== '') return { type, id, secret }
      const name = needed('application_credential_name', 'Write that, or application_credential_id.')
      return { type, name, secret, ...userOf(auth, domain, problem) }
    }
    default:
      return type satisfies never
  }
}

function userOf(auth: Read, domain: Domain, problem: Problem): Credentials {
  const userId = auth('user_id')
  if (userId !== '') return { userId }
  const username = auth('username')
  if (username === '') problem('auth.username', 'is missing', 'Write that, or user_id.')
  const userDomainId = auth('user_domain_id')
  const userDomainName = auth('user_domain_name')
  if (userDomainId !== '') return { username, userDomainId }
  if (userDomainName !== '') return { username, userDomainName }
  return { username, ...(domain.name === '' ? { userDomainId: domain.id } : { userDomainName: domain.name }) }
}

function scopeFor(auth: Read, domain: Domain, problem: Problem): OpenstackAccountSpec['scope'] {
  const trustId = auth('trust_id')
  if (trustId !== '') return { trustId }
  const projectId = auth('project_id')
  if (projectId !== '') return { projectId }
  const projectName = auth('project_name')
  if (projectName !== '') {
    const projectDomainId = auth('project_domain_id')
    const projectDomainName = auth('project_domain_name')
    if (projectDomainId !== '') return { projectName, projectDomainId }
    if (projectDomainName !== '') return { projectName, projectDomainName }
    return {
      projectName,
      ...(domain.name === '' ? { projectDomainId: domain.id } : { projectDomainName: domain.name }),
    }
  }
  if (auth('system_scope') !== '') {
    if (auth('system_scope') !== 'all') problem('auth.system_scope', 'must be all', 'Write all, or name a project.')
    return { system: 'all' }
  }
  const domainId = auth('domain_id')
  if (domainId !== '') return { domainId }
  const domainName = auth('domain_name')
  if (domainName !== '') return { domainName }
  problem('auth.project_name', 'is missing: machines belong to a project', 'Write project_name, or project_id.')
  return undefined
}

function interfaceOf({ fields }: CloudEntry, problem: Problem): OpenstackAccountSpec['interface'] {
  const name = fields.interface === undefined ? 'endpoint_type' : 'interface'
  const written = Array.isArray(fields[name]) ? textOf(fields[name][0]) : textOf(fields[name])
  if (written === '') return 'public'
  const found = INTERFACES.find((each) => each === written.replace(/URL$/, ''))
  if (found === undefined) problem(name, `is ${written}`, `It must be ${INTERFACES.join(', ')}.`)
  return found ?? 'public'
}

function endpointsOf({ fields }: CloudEntry, problem: Problem, notes: string[]): OpenstackAccountSpec['endpoints'] {
  const endpoints: Partial<Record<OpenstackServiceType, string>> = {}
  for (const [name, value] of Object.entries(fields)) {
    const [, service] = /^(.*)_endpoint_override$/.exec(name) ?? []
    const url = isTree(value) ? '' : textOf(value)
    if (service === undefined || url === '') continue
    const type = Object.hasOwn(OVERRIDES, service) ? OVERRIDES[service] : undefined
    if (type === undefined) notes.push(`Nothing here needs ${name}: left out.`)
    else if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      problem(name, `is no URL: ${url}`, 'Write one that begins with https:// or http://.')
    else endpoints[type] = url
  }
  return endpoints
}

function filesOf(field: Read, problem: Problem): AccountDraft['files'] {
  const [cacert, cert, key] = [field('cacert'), field('cert'), field('key')]
  if (key !== '' && cert === '') problem('cert', 'is missing: key has no certificate', 'Name its certificate.')
  return given({ cacert, cert, key })
}

function isOn(value: string): boolean {
  return value !== '' && !OFF.includes(value.toLowerCase())
}

function given(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

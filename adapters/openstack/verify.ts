/** Whether the account can be worked with: reachability, credentials, roles, services, versions, clocks. Reads only. */
import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import { findingOf } from '../../resources/finding.ts'
import type { Finding } from '../../resources/query.ts'
import type { Clock } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Identity, OpenstackCloud } from './client/cloud.ts'
import type { OpenstackCredentials } from './client/credentials.ts'
import { recordAt, textAt } from './json-value.ts'
import { listAll } from './listing.ts'
import {
  BALANCING_ROLE,
  EXTENSION_NEEDS,
  MAKING_ROLES,
  MICROVERSION_NEEDS,
  SERVICE_NEEDS,
  type ServiceNeed,
} from './requirements.ts'

/** A clock that differs by more spoils certificates and tokens. */
const MAX_SKEW_MS = 60_000
const DAY_MS = 86_400_000
/** Long enough to make another one without haste. */
const EXPIRES_SOON_MS = 30 * DAY_MS

export interface VerifyDependencies {
  readonly cloud: OpenstackCloud
  readonly spec: OpenstackAccountSpec
  readonly credentials: Pick<OpenstackCredentials, 'type'>
  readonly clock: Clock
}

/** @throws `credentials` where keystone refuses them, and `cancelled`; everything else is a finding */
export async function verifyAccount(dependencies: VerifyDependencies, signal: AbortSignal): Promise<Finding[]> {
  const { cloud, spec, clock } = dependencies
  let identity: Identity
  try {
    identity = await cloud.identity(signal)
  } catch (thrown) {
    return [notReached(PcgError.from(thrown), `keystone ${spec.authUrl}`)]
  }
  const first = [
    ...identityFindings(identity, spec),
    ...clockFindings(identity),
    ...(await credentialFindings(dependencies, identity, clock.now(), signal)),
  ]
  // Without a project there is no catalog, and nothing more to find out.
  if (identity.projectId === undefined) return first
  const services = await Promise.all(SERVICE_NEEDS.map((need) => serviceFindings(dependencies, need, identity, signal)))
  return [...first, ...services.flat()]
}

/** Refused credentials aren't a finding: they stop the whole account. */
function notReached(thrown: PcgError, subject: string, remedy?: string): Finding {
  if (thrown.code === 'cancelled' || thrown.code === 'credentials') throw thrown
  const finding = findingOf(thrown, subject)
  return {
    ...finding,
    remedy: finding.remedy ?? remedy ?? 'Check that it runs, and that this gateway may connect to it.',
  }
}

/** Pure. */
export function identityFindings(identity: Identity, spec: OpenstackAccountSpec): Finding[] {
  const { userName, projectName, projectId, roles } = identity
  if (projectId === undefined)
    return [
      {
        severity: 'error',
        subject: 'spec.scope',
        message: `the token of ${userName} is for no project, and machines belong to one`,
        remedy:
          spec.scope === undefined
            ? 'Set spec.scope.projectName and spec.scope.projectDomainName (or projectId).'
            : 'Name a project in spec.scope, in place of a domain, the system, or a trust without one.',
      },
    ]
  const project = projectName ?? projectId
  const ok: Finding = {
    severity: 'ok',
    subject: 'credentials',
    message: `${userName} in project ${project}, with ${roles.length === 0 ? 'no role' : `the role${roles.length > 1 ? 's' : ''} ${roles.join(', ')}`}`,
  }
  if (roles.some((role) => MAKING_ROLES.includes(role.toLowerCase()))) return [ok]
  const reads = roles.every((role) => role.toLowerCase() === 'reader')
  return [
    ok,
    {
      severity: reads ? 'error' : 'warning',
      subject: 'roles',
      message: reads
        ? `${userName} may only read in project ${project}: it lacks the role member`
        : `none of the roles ${roles.join(', ')} is member, so whether ${userName} may make machines depends on this cloud's policies`,
      remedy: `Run \`openstack role add --project ${project} --user ${userName} member\`; an application credential has the roles that its user had, so make it anew then.`,
    },
  ]
}

/** Pure. */
export function clockFindings({ clockAheadMs }: Pick<Identity, 'clockAheadMs'>): Finding[] {
  if (Math.abs(clockAheadMs) <= MAX_SKEW_MS) return []
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000)
  return [
    {
      severity: 'warning',
      subject: 'clock',
      message: `the gateway's clock is ${seconds} s ${clockAheadMs > 0 ? 'behind' : 'ahead of'} keystone's`,
      remedy: 'Let both be set by NTP.',
    },
  ]
}

async function credentialFindings(
  { cloud, credentials }: VerifyDependencies,
  identity: Identity,
  now: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (credentials.type === 'token')
    return [
      {
        severity: 'warning',
        subject: 'credentials',
        message: `are a token, which ends at ${identity.expiresAt} and can't be renewed`,
        remedy: 'Seal an application credential in its place (docs/openstack-role.md).',
      },
    ]
  const used = identity.applicationCredential
  if (used === undefined) return []
  const subject = `application credential ${used.name || used.id}`
  const findings: Finding[] = []
  if (!used.restricted)
    findings.push({
      severity: 'warning',
      subject,
      message: 'is unrestricted: whoever has it can make further credentials of its user',
      remedy: 'Make another one without --unrestricted, and seal that.',
    })
  const path = `/users/${identity.userId}/application_credentials/${used.id}`
  try {
    const answer = await cloud.service('identity').find(path, { signal })
    findings.push(...expiryFindings(subject, textAt(recordAt(answer, 'application_credential'), 'expires_at'), now))
  } catch (thrown) {
    // Whether it may be read is up to the cloud; nothing depends on it.
    const { code } = PcgError.from(thrown)
    if (code === 'cancelled' || code === 'credentials') throw thrown
  }
  return findings
}

/** @param expiresAt as keystone writes it: UTC, without saying so; empty for never. Pure. */
export function expiryFindings(subject: string, expiresAt: string, now: number): Finding[] {
  if (expiresAt === '') return []
  const left = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(expiresAt) ? expiresAt : `${expiresAt}Z`) - now
  if (Number.isNaN(left) || left > EXPIRES_SOON_MS) return []
  const days = Math.max(0, Math.floor(left / DAY_MS))
  return [
    {
      severity: 'warning',
      subject,
      message: `expires at ${expiresAt} (UTC), in ${days} day${days === 1 ? '' : 's'}`,
      remedy: 'Make a new one, seal it, and apply the account: the gateway tests it before it takes it.',
    },
  ]
}

async function serviceFindings(
  { cloud, spec }: VerifyDependencies,
  need: ServiceNeed,
  identity: Identity,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { service, project, probe } = need
  const subject = `service ${service}`
  if (!(await cloud.has(service, signal))) return [missingService(need, spec)]
  try {
    const { version, microversion } = await cloud.service(service).version(signal)
    await cloud.service(service).get(probe.path, { signal, query: { limit: 1 } })
    const ok: Finding = {
      severity: 'ok',
      subject,
      message: `${project} ${version}${microversion === undefined ? '' : `, microversion ${microversion}`}`,
    }
    const extensions = service === 'network' ? await extensionFindings(cloud, signal) : []
    return [ok, ...microversionFindings(service, microversion), ...extensions]
  } catch (thrown) {
    const error = PcgError.from(thrown)
    const finding = notReached(error, subject, remedyFor(error, need, identity))
    return [{ ...finding, subject, severity: need.required ? 'error' : 'warning' }]
  }
}

function remedyFor(
  { code }: PcgError,
  { service }: ServiceNeed,
  { projectName, projectId, userName }: Identity,
): string {
  if (code !== 'denied')
    return `Check that it runs, that this gateway may connect to it, and its endpoint in the catalog (or set spec.endpoints.${service}).`
  const role = service === 'load-balancer' ? BALANCING_ROLE : 'member'
  return `Run \`openstack role add --project ${projectName ?? projectId} --user ${userName} ${role}\`.`
}

function missingService(
  { service, project, required, usedFor, without }: ServiceNeed,
  spec: OpenstackAccountSpec,
): Finding {
  const where = `the catalog has no ${spec.interface} endpoint of it${spec.region === undefined ? '' : ` in region ${spec.region}`}`
  const subject = `service ${service}`
  if (required)
    return {
      severity: 'error',
      subject,
      message: `${where}; it is needed for ${usedFor}`,
      remedy: `Correct spec.region or spec.interface (\`openstack catalog show ${service}\` shows what there is), or set spec.endpoints.${service}.`,
    }
  const message = `no ${project} here: ${where}; it would be used for ${usedFor}`
  // A cloud without load balancers is complete; one without volumes seldom is meant so.
  return service === 'load-balancer'
    ? { severity: 'ok', subject, message }
    : { severity: 'warning', subject, message, ...(without === undefined ? {} : { remedy: without }) }
}

/** Pure. */
export function microversionFindings(service: ServiceNeed['service'], offered: string | undefined): Finding[] {
  return MICROVERSION_NEEDS.filter((need) => need.service === service && isOlder(offered, need.microversion)).map(
    ({ microversion, feature, remedy }) => ({
      severity: 'warning',
      subject: `service ${service}`,
      message: `has microversions up to ${offered ?? 'none'}, and ${microversion} is needed for ${feature}`,
      remedy,
    }),
  )
}

function isOlder(offered: string | undefined, needed: string): boolean {
  const [major = 0, minor = 0] = (offered ?? '0.0').split('.').map(Number)
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number)
  return major < neededMajor || (major === neededMajor && minor < neededMinor)
}

async function extensionFindings(cloud: OpenstackCloud, signal: AbortSignal): Promise<Finding[]> {
  const extensions = await listAll(cloud, 'network', '/extensions', 'extensions', {}, signal)
  const present = new Set(extensions.map((extension) => textAt(extension, 'alias')))
  return EXTENSION_NEEDS.filter(({ alias }) => !present.has(alias)).map(({ alias, required, usedFor, remedy }) => ({
    severity: required ? 'error' : 'warning',
    subject: 'service network',
    message: `neutron has no extension ${alias}, which is needed for ${usedFor}`,
    remedy,
  }))
}

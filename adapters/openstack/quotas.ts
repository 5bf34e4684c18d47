/** What the project may have, beside what is asked for: before anything is made, for a build that runs into a quota leaves a part. */
import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { isRecord, type JsonRecord, numberAt, recordAt } from './json-value.ts'
import { listAll } from './listing.ts'

/** Everything that a project's quotas count. `ram` in MiB. */
export const QUOTAS = {
  instances: { service: 'compute', key: 'instances', option: '--instances' },
  cores: { service: 'compute', key: 'cores', option: '--cores' },
  ram: { service: 'compute', key: 'ram', option: '--ram' },
  'server groups': { service: 'compute', key: 'server_groups', option: '--server-groups' },
  ports: { service: 'network', key: 'port', option: '--ports' },
  'floating IPs': { service: 'network', key: 'floatingip', option: '--floating-ips' },
  'security groups': { service: 'network', key: 'security_group', option: '--secgroups' },
  'security group rules': { service: 'network', key: 'security_group_rule', option: '--secgroup-rules' },
  networks: { service: 'network', key: 'network', option: '--networks' },
  subnets: { service: 'network', key: 'subnet', option: '--subnets' },
  routers: { service: 'network', key: 'router', option: '--routers' },
  volumes: { service: 'block-storage', key: 'volumes', option: '--volumes' },
  gigabytes: { service: 'block-storage', key: 'gigabytes', option: '--gigabytes' },
  'load balancers': { service: 'load-balancer', key: 'loadbalancer', option: '--loadbalancer' },
} as const satisfies Readonly<Record<string, { service: QuotaService; key: string; option: string }>>

type QuotaService = 'compute' | 'network' | 'block-storage' | 'load-balancer'
export type QuotaName = keyof typeof QUOTAS
const NAMES = Object.keys(QUOTAS).filter((name): name is QuotaName => Object.hasOwn(QUOTAS, name))

/** How much of each will be made; what is left out is none. */
export type Wants = Readonly<Partial<Record<QuotaName, number>>>

/** What of further volumes is to be of one type, which may have a quota of its own. */
export interface VolumeWants {
  readonly type: string
  readonly volumes: number
  readonly gigabytes: number
  /** Of the largest. */
  readonly largest: number
}

/** A group's members in all: those that it has and those that will join. */
export interface GroupWants {
  readonly pool: string
  readonly members: number
}

export interface AllWants {
  readonly counts: Wants
  readonly volumes: readonly VolumeWants[]
  readonly groups: readonly GroupWants[]
}

/** `limit` -1: as much as one likes. */
export interface Quota {
  readonly limit: number
  readonly used: number
}

/** By the services' own keys, each under its service. */
export type Quotas = Readonly<Record<QuotaService, ReadonlyMap<string, Quota> | undefined>>

/**
 * The quotas of every service of which something is wanted. A service that keeps them from this user is left undefined, and
 * `quotaFindings` says so.
 */
export async function readQuotas(
  cloud: OpenstackCloud,
  projectId: string,
  wanted: AllWants,
  signal: AbortSignal,
): Promise<Quotas> {
  const read = async (service: QuotaService, ask: () => Promise<ReadonlyMap<string, Quota>>) =>
    isWanted(service, wanted) ? await permitted(ask) : undefined
  const get = (service: QuotaService, path: string, query = {}) => cloud.service(service).get(path, { signal, query })
  const [compute, network, storage, balancers] = await Promise.all([
    read('compute', async () =>
      quotasIn(recordAt(await get('compute', `/os-quota-sets/${projectId}/detail`), 'quota_set')),
    ),
    read('network', async () => quotasIn(recordAt(await get('network', `/quotas/${projectId}/details.json`), 'quota'))),
    read('block-storage', async () =>
      quotasIn(recordAt(await get('block-storage', `/os-quota-sets/${projectId}`, { usage: true }), 'quota_set')),
    ),
    read('load-balancer', () => balancerQuotas(cloud, projectId, signal)),
  ])
  return { compute, network, 'block-storage': storage, 'load-balancer': balancers }
}

/** Octavia tells limits only, and what there is must be counted. */
async function balancerQuotas(
  cloud: OpenstackCloud,
  projectId: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Quota>> {
  const query = { project_id: projectId, fields: 'id' }
  const [limits, present] = await Promise.all([
    cloud.service('load-balancer').get(`/lbaas/quotas/${projectId}`, { signal }),
    listAll(cloud, 'load-balancer', '/lbaas/loadbalancers', 'loadbalancers', query, signal),
  ])
  const quota = recordAt(limits, 'quota')
  const limit = numberAt(quota, 'loadbalancer') ?? numberAt(quota, 'load_balancer') ?? -1
  return new Map([['loadbalancer', { limit, used: present.length }]])
}

async function permitted<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    const { code } = PcgError.from(thrown)
    if (code === 'denied' || code === 'not-found') return undefined
    throw thrown
  }
}

/** Nova and cinder say `in_use`, neutron `used`; what is reserved is as good as taken. Pure. */
export function quotasIn(answer: JsonRecord): ReadonlyMap<string, Quota> {
  const quotas = new Map<string, Quota>()
  for (const [key, value] of Object.entries(answer)) {
    const limit = numberAt(value, 'limit')
    if (!isRecord(value) || limit === undefined) continue
    const used = numberAt(value, 'in_use') ?? numberAt(value, 'used') ?? 0
    quotas.set(key, { limit, used: used + (numberAt(value, 'reserved') ?? 0) })
  }
  return quotas
}

/** One finding for each quota that is too small. Pure. */
export function quotaFindings(wanted: AllWants, quotas: Quotas, project: string): Finding[] {
  const findings: Finding[] = []
  for (const service of ['compute', 'network', 'block-storage', 'load-balancer'] as const)
    if (isWanted(service, wanted) && quotas[service] === undefined) findings.push(unread(service, project))
  for (const name of NAMES) {
    const { service, key, option } = QUOTAS[name]
    const finding = shortOf(name, wanted.counts[name] ?? 0, quotas[service]?.get(key), (least) =>
      commandFor(service, `${option} ${least}`, project),
    )
    if (finding !== undefined) findings.push(finding)
  }
  return [
    ...findings,
    ...wanted.volumes.flatMap((volumes) => typeFindings(volumes, quotas['block-storage'], project)),
    ...largestFindings(wanted.volumes, quotas['block-storage'], project),
    ...wanted.groups.flatMap((group) => memberFindings(group, quotas.compute, project)),
  ]
}

function isWanted(service: QuotaService, { counts, groups }: AllWants): boolean {
  if (service === 'compute' && groups.length > 0) return true
  return NAMES.some((name) => QUOTAS[name].service === service && (counts[name] ?? 0) > 0)
}

function unread(service: QuotaService, project: string): Finding {
  return {
    severity: 'warning',
    subject: `quotas of ${service}`,
    message: `the service keeps them from this user, so whether all fits into project ${project} shows only when it is made`,
    remedy: 'Give the user a role that may read the quotas of its project (reader or member).',
  }
}

function shortOf(
  name: string,
  wanted: number,
  quota: Quota | undefined,
  command: (least: number) => string,
): Finding | undefined {
  if (wanted <= 0 || quota === undefined || quota.limit < 0) return undefined
  const free = Math.max(0, quota.limit - quota.used)
  if (wanted <= free) return undefined
  return {
    severity: 'error',
    subject: `quota ${name}`,
    message: `${amount(name, wanted)} ${wanted === 1 ? 'is' : 'are'} wanted, ${free} of ${amount(name, quota.limit)} ${free === 1 ? 'is' : 'are'} free`,
    remedy: `Have an administrator run \`${command(quota.used + wanted)}\`, or ask for less.`,
  }
}

function amount(name: string, count: number): string {
  return name === 'ram' ? `${count} MiB` : String(count)
}

function commandFor(service: QuotaService, options: string, project: string): string {
  const client = service === 'load-balancer' ? 'openstack loadbalancer quota set' : 'openstack quota set'
  return `${client} ${options} ${project}`
}

/** Cinder has further quotas for each type of volume. */
function typeFindings(
  { type, volumes, gigabytes }: VolumeWants,
  quotas: ReadonlyMap<string, Quota> | undefined,
  project: string,
): Finding[] {
  const command = (option: string) => (least: number) =>
    `openstack quota set ${option} ${least} --volume-type ${type} ${project}`
  return [
    shortOf(`volumes of type ${type}`, volumes, quotas?.get(`volumes_${type}`), command('--volumes')),
    shortOf(`gigabytes of type ${type}`, gigabytes, quotas?.get(`gigabytes_${type}`), command('--gigabytes')),
  ].filter((finding) => finding !== undefined)
}

/** Cinder also limits the size of each single volume. */
function largestFindings(
  volumes: readonly VolumeWants[],
  quotas: ReadonlyMap<string, Quota> | undefined,
  project: string,
): Finding[] {
  const largest = Math.max(0, ...volumes.map((each) => each.largest))
  const limit = quotas?.get('per_volume_gigabytes')?.limit ?? -1
  if (limit < 0 || largest <= limit) return []
  return [
    {
      severity: 'error',
      subject: 'quota gigabytes of one volume',
      message: `a volume of ${largest} GiB is wanted, and one may have ${limit}`,
      remedy: `Have an administrator run \`openstack quota set --per-volume-gigabytes ${largest} ${project}\`, or ask for less.`,
    },
  ]
}

function memberFindings(
  { pool, members }: GroupWants,
  quotas: ReadonlyMap<string, Quota> | undefined,
  project: string,
): Finding[] {
  const limit = quotas?.get('server_group_members')?.limit ?? -1
  if (limit < 0 || members <= limit) return []
  return [
    {
      severity: 'error',
      subject: 'quota server group members',
      message: `pool ${pool} is to have ${members} machines in its server group, and a group may have ${limit}`,
      remedy: `Have an administrator run \`openstack quota set --server-group-members ${members} ${project}\`, split the pool, or set placement.antiAffinity to none.`,
    },
  ]
}

/** A project as its services answer, without a network: what a test changes of it is all that differs. */
import type { FoundationSpec, MachineSpec } from '../../../adapters/adapter.ts'
import type { Identity, OpenstackCloud } from '../../../adapters/openstack/client/cloud.ts'
import type { CallOptions, QueryValue, Service, ServiceVersion } from '../../../adapters/openstack/client/service.ts'
import { type ServiceType, serviceTypes } from '../../../adapters/openstack/client/service-type.ts'
import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

export const SIGNAL: AbortSignal = new AbortController().signal
export const PROJECT = 'p1'
export const FOUNDATION = '11111111-1111-4111-8111-111111111111'

type Query = Readonly<Record<string, QueryValue>>
/** What a service answers; an error is thrown, a function is asked with the query. */
export type Recorded = object | Error | ((query: Query) => object)
/** By service and path: `network /ports`. */
export type Answers = Readonly<Record<string, Recorded>>

const quota = (limit: number, used = 0) => ({ limit, in_use: used, reserved: 0 })
const QUOTA_OF_NETWORK = [
  'network',
  'subnet',
  'port',
  'router',
  'floatingip',
  'security_group',
  'security_group_rule',
] as const

export const COMPUTE_QUOTA = {
  instances: quota(10),
  cores: quota(20),
  ram: quota(51_200),
  server_groups: quota(10),
  server_group_members: quota(10),
}
export const VOLUME_QUOTA = { volumes: quota(10), gigabytes: quota(1000), per_volume_gigabytes: quota(-1) }
export const NETWORK_QUOTA: Readonly<Record<string, object>> = Object.fromEntries(
  QUOTA_OF_NETWORK.map((name) => [name, { limit: 50, used: 0, reserved: 0 }]),
)

export const IMAGE = {
  id: 'i1',
  name: 'debian-12',
  status: 'active',
  min_disk: 2,
  min_ram: 512,
  size: 2 * 1024 ** 3,
  virtual_size: null,
  disk_format: 'qcow2',
}
export const FLAVOR = { id: 'f1', name: 'm1.small', vcpus: 2, ram: 2048, disk: 10, swap: '' }
export const NETWORK = {
  id: 'n1',
  name: 'nodes',
  project_id: PROJECT,
  admin_state_up: true,
  port_security_enabled: true,
  shared: false,
  'router:external': false,
  subnets: ['s1'],
}
export const PUBLIC = { ...NETWORK, id: 'x1', name: 'public', project_id: 'other', 'router:external': true }
export const SUBNET = {
  id: 's1',
  name: 'nodes-v4',
  network_id: 'n1',
  ip_version: 4,
  cidr: '10.0.0.0/24',
  gateway_ip: '10.0.0.1',
  enable_dhcp: true,
  allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
  dns_nameservers: [],
}
export const EXTENSIONS = [
  'security-group',
  'standard-attr-description',
  'allowed-address-pairs',
  'port-security',
  'router',
  'external-net',
  'quota_details',
].map((alias) => ({ alias }))

const WELL: Answers = {
  'image /images': { images: [IMAGE] },
  'compute /flavors': { flavors: [FLAVOR] },
  'compute /flavors/detail': { flavors: [FLAVOR] },
  'compute /os-availability-zone': {
    availabilityZoneInfo: [
      { zoneName: 'nova', zoneState: { available: true } },
      { zoneName: 'old', zoneState: { available: false } },
    ],
  },
  'compute /os-keypairs': { keypairs: [{ keypair: { name: 'operators', type: 'ssh' } }] },
  'compute /os-server-groups': { server_groups: [] },
  'compute /servers/detail': { servers: [] },
  [`compute /os-quota-sets/${PROJECT}/detail`]: { quota_set: COMPUTE_QUOTA },
  'network /networks': { networks: [NETWORK, PUBLIC] },
  'network /subnets': { subnets: [SUBNET] },
  'network /ports': { ports: [] },
  'network /routers': { routers: [] },
  'network /floatingips': { floatingips: [] },
  'network /security-groups': { security_groups: [{ id: 'g1', name: 'default', project_id: PROJECT }] },
  'network /network-ip-availabilities': { network_ip_availabilities: [] },
  'network /extensions': { extensions: EXTENSIONS },
  [`network /quotas/${PROJECT}/details.json`]: { quota: NETWORK_QUOTA },
  'block-storage /types': { volume_types: [{ id: 't1', name: 'fast', is_public: true }] },
  'block-storage /types/default': { volume_type: { id: 't0', name: 'plain' } },
  'block-storage /volumes/detail': { volumes: [] },
  [`block-storage /os-quota-sets/${PROJECT}`]: { quota_set: VOLUME_QUOTA },
  'load-balancer /lbaas/loadbalancers': { loadbalancers: [] },
  [`load-balancer /lbaas/quotas/${PROJECT}`]: { quota: { loadbalancer: 1 } },
}

export interface RecordedOptions {
  readonly answers?: Answers
  readonly identity?: Partial<Identity> | Error
  /** Not in the catalog; `load-balancer` if not given. */
  readonly without?: readonly ServiceType[]
  readonly versions?: Readonly<Partial<Record<ServiceType, ServiceVersion | Error>>>
}

export interface RecordedCloud extends OpenstackCloud {
  /** `network /ports`, in the order in which they were asked. */
  readonly asked: string[]
}

export function recordedCloud(options: RecordedOptions = {}): RecordedCloud {
  const { without = ['load-balancer'], versions = {} } = options
  const answers: Answers = { ...WELL, ...options.answers }
  const asked: string[] = []
  const identity: Partial<Identity> | Error = options.identity ?? {}
  const answer = async (service: ServiceType, path: string, { query = {}, signal }: CallOptions) => {
    signal.throwIfAborted()
    asked.push(`${service} ${path}`)
    // As a socket would: the answer comes later.
    await Promise.resolve()
    const recorded = answers[`${service} ${path}`]
    if (recorded instanceof Error) throw recorded
    return typeof recorded === 'function' ? recorded(query) : recorded
  }
  const service = (type: ServiceType): Service => ({
    ...REFUSED,
    async get<T>(path: string, call: CallOptions): Promise<T> {
      const found = await answer(type, path, call)
      if (found === undefined) throw new PcgError('not-found', `no ${type} ${path}`)
      return found as T
    },
    async find<T>(path: string, call: CallOptions): Promise<T | undefined> {
      return (await answer(type, path, call)) as T | undefined
    },
    async *pages<T>(path: string, key: string, call: CallOptions): AsyncIterable<readonly T[]> {
      const found = (await answer(type, path, call)) as Readonly<Record<string, readonly T[]>> | undefined
      if (found === undefined) throw new PcgError('not-found', `no ${type} ${path}`)
      const items = (found[key] ?? []).filter((item) => matches(item, call.query ?? {}))
      // Two pages, so that who reads only the first one is found out.
      yield items.slice(0, 1)
      yield items.slice(1)
    },
    async version(): Promise<ServiceVersion> {
      const version = versions[type] ?? { version: 'v2.1', ...(type === 'compute' ? { microversion: '2.93' } : {}) }
      if (version instanceof Error) throw version
      return version
    },
  })
  return {
    asked,
    service,
    identity: async () => {
      if (identity instanceof Error) throw identity
      return {
        projectId: PROJECT,
        projectName: 'clusters',
        userId: 'u1',
        userName: 'pcg',
        roles: ['member', 'reader'],
        expiresAt: '2026-11-22T18:00:00.000000Z',
        applicationCredential: undefined,
        clockAheadMs: 0,
        services: serviceTypes().filter((type) => !without.includes(type)),
        ...identity,
      }
    },
    has: async (type) => !without.includes(type),
    close: async () => {},
  }
}

/** Nothing that only checks may change anything. */
const refuse = () => Promise.reject(new Error('a check changed something'))
const REFUSED = { post: refuse, put: refuse, patch: refuse, delete: refuse, upload: refuse }

const NO_FILTERS = ['fields', 'limit', 'tags-any', 'metadata']

/** As neutron and glance filter; what nova and cinder are asked for is in their answers already. */
function matches(item: unknown, query: Query): boolean {
  const fields = item as Readonly<Record<string, unknown>>
  return Object.entries(query).every(([name, value]) => {
    if (value === undefined || NO_FILTERS.includes(name) || !(name in fields)) return true
    return Array.isArray(value) ? value.includes(String(fields[name])) : fields[name] === value
  })
}

export const PLACEMENT: OpenstackPlacement = {
  cloud: 'openstack',
  image: 'debian-12',
  network: { type: 'existing', network: 'nodes' },
  securityGroups: [],
  access: { api: ['0.0.0.0/0'], ssh: [], nodePorts: [] },
  antiAffinity: 'soft',
  userData: 'config-drive',
}

export function uidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

/** The n-th machine of pool `general`. */
export function machine(
  number = 1,
  overrides: Partial<MachineSpec> = {},
  placement: Partial<OpenstackPlacement> = {},
): MachineSpec {
  return {
    owner: { gateway: 'default/site-a', cluster: 'demo', machine: uidOf(number) },
    name: `demo-general-${number}`,
    placement: { ...PLACEMENT, ...placement },
    role: 'worker',
    pool: 'general',
    size: { type: 'flavor', flavor: 'm1.small' },
    disks: [],
    address: { type: 'dhcp' },
    foundation: FOUNDATION,
    userData: '#cloud-config\n',
    want: 'present',
    ...overrides,
  }
}

export function foundation(
  endpoint: FoundationSpec['endpoint'] = { type: 'external', address: 'api.example.com', port: 6443 },
  placement: Partial<OpenstackPlacement> = {},
): FoundationSpec {
  return {
    owner: { gateway: 'default/site-a', cluster: 'demo', machine: FOUNDATION },
    name: 'demo',
    placement: { ...PLACEMENT, ...placement },
    endpoint,
    pools: [
      { name: 'control-plane', role: 'control-plane' },
      { name: 'general', role: 'worker' },
    ],
    want: 'present',
  }
}

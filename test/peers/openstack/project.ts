/** A project of its own for a test: nothing that another project does is seen in it. */
import { randomBytes } from 'node:crypto'
import type { AdminApi } from './admin-api.ts'

export interface ProjectOptions {
  /** A random one if not given. */
  readonly name?: string
  /** Of its user; `member` and `load-balancer_member` if not given. */
  readonly roles?: readonly string[]
  /** Whether it has a network `private` (10.10.0.0/16) behind a router `edge` to `public`; true if not given. */
  readonly network?: boolean
  /** Beside generous ones. */
  readonly quota?: QuotaChange
}

/** Limits by the services' own names; -1 is none. */
export interface QuotaChange {
  readonly compute?: Readonly<Record<string, number>>
  readonly network?: Readonly<Record<string, number>>
  readonly volume?: Readonly<Record<string, number>>
}

export interface ApplicationCredential {
  readonly id: string
  readonly name: string
  readonly secret: string
}

export interface OpenstackProject {
  readonly id: string
  readonly name: string
  readonly userId: string
  readonly username: string
  readonly password: string
  /** Null without `network`. */
  readonly network: ProjectNetwork | null
  applicationCredential(): Promise<ApplicationCredential>
  setQuota(change: QuotaChange): Promise<void>
}

export interface ProjectNetwork {
  /** Named `private`. */
  readonly networkId: string
  readonly subnetId: string
  /** Named `edge`. */
  readonly routerId: string
}

interface Reference {
  readonly id: string
  readonly name: string
}

const QUOTA: Required<QuotaChange> = {
  compute: { instances: 300, cores: 1000, ram: 2_000_000, server_groups: 50, server_group_members: 100 },
  network: {
    port: 1000,
    network: 50,
    subnet: 50,
    router: 20,
    floatingip: 50,
    security_group: 100,
    security_group_rule: 1000,
  },
  volume: { volumes: 300, gigabytes: 20_000, snapshots: 50 },
}

/** `userApi` gives a client that is logged in as a user to a project. */
export async function makeProject(
  admin: AdminApi,
  userApi: (username: string, password: string, project: string) => AdminApi,
  options: ProjectOptions = {},
): Promise<OpenstackProject> {
  const name = options.name ?? `project-${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('base64url')
  const { project } = await admin.post<{ project: Reference }>('keystone', '/v3/projects', {
    project: { name, domain_id: 'default' },
  })
  const { user } = await admin.post<{ user: Reference }>('keystone', '/v3/users', {
    user: { name: `${name}-user`, password, domain_id: 'default' },
  })
  const { roles } = await admin.get<{ roles: Reference[] }>('keystone', '/v3/roles')
  for (const role of options.roles ?? ['member', 'load-balancer_member']) {
    const id = roles.find((candidate) => candidate.name === role)?.id
    if (id === undefined) throw new Error(`there is no role ${role}`)
    await admin.put('keystone', `/v3/projects/${project.id}/users/${user.id}/roles/${id}`)
  }
  const asUser = userApi(user.name, password, name)
  const setQuota = (change: QuotaChange): Promise<void> => changeQuota(admin, project.id, change)
  const [network] = await Promise.all([
    options.network === false ? null : makeNetwork(admin, project.id),
    setQuota({
      compute: { ...QUOTA.compute, ...options.quota?.compute },
      network: { ...QUOTA.network, ...options.quota?.network },
      volume: { ...QUOTA.volume, ...options.quota?.volume },
    }),
  ])
  return {
    id: project.id,
    name,
    userId: user.id,
    username: user.name,
    password,
    network,
    setQuota,
    async applicationCredential() {
      const credential = { name: `credential-${randomBytes(4).toString('hex')}` }
      const made = await asUser.post<{ application_credential: ApplicationCredential }>(
        'keystone',
        `/v3/users/${user.id}/application_credentials`,
        { application_credential: credential },
      )
      const { id, secret } = made.application_credential
      return { id, secret, name: credential.name }
    },
  }
}

async function changeQuota(admin: AdminApi, projectId: string, change: QuotaChange): Promise<void> {
  const { compute, network, volume } = change
  if (compute !== undefined)
    await admin.put('nova', `/v2.1/os-quota-sets/${projectId}`, { quota_set: computeQuota(compute) })
  if (network !== undefined) await admin.put('neutron', `/v2.0/quotas/${projectId}`, { quota: network })
  if (volume !== undefined) {
    const path = `/v3/${await adminProjectId(admin)}/os-quota-sets/${projectId}`
    await admin.put('cinder', path, { quota_set: volume })
  }
}

/** `force`: also below what is in use already. */
function computeQuota(limits: Readonly<Record<string, number>>): Readonly<Record<string, unknown>> {
  return { ...limits, force: true }
}

async function adminProjectId(admin: AdminApi): Promise<string> {
  const { projects } = await admin.get<{ projects: Reference[] }>('keystone', '/v3/projects?name=admin')
  const [project] = projects
  if (project === undefined) throw new Error('there is no project admin')
  return project.id
}

async function makeNetwork(admin: AdminApi, projectId: string): Promise<ProjectNetwork> {
  const { network } = await admin.post<{ network: Reference }>('neutron', '/v2.0/networks', {
    network: { name: 'private', project_id: projectId },
  })
  const { subnet } = await admin.post<{ subnet: Reference }>('neutron', '/v2.0/subnets', {
    subnet: { name: 'private', project_id: projectId, network_id: network.id, ip_version: 4, cidr: '10.10.0.0/16' },
  })
  const { networks } = await admin.get<{ networks: Reference[] }>('neutron', '/v2.0/networks?name=public')
  const { router } = await admin.post<{ router: Reference }>('neutron', '/v2.0/routers', {
    router: { name: 'edge', project_id: projectId, external_gateway_info: { network_id: networks[0]?.id } },
  })
  await admin.put('neutron', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id })
  return { networkId: network.id, subnetId: subnet.id, routerId: router.id }
}

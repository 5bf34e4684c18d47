/** What every cloud of ours holds from its start: made once, by the real APIs, when the template is. */
import type { AdminApi } from './admin-api.ts'
import { type ApiName, COMPUTE_HOSTS, REGION, SERVICE_USERS, type Settings, serviceUrl } from './configuration.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/** In the catalog. Cinder is there by the name that its clients ask for, and by the newer one. */
const SERVICES: readonly {
  readonly api: ApiName
  readonly type: string
  readonly name: string
  readonly path: string
}[] = [
  { api: 'keystone', type: 'identity', name: 'keystone', path: '/v3' },
  { api: 'glance', type: 'image', name: 'glance', path: '' },
  { api: 'placement', type: 'placement', name: 'placement', path: '' },
  { api: 'nova', type: 'compute', name: 'nova', path: '/v2.1' },
  { api: 'neutron', type: 'network', name: 'neutron', path: '' },
  { api: 'cinder', type: 'volumev3', name: 'cinderv3', path: '/v3/$(project_id)s' },
  { api: 'octavia', type: 'load-balancer', name: 'octavia', path: '' },
]

const FLAVORS = [
  { name: 'm1.tiny', vcpus: 1, ram: 512, disk: 1 },
  { name: 'm1.small', vcpus: 1, ram: 2048, disk: 20 },
  { name: 'm1.medium', vcpus: 2, ram: 4096, disk: 40 },
  { name: 'm1.large', vcpus: 4, ram: 8192, disk: 80 },
  // Without a disk of its own: a server of it boots from a volume.
  { name: 'v1.small', vcpus: 1, ram: 2048, disk: 0 },
  { name: 'v1.medium', vcpus: 2, ram: 4096, disk: 0 },
] as const

/** Keystone runs, the others don't: the services' users, roles and endpoints. */
export async function seedIdentity(admin: AdminApi, settings: Settings): Promise<void> {
  const { roles } = await admin.get<{ roles: Named[] }>('keystone', '/v3/roles')
  const roleIds = new Map(roles.map(({ name, id }) => [name, id]))
  for (const name of ['service', 'load-balancer_member']) {
    const { role } = await admin.post<{ role: Named }>('keystone', '/v3/roles', { role: { name } })
    roleIds.set(name, role.id)
  }
  const { project } = await admin.post<{ project: Named }>('keystone', '/v3/projects', {
    project: { name: 'service', domain_id: 'default' },
  })
  for (const name of SERVICE_USERS) {
    const { user } = await admin.post<{ user: Named }>('keystone', '/v3/users', {
      user: { name, password: settings.password, domain_id: 'default' },
    })
    for (const role of ['admin', 'service']) {
      await admin.put('keystone', `/v3/projects/${project.id}/users/${user.id}/roles/${roleIds.get(role)}`)
    }
  }
  await admin.put('keystone', `/v3/regions/${REGION}`, { region: {} })
  for (const { api, type, name, path } of SERVICES) {
    const { service } = await admin.post<{ service: Named }>('keystone', '/v3/services', { service: { type, name } })
    for (const face of ['public', 'internal', 'admin']) {
      const url = `${serviceUrl(settings, api)}${path}`
      const endpoint = { service_id: service.id, interface: face, region_id: REGION, url }
      await admin.post('keystone', '/v3/endpoints', { endpoint })
    }
  }
}

/** Every service runs: flavors, a zone, an image, the external network, the volume type. */
export async function seedResources(admin: AdminApi): Promise<void> {
  for (const flavor of FLAVORS) await admin.post('nova', '/v2.1/flavors', { flavor })
  const zone = { name: 'zone-1', availability_zone: 'az-1' }
  const { aggregate } = await admin.post<{ aggregate: { id: number } }>('nova', '/v2.1/os-aggregates', {
    aggregate: zone,
  })
  const host = COMPUTE_HOSTS.at(-1)
  await admin.post('nova', `/v2.1/os-aggregates/${aggregate.id}/action`, { add_host: { host } })

  await addImage(admin, { name: 'debian-12', min_disk: 2, min_ram: 256, visibility: 'public' })
  for (const name of ['standard', 'fast']) await admin.post('cinder', '/v3/types', { volume_type: { name } })
  const { network } = await admin.post<{ network: Named }>('neutron', '/v2.0/networks', {
    network: {
      name: 'public',
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physnet1',
    },
  })
  await admin.post('neutron', '/v2.0/subnets', {
    subnet: {
      name: 'public',
      network_id: network.id,
      ip_version: 4,
      cidr: '203.0.113.0/24',
      gateway_ip: '203.0.113.1',
      enable_dhcp: false,
    },
  })
}

/** An image with bytes in it; returns its id. */
export async function addImage(admin: AdminApi, properties: Readonly<Record<string, unknown>>): Promise<string> {
  const image = { disk_format: 'raw', container_format: 'bare', ...properties }
  const { id } = await admin.post<Named>('glance', '/v2/images', image)
  await admin.put('glance', `/v2/images/${id}/file`, Buffer.alloc(64 << 10, 'a disk that nothing boots from '))
  return id
}

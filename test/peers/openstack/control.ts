/**
 * Looks into a project from outside, and changes it behind the gateway's back: over the real APIs, as the cloud's admin.
 * What the hypervisor does is told to its driver by a file (compute_driver.py).
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type AdminApi, OpenstackFault } from './admin-api.ts'
import type { ApiName } from './configuration.ts'

const named = z.looseObject({ id: z.string(), name: z.string().nullish() })
const tagged = named.extend({ tags: z.array(z.string()).default([]), description: z.string().nullish() })

const serverSchema = named.extend({
  name: z.string(),
  status: z.string(),
  metadata: z.record(z.string(), z.string()),
  tags: z.array(z.string()).default([]),
  addresses: z.record(z.string(), z.array(z.looseObject({ addr: z.string() }))),
  fault: z.looseObject({ code: z.number(), message: z.string() }).optional(),
  flavor: z.looseObject({ original_name: z.string(), vcpus: z.number(), ram: z.number(), disk: z.number() }),
  'OS-EXT-STS:task_state': z.string().nullable(),
  'OS-EXT-AZ:availability_zone': z.string().nullish(),
  'OS-EXT-SRV-ATTR:host': z.string().nullish(),
  'OS-EXT-SRV-ATTR:user_data': z.string().nullish(),
  'os-extended-volumes:volumes_attached': z.array(z.looseObject({ id: z.string() })),
})
const portSchema = tagged.extend({
  status: z.string(),
  device_id: z.string(),
  device_owner: z.string(),
  network_id: z.string(),
  fixed_ips: z.array(z.looseObject({ ip_address: z.string() })),
  security_groups: z.array(z.string()),
  allowed_address_pairs: z.array(z.looseObject({ ip_address: z.string() })),
})
const volumeSchema = named.extend({
  status: z.string(),
  size: z.number(),
  volume_type: z.string().nullable(),
  bootable: z.string(),
  metadata: z.record(z.string(), z.string()),
  attachments: z.array(z.looseObject({ server_id: z.string() })),
})
const floatingIpSchema = tagged.extend({ floating_ip_address: z.string(), port_id: z.string().nullable() })
const groupSchema = named.extend({ policy: z.string(), members: z.array(z.string()), project_id: z.string() })

const balancerSchema = tagged.extend({
  provisioning_status: z.string(),
  vip_address: z.string(),
  vip_port_id: z.string(),
})

export type CloudServer = z.infer<typeof serverSchema>
export type CloudPort = z.infer<typeof portSchema>
export type CloudVolume = z.infer<typeof volumeSchema>

/** What neutron has beside ports and floating IPs. */
export type NetworkKind = 'networks' | 'subnets' | 'routers' | 'security-groups'

export class OpenstackControl {
  readonly #api: AdminApi
  readonly #projectId: string
  readonly #hands: string
  #adminProject: Promise<string> | null = null

  /** `folder`: of the cloud, `settings.folder`. */
  constructor(api: AdminApi, { projectId, folder }: { readonly projectId: string; readonly folder: string }) {
    this.#api = api
    this.#projectId = projectId
    this.#hands = join(folder, 'hands', `${projectId}.json`)
  }

  servers(): Promise<CloudServer[]> {
    const path = `/v2.1/servers/detail?all_tenants=1&project_id=${this.#projectId}`
    return this.#all('nova', path, 'servers', serverSchema)
  }

  async server(id: string): Promise<CloudServer> {
    const { server } = await this.#api.get<{ server: unknown }>('nova', `/v2.1/servers/${id}`)
    return serverSchema.parse(server)
  }

  ports(): Promise<CloudPort[]> {
    return this.#all('neutron', `/v2.0/ports?project_id=${this.#projectId}`, 'ports', portSchema)
  }

  async volumes(): Promise<CloudVolume[]> {
    const path = `${await this.#volumePath()}/volumes/detail?all_tenants=1&project_id=${this.#projectId}`
    return this.#all('cinder', path, 'volumes', volumeSchema)
  }

  floatingIps(): Promise<z.infer<typeof floatingIpSchema>[]> {
    return this.#all('neutron', `/v2.0/floatingips?project_id=${this.#projectId}`, 'floatingips', floatingIpSchema)
  }

  /** Without the security group `default`, which neutron makes by itself. */
  async networking(kind: NetworkKind): Promise<z.infer<typeof tagged>[]> {
    const path = `/v2.0/${kind}?project_id=${this.#projectId}`
    const found = await this.#all('neutron', path, kind.replace('-', '_'), tagged)
    return found.filter(({ name }) => kind !== 'security-groups' || name !== 'default')
  }

  async serverGroups(): Promise<z.infer<typeof groupSchema>[]> {
    const groups = await this.#all('nova', '/v2.1/os-server-groups?all_projects=1', 'server_groups', groupSchema)
    return groups.filter((group) => group.project_id === this.#projectId)
  }

  /** Only where the cloud has Octavia. */
  loadBalancers(): Promise<z.infer<typeof balancerSchema>[]> {
    return this.#all(
      'octavia',
      `/v2/lbaas/loadbalancers?project_id=${this.#projectId}`,
      'loadbalancers',
      balancerSchema,
    )
  }

  /** Resolves when the server is off. */
  async powerOff(serverId: string): Promise<void> {
    await this.#act(serverId, { 'os-stop': null })
    await this.#until(serverId, 'SHUTOFF')
  }

  async powerOn(serverId: string): Promise<void> {
    await this.#act(serverId, { 'os-start': null })
    await this.#until(serverId, 'ACTIVE')
  }

  /** Resolves when the server is gone. */
  async deleteServer(serverId: string): Promise<void> {
    await this.#api.delete('nova', `/v2.1/servers/${serverId}`)
    await this.#until(serverId, null)
  }

  /** To the flavor of that name, and confirms it. */
  async resize(serverId: string, flavor: string): Promise<void> {
    const flavors = await this.#all('nova', '/v2.1/flavors', 'flavors', named)
    const found = flavors.find(({ name }) => name === flavor)
    if (found === undefined) throw new Error(`there is no flavor ${flavor}`)
    await this.#act(serverId, { resize: { flavorRef: found.id } })
    await this.#until(serverId, 'VERIFY_RESIZE')
    await this.#act(serverId, { confirmResize: null })
    await this.#until(serverId, 'ACTIVE')
  }

  /** By its path: `deleteNetworking('security-groups', id)`. */
  async deleteNetworking(kind: NetworkKind | 'ports' | 'floatingips', id: string): Promise<void> {
    await this.#api.delete('neutron', `/v2.0/${kind}/${id}`)
  }

  async deleteVolume(id: string): Promise<void> {
    await this.#api.delete('cinder', `${await this.#volumePath()}/volumes/${id}`)
  }

  async deleteImage(id: string): Promise<void> {
    await this.#api.delete('glance', `/v2/images/${id}`)
  }

  /** The hypervisor fails the next builds of the project: they end in ERROR with this message in their fault. */
  failBuilds(count: number, message: string): Promise<void> {
    return this.#tell({ failures: count, message })
  }

  /** How long the project's builds take from now on. */
  setBuildSeconds(buildSeconds: number): Promise<void> {
    return this.#tell({ buildSeconds })
  }

  /** Whether the user may do anything: without, every token of theirs ends at once. */
  async enableUser(userId: string, enabled: boolean): Promise<void> {
    await this.#api.request('PATCH', 'keystone', `/v3/users/${userId}`, { user: { enabled } })
  }

  async changePassword(userId: string, password: string): Promise<void> {
    await this.#api.request('PATCH', 'keystone', `/v3/users/${userId}`, { user: { password } })
  }

  /** Tokens that were had by it end, too. */
  async deleteApplicationCredential(userId: string, id: string): Promise<void> {
    await this.#api.delete('keystone', `/v3/users/${userId}/application_credentials/${id}`)
  }

  /** Takes all the project's servers away, so that a cloud that goes on has room. */
  async deleteServers(): Promise<void> {
    const servers = await this.servers()
    await Promise.all(servers.map(({ id }) => this.#api.delete('nova', `/v2.1/servers/${id}`)))
  }

  async #act(serverId: string, action: unknown): Promise<void> {
    await this.#api.post('nova', `/v2.1/servers/${serverId}/action`, action)
  }

  /** Null: gone. */
  async #until(serverId: string, status: string | null): Promise<void> {
    for (;;) {
      const server = await this.server(serverId).catch((error: unknown) => {
        if (error instanceof OpenstackFault && error.status === 404) return null
        throw error
      })
      if ((server?.status ?? null) === status) return
      if (server === null) throw new Error(`the server ${serverId} is gone`)
      if (server.status === 'ERROR') throw new Error(`the server ${serverId}: ${server.fault?.message ?? 'ERROR'}`)
      await sleep(100)
    }
  }

  async #tell(change: object): Promise<void> {
    const now = JSON.parse(await readFile(this.#hands, 'utf8').catch(() => '{}'))
    await writeFile(`${this.#hands}.told`, JSON.stringify({ ...now, ...change }))
    await rename(`${this.#hands}.told`, this.#hands)
  }

  /** Cinder's paths name the project of who asks. */
  async #volumePath(): Promise<string> {
    this.#adminProject ??= this.#api
      .get<{ projects: { id: string }[] }>('keystone', '/v3/projects?name=admin')
      .then(({ projects }) => projects[0]?.id ?? '')
    return `/v3/${await this.#adminProject}`
  }

  /** Every page. Servers in deletion may still be listed by nova. */
  async #all<T extends { readonly id: string }>(
    api: ApiName,
    path: string,
    key: string,
    schema: z.ZodType<T>,
  ): Promise<T[]> {
    const found: T[] = []
    const join = path.includes('?') ? '&' : '?'
    for (let marker = ''; ; ) {
      const page = `${path}${join}limit=${PAGE}${marker === '' ? '' : `&marker=${marker}`}`
      const items = z.array(schema).parse((await this.#api.get<Record<string, unknown>>(api, page))[key])
      found.push(...items)
      marker = items.at(-1)?.id ?? ''
      // Server groups are paged by an offset only; no project has that many.
      if (items.length < PAGE) return found
    }
  }
}

const PAGE = 500

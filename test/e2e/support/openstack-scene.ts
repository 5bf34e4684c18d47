import type { AccountStatus } from '../../../resources/cloud-account.ts'
import type { ClusterStatus } from '../../../resources/cluster.ts'
import { type OpenstackCloud, startOpenstack } from '../../peers/openstack/cloud.ts'
import type { OpenstackControl } from '../../peers/openstack/control.ts'
import { playOpenstackGuests } from '../../peers/openstack/guests.ts'
import type { OpenstackProject, ProjectOptions } from '../../peers/openstack/project.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { ACCOUNT, GATEWAY, useOpenstack } from './openstack-site.ts'
import { Saas } from './saas.ts'

/** A project of a real OpenStack with guests in its servers, a broker, and a gateway that has the project as its account. */
export class OpenstackScene {
  readonly cloud: OpenstackCloud
  readonly project: OpenstackProject
  readonly control: OpenstackControl
  readonly saas: Saas
  readonly gateway: GatewayProcess
  readonly signal: AbortSignal
  readonly #stop: AbortController
  readonly #guests: ReturnType<typeof playOpenstackGuests>

  static async start(options: ProjectOptions): Promise<OpenstackScene> {
    const cloud = await startOpenstack()
    const saas = await Saas.start()
    let close = async (): Promise<void> => {
      await saas.close()
      await cloud.close()
    }
    try {
      const project = await cloud.newProject(options)
      const scene = new OpenstackScene(cloud, project, saas, await saas.gateway(GATEWAY))
      close = () => scene.close()
      await useOpenstack(saas, cloud, project)
      await saas.until(async () => (await scene.account())?.phase === 'Ready')
      return scene
    } catch (cause) {
      await close()
      throw cause
    }
  }

  private constructor(cloud: OpenstackCloud, project: OpenstackProject, saas: Saas, gateway: GatewayProcess) {
    this.cloud = cloud
    this.project = project
    this.control = cloud.control(project)
    this.saas = saas
    this.gateway = gateway
    this.#stop = new AbortController()
    this.signal = this.#stop.signal
    this.#guests = playOpenstackGuests(cloud.api, { projectId: project.id, signal: this.signal, everyMs: 100 })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#guests.ended
    await this.saas.close()
    await this.cloud.close()
  }

  async account(name = ACCOUNT): Promise<AccountStatus | null> {
    return (await this.saas.client.get('CloudAccount', name, this.signal)).status as AccountStatus | null
  }

  /** Everything that the project has, whoever made it: `Port 6f1c…`, in order. */
  async objects(): Promise<string[]> {
    const { control } = this
    const kinds = await Promise.all([
      control.servers().then((servers) => named('Server', servers)),
      control.ports().then((ports) => named('Port', ports)),
      control.volumes().then((volumes) => named('Volume', volumes)),
      control.floatingIps().then((floatingIps) => named('FloatingIP', floatingIps)),
      control.serverGroups().then((groups) => named('ServerGroup', groups)),
      control.networking('networks').then((networks) => named('Network', networks)),
      control.networking('subnets').then((subnets) => named('Subnet', subnets)),
      control.networking('routers').then((routers) => named('Router', routers)),
      control.networking('security-groups').then((groups) => named('SecurityGroup', groups)),
    ])
    return kinds.flat().sort()
  }

  /** What the ledger has of the cluster, as `objects` says it. */
  async ledger(cluster?: string): Promise<string[]> {
    const entries = await this.saas.client.ledger(GATEWAY, cluster, this.signal)
    return entries.map(({ kind, externalId, state }) => `${kind} ${externalId ?? state}`).sort()
  }

  /** What the project has besides those. A router's ports are neutron's own: they come and go with its connections. */
  async objectsBeside(before: readonly string[]): Promise<string[]> {
    const ports = await this.control.ports()
    const routers = ports.filter(({ device_owner }) => device_owner.startsWith('network:router'))
    const others = new Set([...before, ...named('Port', routers)])
    return (await this.objects()).filter((object) => !others.has(object))
  }

  /** Of the security group of that name, each in words: `ingress IPv4 tcp 22-22 from 192.0.2.0/24`. */
  async rules(group: string): Promise<{ readonly id: string; readonly text: string }[]> {
    const found = (await this.control.networking('security-groups')).find(({ name }) => name === group)
    const path = `/v2.0/security-group-rules?security_group_id=${found?.id}`
    const { security_group_rules: rules } = await this.cloud.api.get<{ security_group_rules: Rule[] }>('neutron', path)
    return rules.map((rule) => ({ id: rule.id, text: inWords(rule) }))
  }

  /** The message of the cluster's condition once it is false. */
  async obstacle(cluster: string, type: string): Promise<string> {
    let message: string | undefined
    await this.saas.until(async () => {
      message = failing(await this.saas.cluster(cluster), type)
      return message !== undefined
    })
    return message ?? ''
  }

  /** Deletes the cluster and waits until it is gone. */
  async remove(cluster: string, patienceMs?: number): Promise<void> {
    await this.saas.client.delete('Cluster', cluster, false, this.signal)
    await this.saas.gone(cluster, patienceMs)
  }
}

/** As neutron has it. */
interface Rule {
  readonly id: string
  readonly direction: string
  readonly ethertype: string
  readonly protocol: string | null
  readonly port_range_min: number | null
  readonly port_range_max: number | null
  readonly remote_ip_prefix: string | null
  readonly remote_group_id: string | null
}

function inWords({ direction, ethertype, protocol, ...rule }: Rule): string {
  const ports = rule.port_range_min === null ? '' : ` ${rule.port_range_min}-${rule.port_range_max}`
  const from = rule.remote_ip_prefix ?? rule.remote_group_id ?? 'all'
  return `${direction} ${ethertype} ${protocol ?? 'any'}${ports} from ${from}`
}

function named(kind: string, objects: readonly { readonly id: string }[]): string[] {
  return objects.map(({ id }) => `${kind} ${id}`)
}

function failing(status: ClusterStatus | null, type: string): string | undefined {
  return status?.conditions.find((condition) => condition.type === type && condition.status === 'False')?.message
}

import { randomUUID } from 'node:crypto'
import type { Adapter, MachineSpec } from '../../adapters/adapter.ts'
import { createOpenstackAdapter } from '../../adapters/openstack/adapter.ts'
import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import type { OpenstackPlacement } from '../../resources/cluster.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { type OpenstackCloud, type OpenstackOptions, startOpenstack } from '../peers/openstack/cloud.ts'
import type { OpenstackControl } from '../peers/openstack/control.ts'
import type { OpenstackProject, ProjectOptions } from '../peers/openstack/project.ts'

export const GATEWAY = 'default/site-1'

export const PLACEMENT: OpenstackPlacement = {
  cloud: 'openstack',
  image: 'debian-12',
  network: { type: 'existing', network: 'private' },
  securityGroups: [],
  access: { api: ['0.0.0.0/0'], ssh: [], nodePorts: [] },
  antiAffinity: 'none',
  userData: 'config-drive',
}

/** A project in an OpenStack, and adapters and machines for it. */
export class OpenstackSite {
  readonly cloud: OpenstackCloud
  readonly project: OpenstackProject
  readonly control: OpenstackControl
  readonly #opened: Adapter[] = []
  #made = 0

  constructor(cloud: OpenstackCloud, project: OpenstackProject) {
    this.cloud = cloud
    this.project = project
    this.control = cloud.control(project)
  }

  static async start(options: OpenstackOptions & ProjectOptions = {}): Promise<OpenstackSite> {
    const cloud = await startOpenstack(options)
    return new OpenstackSite(cloud, await cloud.newProject(options))
  }

  account(overrides: Partial<OpenstackAccountSpec> = {}): OpenstackAccountSpec {
    const { cloud, project } = this
    return {
      cloud: 'openstack',
      gateway: 'site-1',
      authUrl: cloud.authUrl,
      region: cloud.region,
      interface: 'public',
      scope: { projectName: project.name, projectDomainName: 'Default' },
      authority: cloud.authorityPem,
      endpoints: {},
      sealed: '',
      ...overrides,
    }
  }

  /** Closed with the site, if not before. */
  adapter(overrides: Partial<OpenstackAccountSpec> = {}, password: string = this.project.password): Adapter {
    const adapter = createOpenstackAdapter(
      this.account(overrides),
      { type: 'password', username: this.project.username, userDomain: { name: 'Default' }, password },
      { clock: systemClock, log: silentLog },
    )
    this.#opened.push(adapter)
    return adapter
  }

  spec(overrides: Partial<MachineSpec> = {}): MachineSpec {
    this.#made += 1
    return {
      owner: { gateway: GATEWAY, cluster: 'prod', machine: randomUUID() },
      name: `prod-workers-${this.#made}`,
      placement: PLACEMENT,
      role: 'worker',
      pool: 'workers',
      size: { type: 'flavor', flavor: 'm1.small' },
      disks: [],
      address: { type: 'dhcp' },
      userData: '#cloud-config\n',
      want: 'present',
      ...overrides,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((adapter) => adapter.close()))
    await this.cloud.close()
  }
}

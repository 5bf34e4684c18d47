import { randomUUID } from 'node:crypto'
import type { Adapter, MachineSpec } from '../../adapters/adapter.ts'
import { createVsphereAdapter } from '../../adapters/vsphere/adapter.ts'
import type { VsphereAccountSpec } from '../../resources/cloud-account.ts'
import type { VspherePlacement } from '../../resources/cluster.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { startVcsim, type Vcsim, type VcsimOptions } from '../peers/vcsim.ts'

export const GATEWAY = 'default/site-1'

export const PLACEMENT: VspherePlacement = {
  cloud: 'vsphere',
  datacenter: 'DC0',
  resourcePool: 'DC0_C0',
  datastore: 'LocalDS_0',
  network: 'VM Network',
  template: 'debian-12',
  clone: 'full',
}

/** A vCenter, and adapters and machines for it. */
export class VsphereSite {
  readonly vcenter: Vcsim
  readonly #opened: Adapter[] = []
  #made = 0

  constructor(vcenter: Vcsim) {
    this.vcenter = vcenter
  }

  static async start(options: VcsimOptions = {}): Promise<VsphereSite> {
    return new VsphereSite(await startVcsim(options))
  }

  account(overrides: Partial<VsphereAccountSpec> = {}): VsphereAccountSpec {
    return {
      cloud: 'vsphere',
      gateway: 'site-1',
      server: `${this.vcenter.host}:${this.vcenter.port}`,
      authority: this.vcenter.authorityPem,
      sealed: '',
      ...overrides,
    }
  }

  /** Closed with the site, if not before. */
  adapter(overrides: Partial<VsphereAccountSpec> = {}, password: string = this.vcenter.password): Adapter {
    return this.adapterFor(this.account(overrides), password)
  }

  adapterFor(account: VsphereAccountSpec, password: string = this.vcenter.password): Adapter {
    const credentials = { username: this.vcenter.username, password }
    const adapter = createVsphereAdapter(account, credentials, { clock: systemClock, log: silentLog })
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
      size: { type: 'custom', cpus: 4, memoryMiB: 4096 },
      disks: [{ sizeGiB: 20 }],
      address: { type: 'dhcp' },
      userData: '#cloud-config\n',
      want: 'present',
      ...overrides,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((adapter) => adapter.close()))
    await this.vcenter.close()
  }
}

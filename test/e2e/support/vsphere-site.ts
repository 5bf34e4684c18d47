import { seal } from '../../../resources/sealing.ts'
import type { Vcsim } from '../../peers/vcsim.ts'
import type { SimulatedVm } from '../../peers/vcsim-control.ts'
import { PLAIN_PROFILE } from './plain-profile.ts'
import type { Saas } from './saas.ts'

export const GATEWAY = 'site-1'
export const ACCOUNT = 'vcenter'

export interface VcenterUse {
  /** The right one if not given. */
  readonly password?: string
  readonly account?: string
}

/** Applies a profile without Kubernetes and an account of the vCenter, sealed to the gateway. */
export async function useVcenter(
  saas: Saas,
  vcsim: Vcsim,
  { password = vcsim.password, account = ACCOUNT }: VcenterUse = {},
): Promise<void> {
  const binding = { tenant: 'default', gateway: GATEWAY, account }
  const sealed = await seal(await saas.sealingKey(GATEWAY), { username: vcsim.username, password }, binding)
  await saas.apply(
    {
      apiVersion: 'pcg/v1',
      kind: 'CloudAccount',
      metadata: { name: account },
      spec: {
        cloud: 'vsphere',
        gateway: GATEWAY,
        server: `${vcsim.host}:${vcsim.port}`,
        authority: vcsim.authorityPem,
        sealed,
      },
    },
    PLAIN_PROFILE,
  )
}

/** A cluster on the simulator's inventory. */
export function vsphereCluster(
  name: string,
  workers: number,
  placement: Record<string, unknown> = {},
  account = ACCOUNT,
): unknown {
  return {
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account,
      profile: 'plain',
      placement: {
        cloud: 'vsphere',
        datacenter: 'DC0',
        resourcePool: 'DC0_C0',
        datastore: 'LocalDS_0',
        network: 'VM Network',
        template: 'debian-12',
        ...placement,
      },
      controlPlane: { count: 1, cpus: 2, memoryMiB: 2048 },
      workers: [{ name: 'workers', count: workers, cpus: 1, memoryMiB: 1024 }],
      network: { endpoint: { type: 'external', address: `${name}.example.com` } },
    },
  }
}

/** Every VM that carries our mark, for whichever cluster, as the vCenter itself has it. */
export async function marked(vcsim: Vcsim, cluster?: string): Promise<SimulatedVm[]> {
  const vms = await vcsim.control.vms()
  return vms.filter((vm) => {
    const owner = vm.extraConfig['pcg.cluster']
    return owner !== undefined && (cluster === undefined || owner === cluster)
  })
}

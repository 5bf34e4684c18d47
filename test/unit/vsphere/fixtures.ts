import type { MachineSpec } from '../../../adapters/adapter.ts'
import type { VsphereObserved } from '../../../adapters/vsphere/observed.ts'
import type { VimFault } from '../../../adapters/vsphere/vim-fault.ts'
import type { VspherePlacement } from '../../../resources/cluster.ts'

export const UID = '7f3c2c2e-58a4-4e0e-9d3c-2f8f3f6a1b11'
const GIB_IN_KIB = 1024 ** 2

export const PLACEMENT: VspherePlacement = {
  cloud: 'vsphere',
  datacenter: 'DC0',
  resourcePool: 'C0',
  datastore: 'fast',
  network: 'VM Network',
  template: 'debian-12',
  clone: 'full',
}

export function machine(overrides: Partial<MachineSpec> = {}): MachineSpec {
  return {
    owner: { gateway: 'default/site-1', cluster: 'prod', machine: UID },
    name: 'prod-workers-1',
    placement: PLACEMENT,
    role: 'worker',
    pool: 'workers',
    size: { type: 'custom', cpus: 4, memoryMiB: 4096 },
    diskGiB: 20,
    disks: [{ sizeGiB: 5 }],
    address: { type: 'dhcp' },
    userData: '#cloud-config\n',
    want: 'present',
    ...overrides,
  }
}

/** As `machine()` should be in the end. */
export function observed(overrides: Partial<VsphereObserved> = {}): VsphereObserved {
  return {
    power: 'on',
    addresses: [],
    objects: [],
    vm: { type: 'VirtualMachine', value: 'vm-42' },
    cloning: undefined,
    cpus: 4,
    memoryMiB: 4096,
    disksKiB: [20 * GIB_IN_KIB, 5 * GIB_IN_KIB],
    templateDisks: 1,
    mac: '00:50:56:00:00:01',
    metadataMac: '00:50:56:00:00:01',
    ...overrides,
  }
}

export function fault(
  type: string,
  detail: Readonly<Record<string, unknown>> = {},
  message = 'in its own words',
): VimFault {
  return { kind: 'vim-fault', type, message, detail }
}

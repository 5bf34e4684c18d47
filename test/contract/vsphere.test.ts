import { randomUUID } from 'node:crypto'
import { describe } from 'vitest'
import { createVsphereAdapter } from '../../adapters/vsphere/adapter.ts'
import type { VspherePlacement } from '../../resources/cluster.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { peer, title } from '../peers/peer.ts'
import { startVcsim } from '../peers/vcsim.ts'
import { describeAdapter } from './adapter-suite.ts'

const GATEWAY = 'default/site-1'
/** Long enough that a task is seen to run. */
const TASK_MS = 40

const vcsim = await peer('vcsim')

describe.skipIf(!vcsim.available)(title('on a real vCenter API', vcsim), () => {
  describeAdapter('vsphere', async () => {
    const vcenter = await startVcsim({ taskMs: TASK_MS })
    const dependencies = { clock: systemClock, log: silentLog }
    const account = {
      cloud: 'vsphere' as const,
      gateway: 'site-1',
      server: `${vcenter.host}:${vcenter.port}`,
      authority: vcenter.authorityPem,
      sealed: '',
    }
    const placement: VspherePlacement = {
      cloud: 'vsphere',
      datacenter: 'DC0',
      resourcePool: 'DC0_C0',
      datastore: 'LocalDS_0',
      network: 'VM Network',
      template: 'debian-12',
      clone: 'full',
    }
    let made = 0
    const vmOf = async (machine: string): Promise<string> => {
      const found = (await vcenter.control.vms()).find(({ instanceUuid }) => instanceUuid === machine)
      if (found === undefined) throw new Error(`no VM has the uid ${machine}`)
      return found.ref
    }
    return {
      adapter: () => createVsphereAdapter(account, vcenter, dependencies),
      // Port 1 is refused at once: nobody listens there.
      unreachable: () => createVsphereAdapter({ ...account, server: '127.0.0.1:1' }, vcenter, dependencies),
      spec: (overrides = {}) => {
        made += 1
        return {
          owner: { gateway: GATEWAY, cluster: 'prod', machine: randomUUID() },
          name: `prod-workers-${made}`,
          placement,
          cpus: 4,
          memoryMiB: 4096,
          disks: [{ sizeGiB: 20 }],
          address: { type: 'dhcp' },
          userData: '#cloud-config\n',
          want: 'present',
          ...overrides,
        }
      },
      misplaced: { placement: { ...placement, datastore: 'no-such-datastore' }, missing: 'no-such-datastore' },
      gateway: GATEWAY,
      outside: {
        powerOff: async (machine) => vcenter.control.powerOff(await vmOf(machine)),
        remove: async (machine) => vcenter.control.destroy(await vmOf(machine)),
        resize: async (machine) => vcenter.control.reconfigure(await vmOf(machine), { cpus: 7 }),
      },
      close: () => vcenter.close(),
    }
  })
})

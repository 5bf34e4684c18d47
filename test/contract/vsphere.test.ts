import { describe } from 'vitest'
import { createVsphereAdapter } from '../../adapters/vsphere/adapter.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { peer, title } from '../peers/peer.ts'
import { describeAdapter } from './adapter-suite.ts'
import { GATEWAY, PLACEMENT, VsphereSite } from './vsphere-site.ts'

/** Long enough that a task is seen to run. */
const TASK_MS = 40

const vcsim = await peer('vcsim')

describe.skipIf(!vcsim.available)(title('on a real vCenter API', vcsim), () => {
  describeAdapter('vsphere', async () => {
    const site = await VsphereSite.start({ taskMs: TASK_MS })
    const { vcenter } = site
    const dependencies = { clock: systemClock, log: silentLog }
    const vmOf = async (machine: string): Promise<string> => {
      const found = (await vcenter.control.vms()).find(({ instanceUuid }) => instanceUuid === machine)
      if (found === undefined) throw new Error(`no VM has the uid ${machine}`)
      return found.ref
    }
    return {
      adapter: () => createVsphereAdapter(site.account(), vcenter, dependencies),
      // Nobody listens on port 1: refused at once.
      unreachable: () => createVsphereAdapter(site.account({ server: '127.0.0.1:1' }), vcenter, dependencies),
      spec: (overrides) => site.spec(overrides),
      misplaced: { placement: { ...PLACEMENT, datastore: 'no-such-datastore' }, missing: 'no-such-datastore' },
      gateway: GATEWAY,
      outside: {
        powerOff: async (machine) => vcenter.control.powerOff(await vmOf(machine)),
        remove: async (machine) => vcenter.control.destroy(await vmOf(machine)),
        resize: async (machine) => vcenter.control.reconfigure(await vmOf(machine), { cpus: 7 }),
      },
      close: () => site.close(),
    }
  })
})

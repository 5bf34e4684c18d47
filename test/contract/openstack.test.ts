import { describe } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { describeAdapter } from './adapter-suite.ts'
import { GATEWAY, OpenstackSite, PLACEMENT } from './openstack-site.ts'

const openstack = await peer('openstack')

describe.skipIf(!openstack.available)(title('on real OpenStack services', openstack), () => {
  describeAdapter('openstack', async () => {
    const site = await OpenstackSite.start()
    const serverOf = async (machine: string): Promise<string> => {
      const found = (await site.control.servers()).find(({ metadata }) => metadata['pcg-machine'] === machine)
      if (found === undefined) throw new Error(`no server is machine ${machine}`)
      return found.id
    }
    return {
      adapter: () => site.adapter(),
      // Nobody listens on port 1: refused at once.
      unreachable: () => site.adapter({ authUrl: 'https://127.0.0.1:1/v3' }),
      spec: (overrides) => site.spec(overrides),
      misplaced: { placement: { ...PLACEMENT, image: 'no-such-image' }, missing: 'no-such-image' },
      gateway: GATEWAY,
      outside: {
        powerOff: async (machine) => site.control.powerOff(await serverOf(machine)),
        remove: async (machine) => site.control.deleteServer(await serverOf(machine)),
        resize: async (machine) => site.control.resize(await serverOf(machine), 'm1.medium'),
      },
      close: () => site.close(),
    }
  })
})

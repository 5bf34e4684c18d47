import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { startVcsim, type Vcsim } from '../peers/vcsim.ts'
import { playGuests } from '../peers/vcsim-guest.ts'
import type { GatewayProcess } from './support/gateway-process.ts'
import { Saas } from './support/saas.ts'
import { GATEWAY, marked, useVcenter, vsphereCluster } from './support/vsphere-site.ts'

const simulator = await peer('vcsim')

const POINTS = ['before-intent', 'after-intent', 'after-call', 'after-token', 'before-outcome', 'after-outcome']
const boundariesOf = (...steps: readonly string[]): string[] =>
  steps.flatMap((step) => POINTS.map((point) => `${step}:${point}`))
const CREATING = boundariesOf('clone', 'reconfigure', 'power-on')
const DELETING = boundariesOf('power-off', 'delete')

describe.skipIf(!simulator.available)(
  title('a gateway that is killed (SIGKILL) between any two acts, on a vCenter', simulator),
  () => {
    const stop = new AbortController()
    let vcsim: Vcsim
    let saas: Saas
    let gateway: GatewayProcess
    let guests: ReturnType<typeof playGuests>

    beforeAll(async () => {
      vcsim = await startVcsim({ taskMs: 60 })
      guests = playGuests(vcsim, { signal: stop.signal, everyMs: 50 })
      saas = await Saas.start()
      gateway = await saas.gateway(GATEWAY)
      await useVcenter(saas, vcsim)
    })
    afterEach(() => vcsim.control.healAll())
    afterAll(async () => {
      stop.abort()
      await guests?.ended
      await saas?.close()
      await vcsim?.close()
    })

    /** Arms the crash, acts, waits for the kill, and starts the gateway again. */
    async function dyingAt(point: string, act: () => Promise<void>): Promise<void> {
      const { died } = await gateway.crashAt(point)
      await act()
      await died
      await gateway.start()
    }

    /** The vCenter has these many machines of the cluster, no VM twice, and the ledger says the same. */
    async function expectExactly(cluster: string, count: number): Promise<void> {
      const vms = await marked(vcsim, cluster)
      const ledger = await saas.client.ledger(GATEWAY, cluster, stop.signal)
      expect(vms).toHaveLength(count)
      expect(ledger.map((entry) => `${entry.externalId} ${entry.name} ${entry.state}`).sort()).toEqual(
        vms.map((vm) => `${vm.ref} ${vm.name} present`).sort(),
      )
      expect(new Set(vms.map((vm) => vm.instanceUuid)).size).toBe(count)
    }

    async function create(cluster: string, workers = 0): Promise<void> {
      await saas.apply(vsphereCluster(cluster, workers))
    }

    it('passes no step boundary, in a whole life, at which the tests below do not kill it', async () => {
      await create('whole', 1)
      await saas.ready('whole')
      await saas.client.delete('Cluster', 'whole', false, stop.signal)
      await saas.gone('whole')
      expect([...new Set(gateway.boundaries)].sort()).toEqual([...CREATING, ...DELETING].sort())
      await expectExactly('whole', 0)
    })

    it.each(CREATING)('creates a cluster all the same, killed at %s', async (point) => {
      const cluster = `create-${CREATING.indexOf(point)}`
      await dyingAt(point, () => create(cluster))
      await saas.ready(cluster)
      await expectExactly(cluster, 1)
    })

    it('creates a cluster all the same, killed again while it waits for the clone that it found', async () => {
      await vcsim.control.setTaskTime(5_000)
      const first = await gateway.crashAt('clone:after-call')
      await create('twice')
      await first.died
      // From its first moment: it may come there before anybody could ask it to die.
      const second = await gateway.start([{ point: 'await-clone:after-call', time: 1 }])
      await second.died
      await gateway.start()
      await vcsim.control.setTaskTime(60)
      await saas.ready('twice')
      await expectExactly('twice', 1)
    })

    it.each(DELETING)('deletes a cluster all the same, killed at %s', async (point) => {
      const cluster = `create-${DELETING.indexOf(point)}`
      await dyingAt(point, async () => {
        await saas.client.delete('Cluster', cluster, false, stop.signal)
      })
      await saas.gone(cluster)
      await expectExactly(cluster, 0)
    })

    it.each([...CREATING.map((point) => [point, 1] as const), ...DELETING.map((point) => [point, 0] as const)])(
      'scales all the same, killed at %s, to %i workers',
      async (point, workers) => {
        const before = 1 - workers
        await create('scaled', before)
        await saas.until(async () => (await saas.cluster('scaled'))?.machines.total === 1 + before)
        await saas.ready('scaled')
        await dyingAt(point, () => create('scaled', workers))
        await saas.until(async () => (await saas.machines('scaled')).length === 1 + workers)
        await saas.ready('scaled')
        await expectExactly('scaled', 1 + workers)
      },
    )

    it.each(['CloneVM_Task', 'ReconfigVM_Task', 'PowerOnVM_Task', 'PowerOffVM_Task', 'Destroy_Task'])(
      'makes nothing twice and leaves nothing, when the reply to %s is lost',
      async (method) => {
        const cluster = `lost-${method.split('_')[0]?.toLowerCase()}`
        const injected = await vcsim.control.inject({ method, action: 'cut-after', times: 1 })
        await create(cluster, 1)
        await saas.ready(cluster)
        await expectExactly(cluster, 2)
        await saas.client.delete('Cluster', cluster, false, stop.signal)
        await saas.gone(cluster)
        await expectExactly(cluster, 0)
        expect(await injected.taken()).toBe(1)
      },
    )

    it('has in the end exactly what is left in the ledger', async () => {
      const ledger = await saas.client.ledger(GATEWAY, undefined, stop.signal)
      expect((await marked(vcsim)).map((vm) => vm.ref).sort()).toEqual(ledger.map((entry) => entry.externalId).sort())
    })
  },
)

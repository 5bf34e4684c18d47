import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../../peers/peer.ts'
import type { CrashPoint, GatewayProcess } from './gateway-process.ts'
import { OpenstackScene } from './openstack-scene.ts'
import { GATEWAY, openstackCluster } from './openstack-site.ts'
import type { Saas } from './saas.ts'

const openstack = await peer('openstack')

/** A life has about thirty deaths. */
const PATIENCE_MS = 240_000

/** Where a step may be interrupted. */
export type Point = 'before-intent' | 'after-intent' | 'after-call' | 'after-token' | 'before-outcome' | 'after-outcome'

/** For each of these points a life of a cluster, in which the gateway is killed there in every step. */
export function describeDeaths(points: readonly Point[]): void {
  describe.skipIf(!openstack.available)(
    title('a gateway that is killed (SIGKILL) again and again, on OpenStack', openstack),
    () => {
      let scene: OpenstackScene
      let saas: Saas
      let gateway: GatewayProcess
      /** What the project has before anything is made. */
      let before: string[]
      /** The boundaries of a whole life that nobody disturbs. */
      let making: string[]
      let undoing: string[]

      beforeAll(async () => {
        scene = await OpenstackScene.start({ network: false })
        ;({ saas, gateway } = scene)
        before = await scene.objects()
      })
      afterAll(() => scene?.close())

      /** What the ledger knows is there, and nothing is there besides. */
      async function expectAsInLedger(cluster: string): Promise<void> {
        const ledger = await saas.client.ledger(GATEWAY, cluster, scene.signal)
        expect(ledger.filter(({ state }) => state !== 'present')).toEqual([])
        expect(await scene.objectsBeside(before)).toEqual(await scene.ledger(cluster))
      }

      /** Acts, and has the gateway killed at each step's boundary of that kind until `done`; returns where it died. */
      async function dying(
        point: string,
        boundaries: readonly string[],
        act: () => Promise<void>,
        done: () => Promise<void>,
      ): Promise<string[]> {
        const all = boundaries.filter((boundary) => boundary.endsWith(`:${point}`))
        const deaths: string[] = []
        let { died } = await gateway.crashAtFirst(all.map((boundary) => ({ point: boundary, time: 1 })))
        await act()
        const finished = done().then(() => 'done' as const)
        for (;;) {
          const outcome = await Promise.race([finished, died.then(() => 'died' as const)])
          if (outcome === 'done') return deaths
          deaths.push(gateway.boundaries.at(-1) ?? '')
          ;({ died } = await gateway.start(all.map((boundary) => armed(boundary, deaths.at(-1)))))
        }
      }

      /** What was interrupted may be taken up at the same boundary: there it may pass, once, or it would never get on. */
      function armed(boundary: string, last: string | undefined): CrashPoint {
        return { point: boundary, time: boundary === last ? 2 : 1 }
      }

      it('knows each boundary of a life', async () => {
        await saas.apply(openstackCluster('whole'))
        await saas.ready('whole')
        await expectAsInLedger('whole')
        making = [...new Set(gateway.boundaries)]
        await saas.client.delete('Cluster', 'whole', false, scene.signal)
        await saas.gone('whole')
        undoing = [...new Set(gateway.boundaries)].filter((boundary) => !making.includes(boundary))
        expect(await scene.objects()).toEqual(before)
        expect(making.length).toBeGreaterThan(50)
        expect(undoing.length).toBeGreaterThan(20)
      })

      it.each(points)(
        'makes and deletes a cluster all the same, killed at each %s',
        { timeout: 2 * PATIENCE_MS },
        async (point) => {
          const cluster = `killed-${points.indexOf(point)}`
          const births = await dying(
            point,
            making,
            () => saas.apply(openstackCluster(cluster)),
            () => saas.ready(cluster, PATIENCE_MS),
          )
          expect([...new Set(births)].sort()).toEqual(
            making.filter((boundary) => boundary.endsWith(`:${point}`)).sort(),
          )
          await expectAsInLedger(cluster)

          const deaths = await dying(
            point,
            undoing,
            async () => void (await saas.client.delete('Cluster', cluster, false, scene.signal)),
            () => saas.gone(cluster, PATIENCE_MS),
          )
          expect([...new Set(deaths)].sort()).toEqual(
            undoing.filter((boundary) => boundary.endsWith(`:${point}`)).sort(),
          )
          expect(await scene.objects()).toEqual(before)
        },
      )
    },
  )
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { OpenstackScene } from './support/openstack-scene.ts'
import { openstackCluster } from './support/openstack-site.ts'
import type { Saas } from './support/saas.ts'

const openstack = await peer('openstack')
const PATIENCE_MS = 120_000

describe.skipIf(!openstack.available)(title('what somebody changes in an OpenStack', openstack), () => {
  let scene: OpenstackScene
  let saas: Saas
  let before: string[]

  beforeAll(async () => {
    scene = await OpenstackScene.start({ network: false })
    ;({ saas } = scene)
    before = await scene.objects()
    await saas.apply(cluster([]))
    await saas.ready('drifting', PATIENCE_MS)
  })
  afterAll(() => scene?.close())

  /** `ssh`: who is let in. It changes nothing of the machines, and has the gateway look at what they stand on. */
  const cluster = (ssh: readonly string[]): unknown =>
    openstackCluster('drifting', {
      workers: 1,
      placement: { access: { ssh }, bootVolume: undefined },
      pool: { flavor: 'm1.small', diskGiB: undefined, disks: [] },
    })

  async function machine(pool: string) {
    const found = (await saas.machines('drifting')).find((each) => each.pool === pool)
    if (found === undefined) throw new Error(`there is no machine of ${pool}`)
    return found
  }

  const expectAsInLedger = async (): Promise<void> =>
    expect(await scene.objectsBeside(before)).toEqual(await scene.ledger('drifting'))

  it('a server that was powered off is on again', async () => {
    const { externalId = '', name } = await machine('workers')
    await scene.control.powerOff(externalId)
    await saas.until(async () => (await scene.control.server(externalId)).status === 'ACTIVE', undefined, PATIENCE_MS)
    await saas.ready('drifting', PATIENCE_MS)
    expect(await machine('workers')).toMatchObject({ name, externalId })
    const events = await saas.client.events({ kind: 'Machine', name }, scene.signal)
    expect(events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Drifted', 'Healed']))
  })

  it('a server that was deleted is replaced, and its port does not stay', async () => {
    const { externalId = '', name } = await machine('workers')
    await scene.control.deleteServer(externalId)
    await saas.until(
      async () => (await saas.machines('drifting')).every((each) => each.name !== name),
      undefined,
      PATIENCE_MS,
    )
    await saas.ready('drifting', PATIENCE_MS)
    expect((await machine('workers')).externalId).not.toBe(externalId)
    await expectAsInLedger()
  })

  it('rules and a floating IP that were deleted are there again once the cluster is looked at, without new machines', async () => {
    const machines = (await saas.machines('drifting')).map(({ name }) => name)
    const rules = await scene.rules('drifting-nodes')
    const [floatingIp] = await scene.control.floatingIps()
    for (const { id } of rules.slice(0, 2)) await scene.cloud.api.delete('neutron', `/v2.0/security-group-rules/${id}`)
    await scene.control.deleteNetworking('floatingips', floatingIp?.id ?? '')

    await saas.apply(cluster(['192.0.2.0/24']))
    await saas.until(async () => (await scene.control.floatingIps()).length === 1, undefined, PATIENCE_MS)
    const [healed] = await scene.control.floatingIps()
    const stands = `the API is at ${healed?.floating_ip_address}`
    await saas.until(async () => {
      const status = await saas.cluster('drifting')
      return status?.phase === 'Ready' && status.conditions.some(({ message }) => message === stands)
    })
    expect(healed?.id).not.toBe(floatingIp?.id)
    const now = (await scene.rules('drifting-nodes')).map(({ text }) => text)
    expect(now.sort()).toEqual([...rules.map(({ text }) => text), 'ingress IPv4 tcp 22-22 from 192.0.2.0/24'].sort())
    expect((await saas.machines('drifting')).map(({ name }) => name)).toEqual(machines)
    await expectAsInLedger()
  })

  it('a gateway that starts looks at all of it: what was changed meanwhile is put right', async () => {
    const rules = (await scene.rules('drifting-nodes')).map(({ text }) => text).sort()
    const { externalId = '' } = await machine('control-plane')
    await scene.gateway.kill()
    for (const { id } of (await scene.rules('drifting-nodes')).slice(0, 1))
      await scene.cloud.api.delete('neutron', `/v2.0/security-group-rules/${id}`)
    await scene.control.powerOff(externalId)
    await scene.gateway.start()
    await saas.until(
      async () =>
        (await scene.rules('drifting-nodes')).length === rules.length &&
        (await scene.control.server(externalId)).status === 'ACTIVE',
      undefined,
      PATIENCE_MS,
    )
    expect((await scene.rules('drifting-nodes')).map(({ text }) => text).sort()).toEqual(rules)
    await saas.ready('drifting', PATIENCE_MS)
  })

  it('nothing stays of a cluster whose objects were deleted outside, in part', async () => {
    const [floatingIp] = await scene.control.floatingIps()
    await scene.control.deleteNetworking('floatingips', floatingIp?.id ?? '')
    await scene.control.deleteServer((await machine('control-plane')).externalId ?? '')
    await scene.remove('drifting', PATIENCE_MS)
    expect(await scene.objects()).toEqual(before)
    expect(await scene.ledger()).toEqual([])
  })
})

import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ClusterStatus } from '../../resources/cluster.ts'
import { type Resource, resourceSchema } from '../../resources/resource.ts'
import type { OpenstackControl } from '../peers/openstack/control.ts'
import type { QuotaChange } from '../peers/openstack/project.ts'
import { peer, title } from '../peers/peer.ts'
import { OpenstackScene } from './support/openstack-scene.ts'
import { openstackCluster, smallOpenstackCluster } from './support/openstack-site.ts'
import type { Saas } from './support/saas.ts'

const openstack = await peer('openstack')
const PATIENCE_MS = 120_000

describe.skipIf(!openstack.available)(title('what stands in the way on an OpenStack', openstack), () => {
  let scene: OpenstackScene
  let saas: Saas
  let control: OpenstackControl
  /** What the project has before anything is made. */
  let before: string[]

  beforeAll(async () => {
    scene = await OpenstackScene.start({ network: true })
    ;({ saas, control } = scene)
    before = await scene.objects()
  })
  afterEach(() => scene?.cloud.front.behave())
  afterAll(() => scene?.close())

  /** A name that no other test's image has in a cloud that they share. */
  const imageName = (): string => `image-${randomBytes(4).toString('hex')}`

  /** The message of the machine's condition that is false, once one has the text. */
  async function troubleOf(cluster: string, text: string): Promise<string> {
    let message: string | undefined
    await saas.until(
      async () => {
        const conditions = (await saas.machines(cluster)).flatMap((machine) => machine.conditions)
        message = conditions.find(({ status, message }) => status === 'False' && message.includes(text))?.message
        return message !== undefined
      },
      async () => JSON.stringify(await saas.machines(cluster)),
    )
    return message ?? ''
  }

  const readyCondition = async (cluster: string): Promise<string> =>
    conditionOf(await saas.cluster(cluster), 'Ready')?.message ?? ''

  describe('a project out of quota', () => {
    /** For each: what is left is one too few, or none where one is enough. The project has a router's port, and a group `default`. */
    const QUOTAS: readonly [string, QuotaChange, RegExp][] = [
      ['instances', { compute: { instances: 0 } }, /quota instances: 1 is wanted, 0 of 0 are free.*--instances 1/],
      ['cores', { compute: { cores: 0 } }, /quota cores: 1 is wanted, 0 of 0 are free.*--cores 1/],
      ['ram', { compute: { ram: 1_024 } }, /quota ram: 2048 MiB are wanted, 1024 of 1024 MiB are free.*--ram 2048/],
      ['volumes', { volume: { volumes: 1 } }, /quota volumes: 2 are wanted, 1 of 1 is free.*--volumes 2/],
      ['gigabytes', { volume: { gigabytes: 5 } }, /quota gigabytes: 6 are wanted, 5 of 5 are free.*--gigabytes 6/],
      ['ports', { network: { port: 3 } }, /quota ports: 3 are wanted, 2 of 3 are free.*--ports 4/],
      ['floating IPs', { network: { floatingip: 0 } }, /quota floating IPs: 1 is wanted, 0 of 0 are free/],
      ['security groups', { network: { security_group: 2 } }, /quota security groups: 2 are wanted, 1 of 2 is free/],
    ]
    const PLENTY: QuotaChange = {
      compute: { instances: 10, cores: 10, ram: 20_480 },
      network: { port: 20, floatingip: 10, security_group: 10 },
      volume: { volumes: 10, gigabytes: 100 },
    }

    afterEach(() => scene.project.setQuota(PLENTY))

    it.each(QUOTAS)(
      'is told of %s, what is wanted and what is free, before anything is made',
      async (_, quota, words) => {
        await scene.project.setQuota(quota)
        await saas.apply(openstackCluster('poor'))
        expect(await scene.obstacle('poor', 'Preflight')).toMatch(words)
        expect(await scene.objects()).toEqual(before)
        expect(await scene.ledger('poor')).toEqual([])
        await scene.remove('poor')
      },
    )

    it('is told of all of them at once, and goes on by itself once there is more', async () => {
      for (const [, quota] of QUOTAS) await scene.project.setQuota(quota)
      await saas.apply(openstackCluster('patient'))
      const message = await scene.obstacle('patient', 'Preflight')
      for (const [, , words] of QUOTAS) expect(message).toMatch(words)
      expect((await saas.cluster('patient'))?.phase).toBe('Failed')
      expect(await scene.objects()).toEqual(before)

      await scene.project.setQuota(PLENTY)
      await saas.ready('patient', PATIENCE_MS)
      await scene.remove('patient', PATIENCE_MS)
      expect(await scene.objects()).toEqual(before)
    })
  })

  describe('an image', () => {
    it('that is missing is named, with those that there are, before anything is made', async () => {
      await saas.apply(smallOpenstackCluster('imageless', { image: 'debian-13' }))
      const message = await scene.obstacle('imageless', 'Preflight')
      expect(message).toMatch(/image debian-13.* does not exist.*Did you mean debian-12\?/)
      expect(await scene.objects()).toEqual(before)
      await scene.remove('imageless')
    })

    it('that is queued is named before anything is made, and the cluster goes on once its bytes are there', async () => {
      const { api } = scene.cloud
      const name = imageName()
      const queued = { name, disk_format: 'raw', container_format: 'bare', visibility: 'public' }
      const { id } = await api.post<{ id: string }>('glance', '/v2/images', queued)
      await saas.apply(smallOpenstackCluster('early', { image: name }))
      const message = await scene.obstacle('early', 'Preflight')
      expect(message).toMatch(new RegExp(`image ${name}: is queued.* Upload its data, or name another image\\.`))
      expect(await scene.objects()).toEqual(before)

      await api.put('glance', `/v2/images/${id}/file`, Buffer.alloc(64 << 10, 'late'))
      await saas.ready('early', PATIENCE_MS)
      await scene.remove('early')
      await control.deleteImage(id)
    })

    it('that was deleted after the preflight is named at the machine, with the remedy; nothing stays behind', async () => {
      const name = imageName()
      const id = await scene.cloud.addImage({ name })
      const create = scene.cloud.front.inject(
        { api: 'nova', method: 'POST', path: /^\/v2\.1\/servers$/ },
        { do: 'hold', when: 'before' },
      )
      await saas.apply(smallOpenstackCluster('bereft', { image: name }))
      await create.reached
      await control.deleteImage(id)
      create.release()

      const message = await troubleOf('bereft', `image ${name}`)
      expect(message).toMatch(/does not exist, or the project doesn't see it.*(There is|Did you mean) .*debian-12/)
      expect((await saas.machines('bereft'))[0]?.phase).toBe('Failed')
      await saas.until(async () => (await readyCondition('bereft')).includes(`image ${name}`))
      await scene.remove('bereft')
      expect(await scene.objects()).toEqual(before)
    })
  })

  it('a flavor that is too small for the image is named with it before anything is made', async () => {
    await saas.apply(smallOpenstackCluster('narrow', { flavor: 'm1.tiny' }))
    const message = await scene.obstacle('narrow', 'Preflight')
    expect(message).toMatch(/flavor m1\.tiny: has a disk of 1 GiB, and image debian-12 needs 2\. Name a larger flavor/)
    expect(await scene.objects()).toEqual(before)
    await scene.remove('narrow')
  })

  it("nova's words of a failed build are in the machine's condition; it is built again, and nothing is left of the first", async () => {
    const words = 'The hypervisor has lost its temper'
    await control.failBuilds(1, words)
    await saas.apply(smallOpenstackCluster('unlucky'))
    const message = await troubleOf('unlucky', words)
    expect(message).toMatch(/build server unlucky-control-plane-\S+: .*try 1, then up to 5/)
    const [first] = await saas.machines('unlucky')

    await saas.ready('unlucky', PATIENCE_MS)
    const [machine, ...others] = await saas.machines('unlucky')
    expect(others).toEqual([])
    expect(machine?.name).toBe(first?.name)
    const timeline = await saas.client.timeline(machine?.name ?? '', scene.signal)
    const retried = timeline.filter(({ outcome, detail }) => outcome === 'retrying' && detail?.includes(words))
    expect(retried).toHaveLength(1)
    expect(await scene.objectsBeside(before)).toEqual(await scene.ledger('unlucky'))
    await scene.remove('unlucky')
    expect(await scene.objects()).toEqual(before)
  })

  it('a plan shows what the cluster stands on and its machines step by step, and changes nothing', async () => {
    const { traffic } = scene.cloud.front
    traffic.reset()
    const wanted: Resource[] = [resourceSchema.parse(openstackCluster('planned', { workers: 1 }))]
    const { entries, findings } = await saas.client.plan(wanted, scene.signal)
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(entries.map(({ action, kind }) => `${action} ${kind}`)).toEqual([
      'create Foundation',
      'create Machine',
      'create Machine',
    ])
    const [foundation, ...machines] = entries
    expect(foundation?.steps).toEqual([
      'create network planned',
      'create subnet planned (10.42.0.0/24)',
      'create router planned to external network public',
      'connect router planned with subnet planned and external network public',
      'create security group planned-nodes with its rules',
      'create security group planned-control-plane with its rules',
      'create server group of pool control-plane (soft-anti-affinity)',
      'create server group of pool workers (soft-anti-affinity)',
      'create port planned-vip for the virtual IP',
      'create a floating IP to port planned-vip',
    ])
    for (const { name, steps } of machines)
      expect(steps).toEqual([
        `create port ${name}`,
        `create volume ${name}-boot of 5 GiB from image debian-12`,
        `create volume ${name}-disk-1 of 1 GiB`,
        `create server ${name} of flavor v1.small from image debian-12`,
      ])

    expect(traffic.requests.filter(({ method }) => method !== 'GET')).toEqual([])
    expect(await scene.objects()).toEqual(before)
    expect(await saas.cluster('planned')).toBeNull()
  })

  it('leaves nothing', async () => {
    expect(await scene.objects()).toEqual(before)
    expect(await scene.ledger()).toEqual([])
  })
})

function conditionOf(status: ClusterStatus | null, type: string) {
  return status?.conditions.find((condition) => condition.type === type)
}

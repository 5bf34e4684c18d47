import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AccountStatus } from '../../resources/cloud-account.ts'
import type { ClusterStatus } from '../../resources/cluster.ts'
import { peer, title } from '../peers/peer.ts'
import { startVcsim, type Vcsim } from '../peers/vcsim.ts'
import { playGuests } from '../peers/vcsim-guest.ts'
import { Saas } from './support/saas.ts'
import { ACCOUNT, GATEWAY, marked, useVcenter, vsphereCluster } from './support/vsphere-site.ts'

const simulator = await peer('vcsim')

describe.skipIf(!simulator.available)(title('what stands in the way on a vCenter', simulator), () => {
  const stop = new AbortController()
  let vcsim: Vcsim
  let saas: Saas
  let guests: ReturnType<typeof playGuests>

  beforeAll(async () => {
    vcsim = await startVcsim({ taskMs: 20 })
    guests = playGuests(vcsim, { signal: stop.signal, everyMs: 50 })
    saas = await Saas.start()
    await saas.gateway(GATEWAY)
    await useVcenter(saas, vcsim)
    await saas.until(async () => (await accountStatus())?.phase === 'Ready')
  })
  afterEach(() => vcsim.control.healAll())
  afterAll(async () => {
    stop.abort()
    await guests?.ended
    await saas?.close()
    await vcsim?.close()
  })

  async function accountStatus(account = ACCOUNT): Promise<AccountStatus | null> {
    return (await saas.client.get('CloudAccount', account, stop.signal)).status as AccountStatus | null
  }

  /** The message of the condition once it is false. */
  async function obstacle(cluster: string, type: string): Promise<string> {
    let message = ''
    await saas.until(async () => {
      const found = failing(await saas.cluster(cluster), type)
      message = found ?? ''
      return found !== undefined
    })
    return message
  }

  function failing(status: ClusterStatus | null, type: string): string | undefined {
    return status?.conditions.find((condition) => condition.type === type && condition.status === 'False')?.message
  }

  async function remove(cluster: string): Promise<void> {
    await saas.client.delete('Cluster', cluster, false, stop.signal)
    await saas.gone(cluster)
  }

  it.each([
    ['datacenter', 'DC7'],
    ['resourcePool', 'nowhere'],
    ['datastore', 'tape'],
    ['network', 'token-ring'],
    ['template', 'windows-3.11'],
    ['folder', 'no/such/folder'],
  ])('a %s that does not exist is named before anything is made', async (field, name) => {
    await saas.apply(vsphereCluster('misplaced', 1, { [field]: name }))
    expect(await obstacle('misplaced', 'Preflight')).toContain(name)
    expect(await marked(vcsim, 'misplaced')).toEqual([])
    await remove('misplaced')
  })

  it('a full datastore is named before anything is made, and the cluster goes on once there is room', async () => {
    await vcsim.control.setFreeSpace('LocalDS_1', 1024 ** 3)
    await saas.apply(vsphereCluster('cramped', 1, { datastore: 'LocalDS_1' }))
    expect(await obstacle('cramped', 'Preflight')).toMatch(/LocalDS_1.*(free|space)/)
    expect(await marked(vcsim, 'cramped')).toEqual([])
    await vcsim.control.setFreeSpace('LocalDS_1', 1024 ** 4)
    await saas.ready('cramped')
    await remove('cramped')
  })

  it("vCenter's own fault reaches the machine's condition, in its words", async () => {
    await vcsim.control.inject({
      method: 'CloneVM_Task',
      action: 'task-fault',
      fault: 'InvalidState',
      message: 'The operation is not allowed in the current state of the host.',
      times: 1,
    })
    await saas.apply(vsphereCluster('faulted', 0))
    await saas.ready('faulted')
    const [machine] = await saas.machines('faulted')
    const timeline = await saas.client.timeline(machine?.name ?? '', stop.signal)
    const failed = timeline.find((entry) => entry.outcome === 'retrying' || entry.outcome === 'failed')
    expect(failed?.detail).toContain('The operation is not allowed in the current state of the host.')
    expect(timeline.at(-1)).toMatchObject({ stage: 'ready', outcome: 'done' })
    await remove('faulted')
  })

  it('wrong credentials are tried once, whatever asks for them; the right ones take their place', async () => {
    const account = 'locked'
    const before = await vcsim.control.logins()
    await useVcenter(saas, vcsim, { account, password: 'not the password' })
    await saas.until(async () => (await accountStatus(account))?.phase === 'Suspended')
    await saas.apply(vsphereCluster('locked-out', 2, {}, account))
    expect(await obstacle('locked-out', 'Preflight')).toContain(account)
    await expect(saas.client.inventory(account, stop.signal)).rejects.toMatchObject({ code: 'credentials' })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect((await vcsim.control.logins()).refused - before.refused).toBe(1)
    expect((await accountStatus(account))?.findings).toContainEqual(
      expect.objectContaining({ severity: 'error', remedy: expect.stringContaining('pcg secret seal') }),
    )

    await useVcenter(saas, vcsim, { account })
    await saas.ready('locked-out')
    await remove('locked-out')
    await saas.client.delete('CloudAccount', account, false, stop.signal)
    await saas.until(async () => !(await saas.client.has('CloudAccount', account, stop.signal)))
  })

  it('wrong credentials do not take the place of those that work: they are tried once, and nothing stops', async () => {
    const before = await vcsim.control.logins()
    await useVcenter(saas, vcsim, { password: 'a typing error' })
    await saas.until(async () => (await accountStatus())?.phase === 'Invalid')
    expect((await accountStatus())?.findings).toContainEqual(
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('former ones are still in use') }),
    )
    await saas.apply(vsphereCluster('rotated', 0))
    await saas.ready('rotated')
    expect((await vcsim.control.logins()).refused - before.refused).toBe(1)

    await useVcenter(saas, vcsim)
    await saas.until(async () => (await accountStatus())?.phase === 'Ready')
    await remove('rotated')
  })

  it('a machine that somebody powered off is healed within moments; one that was deleted is replaced', async () => {
    await saas.apply(vsphereCluster('drifting', 1))
    await saas.ready('drifting')
    const worker = (await saas.machines('drifting')).find((machine) => machine.pool === 'workers')
    await vcsim.control.powerOff(worker?.externalId ?? '')
    await saas.until(async () => (await vcsim.control.vm(worker?.name ?? ''))?.power === 'poweredOn')
    await saas.ready('drifting')
    await vcsim.control.destroy(worker?.externalId ?? '')
    await saas.until(async () => (await saas.machines('drifting')).every((machine) => machine.name !== worker?.name))
    await saas.ready('drifting')
    expect(await marked(vcsim, 'drifting')).toHaveLength(2)
    await remove('drifting')
  })

  it('user-data with its secrets can be read no more once machines are ready, nor after one was healed', async () => {
    const userData = async () => (await marked(vcsim, 'discreet')).map((vm) => vm.extraConfig['guestinfo.userdata'])
    await saas.apply(vsphereCluster('discreet', 1))
    await saas.ready('discreet')
    expect(await userData()).toEqual(['---', '---'])
    const worker = (await saas.machines('discreet')).find((machine) => machine.pool === 'workers')
    await vcsim.control.powerOff(worker?.externalId ?? '')
    await saas.until(async () => (await vcsim.control.vm(worker?.name ?? ''))?.power === 'poweredOn')
    await saas.ready('discreet')
    expect(await userData()).toEqual(['---', '---'])
    await remove('discreet')
  })

  it('uses one session of the vCenter for all of it', async () => {
    expect(await vcsim.control.sessions()).toHaveLength(1)
  })

  it('leaves nothing', async () => {
    expect(await marked(vcsim)).toEqual([])
    expect(await saas.client.ledger(GATEWAY, undefined, stop.signal)).toEqual([])
  })
})

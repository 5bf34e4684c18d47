import { afterEach, describe, expect, it } from 'vitest'
import { LEAVE_PATIENCE_MS } from '../../../gateway/machines/departure.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import type { TimelineEntry } from '../../../resources/machine.ts'
import { cluster, profile } from './fixtures.ts'
import { account, OWNER, Site } from './site.ts'

let site: Site
afterEach(() => site.close())

/** A cluster of kubeadm; its control plane asks the gateway so often: by default only where the test does it in its place. */
async function ready(resource = cluster(), ask = 600_000): Promise<void> {
  site = await Site.start()
  const latencyMs = { create: 5, power: 2, boot: 5, delete: 5, ask }
  await site.put(account({ latencyMs }), profile({ distribution: 'kubeadm' }), resource)
  await site.ready()
}

const inCloud = (): string[] => site.cloud.list(OWNER).map((vm) => vm.name)
const names = (): string[] => site.machines().map((machine) => machine.name)
const controlPlane = (): MachineRecord[] =>
  site.machines().filter((machine) => machine.role === 'control-plane' && machine.want === 'present')
const asked = (): MachineRecord[] => site.machines().filter((machine) => machine.departure.state === 'asked')
const events = (reason: string): string[] =>
  site
    .reports()
    .flatMap((report) =>
      report.type === 'event' && report.reason === reason ? [`${report.name} ${report.message}`] : [],
    )
const timeline = (machine: string): TimelineEntry[] =>
  site.reports().flatMap((report) => (report.type === 'timeline' && report.machine === machine ? [report.entry] : []))

/** The only one that is to leave, and a control-plane machine that takes it out. */
async function oneLeaving(): Promise<{ leaver: MachineRecord; actor: MachineRecord }> {
  await site.until(() => asked().length === 1)
  const [leaver] = asked()
  const [actor] = controlPlane()
  if (leaver === undefined || actor === undefined) throw new Error('nobody leaves, or nobody acts')
  return { leaver, actor }
}

describe('a machine of a kubeadm cluster', () => {
  it('has left the cluster before anything of it is deleted', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    const { leaver, actor } = await oneLeaving()
    expect(await site.ask(actor)).toMatchObject({ leaving: [{ name: leaver.name, role: 'worker', how: 'drain' }] })
    site.pass(1_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(site.cloud.find(leaver.uid)?.state).toBe('on')
    expect(site.journal.machines.get(leaver.uid)?.stage).toBe('leaving its cluster')

    await site.tell(actor, { machine: leaver.name, outcome: 'left' })
    await site.until(() => !names().includes(leaver.name) && site.status()?.phase === 'Ready')
    expect(inCloud()).not.toContain(leaver.name)
    const leave = timeline(leaver.name).filter(({ stage }) => stage === 'leave')
    expect(leave).toEqual([
      expect.objectContaining({ actor: 'gateway', outcome: 'started' }),
      expect.objectContaining({ actor: 'guest', outcome: 'done' }),
    ])
  })

  it('waits for it after a restart too', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    const { leaver, actor } = await oneLeaving()
    await site.restart()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(site.cloud.find(leaver.uid)?.state).toBe('on')
    expect(await site.ask(actor)).toMatchObject({ leaving: [{ name: leaver.name }] })
    await site.tell(actor, { machine: leaver.name, outcome: 'left' })
    await site.until(() => !inCloud().includes(leaver.name))
  })

  it('is deleted all the same when nobody took it out in time, with a warning that says what to look after', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    const { leaver, actor } = await oneLeaving()
    await site.tell(actor, { machine: leaver.name, outcome: 'failed', message: 'budget db is violated' })
    expect(site.journal.machines.get(leaver.uid)?.conditions).toContainEqual(
      expect.objectContaining({ reason: 'CannotLeave', message: 'budget db is violated' }),
    )
    site.pass(LEAVE_PATIENCE_MS)
    await site.until(() => !inCloud().includes(leaver.name))
    const [warning] = events('NotLeft')
    expect(warning).toContain(`${leaver.name} deleted without having left`)
    expect(warning).toContain('budget db is violated')
    expect(warning).toContain(`kubectl delete node ${leaver.name}`)
  })

  it('waits on while those before it leave', async () => {
    await ready(cluster({ workers: 3 }))
    await site.put(cluster({ workers: 1 }))
    await site.until(() => asked().length === 2)
    const [first, second] = asked()
    const [actor] = controlPlane()
    if (!first || !second || !actor) throw new Error('two were to leave')
    await site.ask(actor)
    site.pass(LEAVE_PATIENCE_MS - 60_000)
    await site.tell(actor, { machine: first.name, outcome: 'left' })
    await site.until(() => !inCloud().includes(first.name))
    site.pass(120_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(site.cloud.find(second.uid)?.state).toBe('on')
    expect(events('NotLeft')).toEqual([])
  })

  it('tells when its pods were not moved', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    const { leaver, actor } = await oneLeaving()
    await site.tell(actor, { machine: leaver.name, outcome: 'left', message: 'with its pods on it' })
    await site.until(() => !inCloud().includes(leaver.name))
    expect(events('NotDrained')).toEqual([`${leaver.name} with its pods on it`])
  })

  it('that the cloud has lost leaves the cluster before it is forgotten, and is not drained', async () => {
    await ready(cluster({ controlPlane: 3, workers: 0 }))
    const [, lost] = controlPlane()
    if (lost === undefined) throw new Error('there are three')
    site.cloud.outside.remove(lost.uid)
    const { leaver, actor } = await oneLeaving()
    expect(leaver.uid).toBe(lost.uid)
    expect(await site.ask(actor)).toMatchObject({
      leaving: [{ name: lost.name, role: 'control-plane', how: 'remove' }],
    })
    await site.tell(actor, { machine: lost.name, outcome: 'left', message: 'with its pods on it' })
    await site.ready()
    expect(names()).not.toContain(lost.name)
    expect(controlPlane()).toHaveLength(3)
    expect(events('NotDrained')).toEqual([])
  })

  it('is not waited for when its whole cluster is deleted, even while it leaves', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    await oneLeaving()
    await site.delete('Cluster', 'prod')
    await site.until(() => site.journal.desired.get('Cluster', 'prod') === undefined)
    expect(inCloud()).toEqual([])
    expect(events('NotLeft')).toEqual([])
  })

  it('of the control plane leaves one at a time, and not on its own word', async () => {
    await ready(cluster({ controlPlane: 3, workers: 0 }))
    await site.put(cluster({ controlPlane: 1, workers: 0 }))
    const { leaver, actor } = await oneLeaving()
    expect(await site.tell(leaver, { machine: leaver.name, outcome: 'left' })).toBe('accepted')
    expect(site.journal.machines.get(leaver.uid)?.departure.state).toBe('asked')
    expect(names()).toHaveLength(3)
    await site.tell(actor, { machine: leaver.name, outcome: 'left' })
    await site.until(() => !inCloud().includes(leaver.name))
    const next = await oneLeaving()
    await site.tell(next.actor, { machine: next.leaver.name, outcome: 'left' })
    await site.ready()
    expect(controlPlane()).toHaveLength(1)
  })

  it('is taken out on the word of its own control plane alone', async () => {
    await ready(cluster({ workers: 2 }))
    await site.put(cluster({ workers: 1 }))
    const { leaver, actor } = await oneLeaving()
    const other = site.machines().find((machine) => machine.role === 'worker' && machine.uid !== leaver.uid)
    if (other === undefined) throw new Error('there is another worker')
    expect(await site.tell(other, { machine: leaver.name, outcome: 'left' })).toBe('refused')
    expect(await site.tell(leaver, { machine: leaver.name, outcome: 'left' })).toBe('refused')
    expect(await site.tell({ ...actor, phoneHomeTokenHash: '00' }, { machine: leaver.name, outcome: 'left' })).toBe(
      'refused',
    )
    expect(await site.tell(actor, { machine: other.name, outcome: 'left' })).toBe('accepted')
    expect(await site.tell(actor, { machine: 'no-such-machine', outcome: 'left' })).toBe('accepted')
    expect(site.journal.machines.get(leaver.uid)?.departure.state).toBe('asked')
    expect(site.journal.machines.get(other.uid)?.departure.state).toBe('none')
  })
})

describe('a kubeadm cluster whose guests do their part', () => {
  it('is rolled, control plane and workers, with each of its machines having left', async () => {
    await ready(cluster({ controlPlane: 3, workers: 2 }), 10)
    const before = names()
    await site.put(profile({ distribution: 'kubeadm', version: '1.32.0' }))
    await site.until(() => site.status()?.phase === 'Ready' && names().every((name) => !before.includes(name)))
    for (const name of before) {
      const stages = timeline(name).map(({ stage, outcome }) => `${stage} ${outcome}`)
      const left = stages.indexOf('leave done')
      expect(left).toBeGreaterThan(0)
      expect(stages.findIndex((stage) => /^(power-off|delete) started$/.test(stage))).toBeGreaterThan(left)
    }
    expect(events('NotLeft')).toEqual([])
  })
})

import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Adapter, Outcome } from '../../../adapters/adapter.ts'
import { Journal } from '../../../gateway/journal/journal.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { cluster, profile } from './fixtures.ts'
import { account, OWNER, Site } from './site.ts'

let site: Site
afterEach(() => site.close())

async function ready(resource = cluster(), wrap?: (adapter: Adapter) => Adapter): Promise<void> {
  site = await Site.start(wrap)
  await site.put(account(), profile(), resource)
  await site.ready()
}

const inCloud = (): string[] => [...site.cloud.list(OWNER)].map((vm) => vm.name).sort()
const names = (): string[] =>
  site
    .machines()
    .map((machine) => machine.name)
    .sort()
const uidOf = (pool: string): string =>
  site.machines().find((machine) => machine.pool === pool && machine.want === 'present')?.uid ?? ''
const eventReasons = (): string[] =>
  site.reports().flatMap((report) => (report.type === 'event' ? [report.reason] : []))

/** The sandbox, but that `start` answers as `answer` says, if it does. */
function answering(answer: (kind: string) => Outcome | undefined): (adapter: Adapter) => Adapter {
  return (adapter) => ({
    ...adapter,
    start: async (step, spec, context) => answer(step.kind) ?? adapter.start(step, spec, context),
  })
}

describe('a cluster on one gateway', () => {
  it('has the machines that were asked for, in the cloud and in the ledger', async () => {
    await ready(cluster({ controlPlane: 3, workers: 2 }))
    expect(names()).toHaveLength(5)
    expect(inCloud()).toEqual(names())
    expect(
      site.journal.ledger
        .all()
        .map((row) => [row.name, row.state])
        .sort(),
    ).toEqual(names().map((name) => [name, 'present']))
    expect(site.status()?.machines).toEqual({ desired: 5, total: 5, ready: 5, current: 5 })
  })

  it('has one machine that makes the cluster, and others that join it', async () => {
    await ready(cluster({ controlPlane: 3 }))
    expect(site.machines().filter((machine) => machine.initialises)).toHaveLength(1)
    expect(site.journal.clusters.get('prod').initialiser?.done).toBe(true)
  })

  it('grows and shrinks', async () => {
    await ready(cluster({ workers: 1 }))
    await site.put(cluster({ workers: 4 }))
    await site.until(() => site.status()?.phase === 'Ready' && names().length === 5)
    await site.put(cluster({ workers: 0 }))
    await site.until(() => site.status()?.phase === 'Ready' && names().length === 1)
    expect(inCloud()).toEqual(names())
  })

  it('replaces every machine when the profile changes, never with fewer ready than asked for', async () => {
    await ready(cluster({ controlPlane: 1, workers: 2 }))
    const before = names()
    await site.put(profile({ version: '1.32.0' }))
    let fewest = 3
    await site.until(() => {
      fewest = Math.min(
        fewest,
        site.machines().filter((machine) => machine.want === 'present' && machine.phase === 'Ready').length,
      )
      return site.status()?.phase === 'Ready' && names().every((name) => !before.includes(name))
    })
    expect(fewest).toBe(3)
    expect(inCloud()).toEqual(names())
  })

  it('is gone when it is deleted, with nothing left in the cloud or the ledger', async () => {
    await ready()
    await site.delete('Cluster', 'prod')
    await site.until(() => site.journal.desired.get('Cluster', 'prod') === undefined)
    expect(inCloud()).toEqual([])
    expect(site.journal.ledger.all()).toEqual([])
    expect(site.reports()).toContainEqual({ type: 'gone', kind: 'Cluster', name: 'prod', left: [] })
  })

  it('can be deleted while it is being made', async () => {
    site = await Site.start()
    await site.put(
      account({ latencyMs: { create: 50, power: 5, boot: 5, delete: 5, ask: 60_000 } }),
      profile(),
      cluster(),
    )
    await site.until(() => site.machines().some((machine) => machine.running !== null))
    await site.delete('Cluster', 'prod')
    await site.until(() => site.journal.desired.get('Cluster', 'prod') === undefined)
    expect(inCloud()).toEqual([])
  })

  it('can be forgotten: no cloud is called, and what is left is named', async () => {
    await ready(cluster({ workers: 0 }))
    const left = inCloud()
    await site.delete('Cluster', 'prod', 'forget')
    await site.until(() => site.journal.desired.get('Cluster', 'prod') === undefined)
    expect(inCloud()).toEqual(left)
    const gone = site.reports().find((report) => report.type === 'gone' && report.kind === 'Cluster')
    expect(gone).toMatchObject({ left: [expect.stringContaining(left[0] ?? 'nothing')] })
  })

  it('goes on after a restart where it was', async () => {
    site = await Site.start()
    await site.put(
      account({ latencyMs: { create: 30, power: 10, boot: 10, delete: 5, ask: 60_000 } }),
      profile(),
      cluster({ workers: 3 }),
    )
    await site.until(() => site.machines().some((machine) => machine.running?.token != null))
    await site.restart()
    await site.ready()
    expect(inCloud()).toEqual(names())
    expect(names()).toHaveLength(4)
  })
})

describe('what changes outside', () => {
  it('is healed: a machine that is off is powered on', async () => {
    await ready()
    const uid = uidOf('workers')
    site.cloud.outside.powerOff(uid)
    await site.until(() => eventReasons().includes('Drifted'))
    await site.ready()
    expect(site.cloud.find(uid)?.state).toBe('on')
  })

  it('is healed: another machine takes the place of one that is gone', async () => {
    await ready()
    const uid = uidOf('workers')
    site.cloud.outside.remove(uid)
    await site.until(() => site.journal.machines.get(uid) === undefined)
    await site.ready()
    expect(inCloud()).toEqual(names())
    expect(eventReasons()).toContain('Lost')
  })

  it('is only told where the policy is to alert', async () => {
    await ready(cluster({ driftPolicy: 'alert' }))
    const uid = uidOf('workers')
    site.cloud.outside.powerOff(uid)
    await site.until(() => site.journal.machines.get(uid)?.phase === 'Drifted')
    expect(site.cloud.find(uid)?.state).toBe('off')
    await site.until(() => site.status()?.phase === 'Degraded')
    expect(site.status()?.conditions).toContainEqual(expect.objectContaining({ type: 'Drifted', status: 'True' }))
  })

  it('is noticed after a restart too', async () => {
    await ready()
    const uid = uidOf('workers')
    const stopped = site.restart()
    site.cloud.outside.remove(uid)
    await stopped
    await site.until(() => site.journal.machines.get(uid) === undefined)
    await site.ready()
    expect(inCloud()).toEqual(names())
  })
})

describe('before a call that may create something', () => {
  it('has the intent and the object in the journal', async () => {
    const before: unknown[] = []
    await ready(cluster({ workers: 1 }), (adapter) => ({
      ...adapter,
      start: async (step, spec, context) => {
        const { machine } = spec.owner
        const written = Journal.open(join(site.folder, 'state.db'), systemClock)
        before.push({
          step: written.machines.get(machine)?.running,
          ledger: written.ledger.of(machine).map((row) => row.state),
        })
        written.close()
        return adapter.start(step, spec, context)
      },
    }))
    expect(before).toContainEqual({
      step: { step: expect.objectContaining({ kind: 'create' }), token: null },
      ledger: ['intended'],
    })
    expect(before).not.toContainEqual(expect.objectContaining({ step: null }))
  })
})

describe('when the cloud does not do as asked', () => {
  it('stops the whole account when it refuses the credentials in the middle, until they are changed', async () => {
    const calls: string[] = []
    let refused = true
    site = await Site.start((adapter) => ({
      ...adapter,
      start: async (step, spec, context) => {
        calls.push(step.kind)
        return refused ? { kind: 'credentials', message: 'wrong user or password' } : adapter.start(step, spec, context)
      },
      observe: async (spec, context) => {
        calls.push('observe')
        return adapter.observe(spec, context)
      },
    }))
    await site.put(account(), profile(), cluster({ workers: 0 }))
    await site.until(
      () => site.machines()[0]?.conditions.some((condition) => condition.reason === 'AccountUnusable') ?? false,
    )
    await site.put(cluster({ workers: 3 }))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(calls).toEqual(['observe', 'create'])
    refused = false
    await site.put(account())
    await site.ready()
  })

  it('observes before it tries again when a reply was lost, and makes nothing twice', async () => {
    const lost = new Set<string>()
    await ready(cluster({ workers: 3 }), (adapter) => ({
      ...adapter,
      start: async (step, spec, context) => {
        const outcome = await adapter.start(step, spec, context)
        const key = `${step.kind} ${spec.name}`
        if (lost.has(key)) return outcome
        lost.add(key)
        return { kind: 'unknown', message: 'the reply was lost' }
      },
    }))
    expect(lost.size).toBeGreaterThan(4)
    expect(inCloud()).toEqual(names())
    expect(names()).toHaveLength(4)
  })

  it('tries again what may pass, and says why it waits', async () => {
    let refusals = 2
    const busy = answering((kind) =>
      kind === 'create' && refusals-- > 0
        ? { kind: 'retryable', fault: 'busy', message: 'the host is busy', afterMs: 1 }
        : undefined,
    )
    await ready(cluster({ workers: 0 }), busy)
    expect(site.reports()).toContainEqual(
      expect.objectContaining({
        type: 'timeline',
        entry: expect.objectContaining({ outcome: 'retrying', detail: 'the host is busy' }),
      }),
    )
  })

  it('stops at what nobody but its user can change, with the reason in the conditions', async () => {
    const calls: string[] = []
    site = await Site.start(
      answering((kind) => {
        calls.push(kind)
        return { kind: 'fatal', reason: 'NoTemplate', message: 'template debian-12 is gone', remedy: 'restore it' }
      }),
    )
    await site.put(account(), profile(), cluster({ workers: 0 }))
    const told = () => site.status()?.conditions.find((condition) => condition.type === 'Ready')?.message ?? ''
    await site.until(() => told().includes('template debian-12 is gone'))
    expect(site.machines()[0]?.phase).toBe('Failed')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(calls).toHaveLength(1)
  })

  it('uses refused credentials once, and goes on when they were changed', async () => {
    let logins = 0
    let good = false
    site = await Site.start((adapter) => ({
      ...adapter,
      verify: async (context) => {
        logins++
        if (!good) throw new PcgError('credentials', 'wrong user or password')
        return adapter.verify(context)
      },
    }))
    await site.put(account(), profile(), cluster({ workers: 5 }))
    await site.until(() => site.status()?.phase === 'Failed')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(logins).toBe(1)
    expect(site.machines()).toEqual([])
    expect(site.reports()).toContainEqual(
      expect.objectContaining({
        type: 'status',
        kind: 'CloudAccount',
        status: expect.objectContaining({ phase: 'Suspended' }),
      }),
    )
    good = true
    await site.put(account())
    await site.ready()
  })

  it('creates nothing before the preflight passes, and says what is missing', async () => {
    site = await Site.start()
    await site.put(account({ capacity: 2 }), profile(), cluster({ workers: 5 }))
    await site.until(() => site.status()?.phase === 'Failed')
    expect(inCloud()).toEqual([])
    expect(site.status()?.conditions.find((condition) => condition.type === 'Preflight')?.message).toMatch(
      /room for 2 more/,
    )
    await site.put(account({ capacity: 100 }))
    await site.ready()
  })

  it('never takes an error for "not there"', async () => {
    let failing = false
    await ready(cluster({ workers: 1 }), (adapter) => ({
      ...adapter,
      observe: async (spec, context) => {
        if (failing) throw new PcgError('unavailable', 'no route to the cloud')
        return adapter.observe(spec, context)
      },
    }))
    const before = names()
    failing = true
    for (const { uid } of site.machines()) site.orchestrator.machineChanged(uid)
    await site.until(() => site.machines().every((machine) => machine.failures > 0))
    expect(names()).toEqual(before)
    expect(inCloud()).toEqual(before)
  })
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BrokerStore, openStore } from '../../../broker/store/broker-store.ts'
import { EVENTS_KEPT, GONE_KEPT, type NewEvent, SLACK } from '../../../broker/store/event-store.ts'
import { TIMELINE_LENGTH } from '../../../broker/store/machine-store.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { profile } from './resources.ts'

let store: BrokerStore
beforeEach(() => {
  store = openStore(':memory:', systemClock)
})
afterEach(() => store.database.close())

const event = (message: string): NewEvent => ({
  time: '2026-11-22T17:00:00.000Z',
  kind: 'Cluster',
  name: 'prod',
  severity: 'info',
  reason: 'Said',
  message,
  gateway: 'berlin',
  traceId: '',
})

describe('what is kept', () => {
  test("a tenant's events are bounded: its oldest go, and nobody else's", async () => {
    await store.database.write(() => {
      store.events.add('rival', event('theirs'))
      for (let n = 0; n < EVENTS_KEPT + 2_000; n += 1) store.events.add('acme', event(`e${n}`))
    })
    const kept = store.events.list('acme', { after: 0, limit: 100_000 })
    expect(kept.length).toBeGreaterThanOrEqual(EVENTS_KEPT)
    expect(kept.length).toBeLessThanOrEqual(EVENTS_KEPT + SLACK + 1)
    expect(kept.at(-1)?.message).toBe(`e${EVENTS_KEPT + 1_999}`)
    expect(store.events.list('rival', { limit: 10 })).toHaveLength(1)
  })

  test("a machine's timeline keeps its newest entries", async () => {
    const entry = (stage: string) => ({ time: '', stage, actor: 'gateway', cause: '', outcome: 'done' as const })
    await store.database.write(() => {
      for (let n = 0; n < TIMELINE_LENGTH + 50; n += 1) store.machines.append('acme', 'prod', 'm', entry(`s${n}`))
      store.machines.append('acme', 'prod', 'other', entry('first'))
    })
    const kept = store.machines.timeline('acme', 'm')
    expect(kept.map((one) => one.entry.stage)).toEqual(Array.from({ length: TIMELINE_LENGTH }, (_, n) => `s${n + 50}`))
    expect(store.machines.timeline('acme', 'other')).toHaveLength(1)
  })

  test('removals are bounded, and from where they are forgotten is known', async () => {
    await store.database.write(() => {
      for (let n = 1; n <= GONE_KEPT + 1_000; n += 1) store.events.addGone('acme', { kind: 'Cluster', name: `c${n}` })
    })
    const kept = store.events.gone('acme', 0, 100_000)
    expect(kept.length).toBeGreaterThanOrEqual(GONE_KEPT)
    expect(kept.length).toBeLessThanOrEqual(GONE_KEPT + SLACK + 1)
    expect(store.events.forgottenThrough('acme')).toBe((kept[0]?.revision ?? 0) - 1)
    expect(store.events.forgottenThrough('rival')).toBe(0)
  })
})

describe('events are listed', () => {
  beforeEach(() =>
    store.database.write(() => {
      for (let n = 0; n < 10; n += 1)
        store.events.add('acme', { ...event(`e${n}`), name: n % 2 === 0 ? 'even' : 'odd' })
    }),
  )
  const messages = (filter: object, limit = 100) =>
    store.events.list('acme', { ...filter, limit }).map(({ message }) => message)

  test('oldest first: the newest ones', () => {
    expect(messages({}, 3)).toEqual(['e7', 'e8', 'e9'])
  })
  test('behind an id, from there on', () => {
    const third = store.events.list('acme', { limit: 100 })[2]
    expect(messages({ after: third?.revision }, 2)).toEqual(['e3', 'e4'])
  })
  test('by kind and name', () => {
    expect(messages({ name: 'odd' }, 2)).toEqual(['e7', 'e9'])
    expect(messages({ kind: 'Machine' })).toEqual([])
  })
})

describe('revisions', () => {
  test('rise with each change, and listeners of the tenant hear of it after the commit', async () => {
    const heard: string[] = []
    const stop = store.database.onChanged('acme', () => heard.push(`acme at ${store.database.revision()}`))
    store.database.onChanged('rival', () => heard.push('rival'))
    await store.database.write(() => {
      store.resources.put('acme', profile('a'), 1, '')
      store.resources.put('acme', profile('b'), 1, '')
    })
    expect(heard).toEqual(['acme at 2'])
    stop()
    await store.database.write(() => store.resources.touch('acme', { kind: 'ClusterProfile', name: 'a' }))
    expect(heard).toHaveLength(1)
    expect(store.resources.get('acme', 'ClusterProfile', 'a')?.revision).toBe(3)
  })

  test('are not taken by a write that fails, and nobody hears of it', async () => {
    let heard = 0
    store.database.onChanged('acme', () => {
      heard += 1
    })
    const failing = store.database.write(() => {
      store.resources.put('acme', profile('a'), 1, '')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect([heard, store.database.revision(), store.resources.list('acme', 'ClusterProfile')]).toEqual([0, 0, []])
  })

  test('are refused outside a write', () => {
    expect(() => store.resources.put('acme', profile('a'), 1, '')).toThrow(/outside a transaction/)
  })
})

test('a database that a newer version wrote is refused, and left as it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-store-'))
  const path = join(folder, 'broker.db')
  const first = openStore(path, systemClock)
  first.database.db.exec('PRAGMA user_version = 99')
  first.database.close()
  expect(() => openStore(path, systemClock)).toThrow(/a newer version wrote/)
  await rm(folder, { recursive: true })
})

test('a database of the first version gets what was added since, and keeps what it has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pcg-store-'))
  const path = join(folder, 'broker.db')
  const first = openStore(path, systemClock)
  await first.database.write(() => first.gateways.addToken('hash-1', { tenant: 'acme', gateway: 'berlin' }, 5))
  first.database.db.exec('ALTER TABLE join_tokens DROP COLUMN key_hash; PRAGMA user_version = 1')
  first.database.close()
  for (const time of ['once', 'again']) {
    const later = openStore(path, systemClock)
    expect([time, later.gateways.token('hash-1')]).toMatchObject([time, { expiresMs: 5, spentMs: null, keyHash: null }])
    later.database.close()
  }
  await rm(folder, { recursive: true })
})

describe('tenants', () => {
  test('have a name of their own, and an admin key that nobody else has', async () => {
    const [a, b] = [await store.tenants.create('acme'), await store.tenants.create('rival')]
    expect(a).not.toBe(b)
    expect(store.tenants.callerOf(a)).toEqual({ tenant: 'acme', role: 'admin' })
    expect(store.tenants.callerOf(b)).toEqual({ tenant: 'rival', role: 'admin' })
    await expect(store.tenants.create('acme')).rejects.toMatchObject({ code: 'conflict', subject: 'name' })
    await expect(store.tenants.create('No Name')).rejects.toMatchObject({ code: 'invalid', subject: 'name' })
  })
})

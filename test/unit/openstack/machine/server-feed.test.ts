import { setTimeout as sleepFor } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { OpenstackCloud } from '../../../../adapters/openstack/client/cloud.ts'
import type { CallOptions, QueryValue } from '../../../../adapters/openstack/client/service.ts'
import { pollMachine } from '../../../../adapters/openstack/machine/poll.ts'
import { ServerFeed } from '../../../../adapters/openstack/machine/server-feed.ts'
import { Turns } from '../../../../adapters/openstack/machine/turns.ts'
import { watchMachines } from '../../../../adapters/openstack/machine/watch.ts'
import { gatewayTag } from '../../../../adapters/openstack/owner-mark.ts'
import type { Clock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'
import { PcgError } from '../../../../runtime/pcg-error.ts'
import { DELETED_ANSWER, OWNER, SERVER, SERVER_ANSWER } from './fixtures.ts'

type Query = Readonly<Record<string, QueryValue>>

/** A hundred times as fast as ours. */
const HURRIED: Clock = { now: () => Date.now() * 100, sleep: (ms, signal) => sleepFor(ms / 100, undefined, { signal }) }

/** Nova with one project's servers. */
class Nova {
  servers: object[] = []
  readonly lists: Query[] = []
  readonly reads: string[] = []
  failing = false

  readonly cloud = { service: () => this, close: async () => {} } as unknown as OpenstackCloud

  async *pages(_path: string, _key: string, { query = {}, signal }: CallOptions) {
    signal.throwIfAborted()
    await Promise.resolve()
    this.lists.push(query)
    if (this.failing) throw new PcgError('unavailable', 'no connection')
    // Deleted ones are only among the changes.
    yield query['changes-since'] === undefined
      ? this.servers.filter((server) => 'status' in server && server.status !== 'DELETED')
      : this.servers
  }

  async find(path: string) {
    this.reads.push(path)
    const found = this.servers.find((server) => 'id' in server && path.endsWith(String(server.id)))
    return found === undefined || ('status' in found && found.status === 'DELETED') ? undefined : { server: found }
  }
}

describe('the feed of a project’s servers', () => {
  const nova = { current: new Nova() }
  const open: ServerFeed[] = []
  function feedOf(one: Nova): ServerFeed {
    nova.current = one
    const feed = new ServerFeed({ cloud: one.cloud, clock: HURRIED, log: silentLog })
    open.push(feed)
    return feed
  }
  afterEach(() => Promise.all(open.splice(0).map((feed) => feed.close())))

  it('asks for all of a gateway’s once, then for what changed by nova’s own clock', async ({ signal }) => {
    const one = new Nova()
    one.servers = [SERVER_ANSWER]
    const changes = watchMachines(feedOf(one), OWNER.gateway, signal)
    expect((await changes.next()).value).toEqual({ machine: OWNER.machine })
    one.servers = [{ ...SERVER_ANSWER, status: 'SHUTOFF', updated: '2026-11-22T20:40:00Z' }]
    expect((await changes.next()).value).toEqual({ machine: OWNER.machine })
    one.servers = [DELETED_ANSWER]
    expect((await changes.next()).value).toEqual({ machine: OWNER.machine })
    const [first, second] = one.lists
    expect(first).toEqual({ tags: gatewayTag(OWNER.gateway) })
    // The newest change was at 20:36:05; five seconds more, because hosts' clocks differ.
    expect(second).toEqual({ 'changes-since': '2026-11-22T20:36:00Z' })
    expect(one.lists.at(-1)).toEqual({ 'changes-since': '2026-11-22T20:39:55Z' })
    expect(one.reads).toEqual([])
  })

  it('tells after a lost connection what changed and what went meanwhile', async ({ signal }) => {
    const one = new Nova()
    const other = {
      ...SERVER_ANSWER,
      id: 'other',
      metadata: { ...SERVER_ANSWER.metadata, 'pcg-machine': 'other-machine' },
    }
    one.servers = [SERVER_ANSWER, other]
    const changes = watchMachines(feedOf(one), OWNER.gateway, signal)
    await changes.next()
    await changes.next()
    one.failing = true
    await expect.poll(() => one.lists.length).toBeGreaterThan(4)
    // Nova may have forgotten by then that it was there.
    one.servers = [other]
    one.failing = false
    expect((await changes.next()).value).toEqual({ machine: OWNER.machine })
  })

  it('asks once for a hundred that wait, and reads none of them alone', async ({ signal }) => {
    const one = new Nova()
    const ids = Array.from({ length: 100 }, (_, index) => `${SERVER.slice(0, -3)}${100 + index}`)
    const building = (id: string) => ({ ...SERVER_ANSWER, id, status: 'BUILD', 'OS-EXT-STS:task_state': 'spawning' })
    one.servers = ids.map(building)
    const feed = feedOf(one)
    await watchMachines(feed, OWNER.gateway, signal).next()
    const tools = { cloud: one.cloud, feed, turns: new Turns(HURRIED, 100), now: () => Date.now() }
    const polls = ids.map((id) =>
      pollMachine(tools, { kind: 'server', id, until: { goal: 'built', failures: 0 } }, signal),
    )
    await expect.poll(() => one.lists.length).toBeGreaterThan(3)
    one.servers = ids.map((id) => ({ ...SERVER_ANSWER, id }))
    expect(new Set((await Promise.all(polls)).map(({ kind }) => kind))).toEqual(new Set(['done']))
    expect(one.reads).toEqual([])
  })

  it('stops asking when nobody listens', async ({ signal }) => {
    const one = new Nova()
    const feed = feedOf(one)
    const changes = watchMachines(feed, OWNER.gateway, AbortSignal.any([signal, AbortSignal.timeout(60)]))
    await expect(changes.next()).rejects.toMatchObject({ code: 'cancelled' })
    await sleepFor(120)
    const asked = one.lists.length
    expect(asked).toBeGreaterThan(0)
    await sleepFor(120)
    expect(one.lists.length).toBe(asked)
  })

  it('knows a deletion though nova’s list of changes doesn’t have it', async ({ signal }) => {
    const one = new Nova()
    const feed = feedOf(one)
    const tools = { cloud: one.cloud, feed, turns: new Turns(HURRIED, 100), now: () => Date.now() * 100 }
    expect(await pollMachine(tools, { kind: 'server', id: SERVER, until: { goal: 'gone' } }, signal)).toEqual({
      kind: 'done',
    })
    expect(one.reads).toEqual([`/servers/${SERVER}`])
  })
})

describe('questions about single objects', () => {
  it('come one after the other, however many wait', async ({ signal }) => {
    const at: number[] = []
    const clock: Clock = { now: () => 0, sleep: async (ms) => void at.push(ms) }
    const turns = new Turns(clock, 100)
    await Promise.all(Array.from({ length: 12 }, () => turns.wait(500, signal)))
    expect(at.slice(0, 6)).toEqual([500, 500, 500, 500, 500, 500])
    expect(at.slice(6)).toEqual([600, 700, 800, 900, 1000, 1100])
  })
})

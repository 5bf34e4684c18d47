/** A resource is never stored without its command being in the log, nor the reverse, and each command is there once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandTopic, type MessageLog } from '../../../broker/log/message-log.ts'
import { SqliteLog } from '../../../broker/log/sqlite-log.ts'
import { type BrokerStore, openStore } from '../../../broker/store/broker-store.ts'
import { CommandOutbox } from '../../../broker/store/command-outbox.ts'
import type { Command } from '../../../resources/command.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { account, cluster, gateway, profile } from './resources.ts'
import { openSite, type Site } from './site.ts'

async function commandsOf(messages: MessageLog): Promise<Command[]> {
  const found = await messages.read(commandTopic('acme', 'berlin'), { after: 0, limit: 100_000, maxBytes: 1 << 30 })
  return found.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))
}

const clusterNames = (commands: readonly Command[]) =>
  commands.flatMap((command) =>
    command.type === 'put' && command.resource.kind === 'Cluster' ? [command.resource.metadata.name] : [],
  )

describe('a transaction that fails', () => {
  let site: Site
  beforeEach(async () => {
    site = await openSite()
    await site.apply(site.admin, gateway('berlin'), account('sandbox', 'berlin'), profile('base'))
    await site.outbox.drain()
  })
  afterEach(() => site.close())

  /** Makes SQLite refuse a statement, as a full disk would. */
  const refuse = (what: string) =>
    site.store.database.db.exec(`CREATE TEMP TRIGGER refuse BEFORE ${what} BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
  const allow = () => site.store.database.db.exec('DROP TRIGGER refuse')
  const prod = cluster('prod', { account: 'sandbox', profile: 'base' })

  test.each(['INSERT ON outbox', 'INSERT ON resources', 'INSERT ON holdings', 'UPDATE ON revision'])(
    'at %s leaves neither the resource nor a command',
    async (statement) => {
      const before = await site.commands()
      refuse(statement)
      const answer = await site.apply(site.admin, profile('beside'), prod)
      allow()
      expect(answer.status).toBe(500)
      expect(JSON.stringify(answer.body)).not.toContain('disk full')
      for (const path of ['/v1/clusters/prod', '/v1/profiles/beside'])
        expect((await site.call(site.admin, { method: 'GET', path })).status).toBe(404)
      expect(await site.commands()).toEqual(before)
      expect((await site.apply(site.admin, prod)).status).toBe(200)
    },
  )

  test('while deleting leaves the resource as it was', async () => {
    await site.apply(site.admin, prod)
    refuse('INSERT ON outbox')
    expect((await site.call(site.admin, { method: 'DELETE', path: '/v1/clusters/prod' })).status).toBe(500)
    allow()
    expect((await site.call(site.admin, { method: 'GET', path: '/v1/clusters/prod' })).body).toMatchObject({
      deleting: false,
    })
  })

  test('does not take its neighbours along', async () => {
    const bad = cluster('bad', { account: 'nope', profile: 'base' })
    const answers = await Promise.all([
      site.apply(site.admin, prod),
      site.apply(site.admin, bad),
      site.apply(site.admin, profile('p2')),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 200])
    expect(clusterNames(await site.commands())).toEqual(['prod'])
  })

  test('a command that the log refuses for a while is published afterwards, once, and in its order', async () => {
    refuse('INSERT ON messages')
    await site.apply(site.admin, prod)
    await site.apply(site.admin, cluster('second', { account: 'sandbox', profile: 'base' }))
    expect(clusterNames(await commandsOf(site.messages))).toEqual([])
    allow()
    expect(clusterNames(await site.commands())).toEqual(['prod', 'second'])
  })

  test('a command that was published, but is still in the outbox, is not published twice', async () => {
    refuse('DELETE ON outbox')
    await site.apply(site.admin, prod)
    await expect.poll(async () => clusterNames(await commandsOf(site.messages))).toEqual(['prod'])
    allow()
    expect(clusterNames(await site.commands())).toEqual(['prod'])
  })
})

describe('a broker that is killed', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pcg-kill-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const reopened = (): { store: BrokerStore; messages: SqliteLog; outbox: CommandOutbox; close(): Promise<void> } => {
    const store = openStore(join(folder, 'broker.db'), systemClock)
    const messages = new SqliteLog({ db: store.database.db, commits: store.database.commits, clock: systemClock })
    const outbox = new CommandOutbox({ database: store.database, messages, clock: systemClock, log: silentLog })
    const close = async () => {
      await outbox.close()
      await messages.close()
      store.database.close()
    }
    return { store, messages, outbox, close }
  }

  test('in the midst of applying has, after its next start, each stored cluster in the log once, and no other', async () => {
    const script = fileURLToPath(new URL('./apply-forever.ts', import.meta.url))
    const child = spawn(process.execPath, [script, join(folder, 'broker.db')], { stdio: ['ignore', 'pipe', 'inherit'] })
    const told: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      told.push(line)
      if (told.length === 40) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const { store, messages, outbox, close } = reopened()
    await outbox.drain()
    const sent = clusterNames(await commandsOf(messages))
    const stored = store.resources.list('acme', 'Cluster').map(({ resource }) => resource.metadata.name)
    expect(sent.length).toBeGreaterThanOrEqual(40)
    expect(sent).toEqual(sent.map((_, index) => `c${index + 1}`))
    expect(stored.sort()).toEqual([...sent].sort())
    expect(sent).toEqual(expect.arrayContaining(told))
    await close()
  })
})

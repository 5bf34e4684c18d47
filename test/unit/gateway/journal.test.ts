import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Journal } from '../../../gateway/journal/journal.ts'
import type { Command } from '../../../resources/command.ts'
import { systemClock } from '../../../runtime/clock.ts'
import type { ReceivedDelivery } from '../../../tunnel/link-ports.ts'
import { cluster, machineRecord, machineSpec } from './fixtures.ts'

let folder: string
let journal: Journal
const path = (): string => join(folder, 'state.db')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pcg-journal-'))
  journal = Journal.open(path(), systemClock)
})
afterEach(() => {
  journal.close()
  rmSync(folder, { recursive: true })
})

function reopen(): void {
  journal.close()
  journal = Journal.open(path(), systemClock)
}

function delivery(sequence: number, command: Command): ReceivedDelivery {
  return {
    sequence,
    messageId: `m${sequence}`,
    traceId: '',
    payload: new TextEncoder().encode(JSON.stringify(command)),
  }
}

const put = (generation: number, workers = 2): Command => ({ type: 'put', generation, resource: cluster({ workers }) })
const workersOf = (): number | undefined => journal.desired.get('Cluster', 'prod')?.resource.spec.workers[0]?.count
const events = (): unknown[] =>
  journal.outbox.read(0, 100).map((event) => JSON.parse(new TextDecoder().decode(event.payload)))

describe('the journal', () => {
  it('is readable by its owner alone', () => {
    expect(statSync(path()).mode & 0o077).toBe(0)
  })

  it('keeps its identity', () => {
    const { journalId } = journal
    reopen()
    expect(journal.journalId).toBe(journalId)
  })

  it('has a command on disk when it is accepted', async () => {
    expect(await journal.accept([delivery(1, put(1))])).toBe(1)
    reopen()
    expect(journal.lastDelivery()).toBe(1)
    expect(workersOf()).toBe(2)
  })

  it('takes a command once, however often it is delivered', async () => {
    const seen: string[] = []
    journal.onAccepted((accepted) => seen.push(accepted.result))
    await journal.accept([delivery(1, put(1)), delivery(2, put(2, 5))])
    expect(await journal.accept([delivery(1, put(1)), delivery(2, put(2, 5))])).toBe(2)
    expect(seen).toEqual(['changed', 'changed'])
    expect(workersOf()).toBe(5)
  })

  it('never goes back to an older generation', async () => {
    await journal.accept([delivery(1, put(7, 5)), delivery(2, put(6, 1))])
    expect(workersOf()).toBe(5)
  })

  it('answers at once that something it never had is gone', async () => {
    await journal.accept([delivery(1, { type: 'delete', generation: 3, kind: 'Cluster', name: 'prod' })])
    expect(events()).toEqual([{ type: 'gone', kind: 'Cluster', name: 'prod', left: [] }])
  })

  it('lets a command that it does not understand pass, and says so', async () => {
    const nonsense = {
      sequence: 1,
      messageId: 'm1',
      traceId: '',
      payload: new TextEncoder().encode('{"type":"explode"}'),
    }
    expect(await journal.accept([nonsense, delivery(2, put(1))])).toBe(2)
    expect(events()).toMatchObject([{ type: 'event', reason: 'UnknownCommand' }])
    expect(workersOf()).toBe(2)
  })

  it('keeps events until they are acknowledged, and never gives a sequence twice', async () => {
    const gone = { type: 'gone', kind: 'Cluster', name: 'x', left: [] } as const
    await journal.write(() => undefined, [gone, gone])
    await journal.outbox.acknowledged(2)
    reopen()
    await journal.write(() => undefined, [gone])
    expect(journal.outbox.read(0, 10).map((event) => event.sequence)).toEqual([3])
  })

  it('undoes a change together with its reports', async () => {
    const failing = journal.write(() => {
      throw new Error('no')
    }, [{ type: 'gone', kind: 'Cluster', name: 'x', left: [] }])
    const other = journal.write(() => undefined, [{ type: 'gone', kind: 'Cluster', name: 'y', left: [] }])
    await expect(failing).rejects.toThrow('no')
    await other
    expect(events()).toMatchObject([{ name: 'y' }])
  })

  it('has machines, and the ledger of what they may have made, after a restart', async () => {
    const record = machineRecord()
    const step = { kind: 'clone', summary: '', creates: [{ kind: 'VirtualMachine', name: record.name }] }
    const write = journal.machines.insert(record, machineSpec(record))
    await journal.write(() => {
      write()
      journal.ledger.intend(record.uid, step, '2026-11-22T00:00:00.000Z')
    })
    reopen()
    expect(journal.machines.get(record.uid)).toEqual(record)
    expect(journal.machines.spec(record.uid).userData).toBe('#cloud-config\n')
    expect(journal.ledger.all()).toMatchObject([{ machine: record.uid, state: 'intended', externalId: null }])
  })

  it('of the first release is taken over: its machines have sizes, roles and pools then, and nothing stands on anything', async () => {
    const record = machineRecord()
    await journal.write(journal.machines.insert(record, machineSpec(record)))
    const before = journal.machines.spec(record.uid)
    journal.close()
    const { size: _, role: __, pool: ___, ...old } = before
    const db = new DatabaseSync(path())
    db.exec('DROP TABLE foundations; DROP TABLE accounts; PRAGMA user_version = 1')
    db.prepare('UPDATE machine_specs SET spec = ?').run(JSON.stringify({ ...old, cpus: 2, memoryMiB: 2_048 }))
    db.close()
    journal = Journal.open(path(), systemClock)
    expect(journal.machines.spec(record.uid)).toEqual(before)
    expect([...journal.foundations.all()]).toEqual([])
    expect(journal.accounts.get('lab').verified).toBeNull()
  })

  it('follows in the ledger an object that was renamed outside', async () => {
    const { uid } = machineRecord()
    const owner = { gateway: 'acme/site-1', cluster: 'prod', machine: uid }
    const seen = (name: string) =>
      journal.write(() => journal.ledger.seen(uid, [{ kind: 'VirtualMachine', id: 'vm-1', name, owner }], ''))
    await seen('before')
    await seen('after')
    expect(journal.ledger.of(uid)).toMatchObject([{ name: 'after', externalId: 'vm-1', state: 'present' }])
  })

  it('drops the secrets of a machine that runs', async () => {
    const record = machineRecord()
    await journal.write(journal.machines.insert(record, machineSpec(record)))
    await journal.write(journal.machines.dropUserData(record.uid))
    reopen()
    expect(journal.machines.spec(record.uid).userData).toBe('')
  })
})

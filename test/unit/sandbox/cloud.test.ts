import { createHash } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { MachineSpec } from '../../../adapters/adapter.ts'
import type { SandboxCloud } from '../../../adapters/sandbox/cloud.ts'
import { fileStore } from '../../../adapters/sandbox/store.ts'
import { machineUrl } from '../../../gateway/bootstrap/machine-url.ts'
import { type PhoneHomeServer, startPhoneHome } from '../../../gateway/bootstrap/phone-home.ts'
import { drive, follow } from '../../contract/drive.ts'
import { CONTEXT, DEPENDENCIES, machine, sandbox } from './fixtures.ts'

let folder: string
const open: { close(): Promise<void> }[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
  await rm(folder, { recursive: true })
})

function tracked<T extends { cloud: SandboxCloud }>(made: T): T {
  open.push(made.cloud)
  return made
}

/** A gateway that hears phone-homes; it accepts one token. */
async function listen(heard: (uid: string, addresses: readonly string[]) => void): Promise<PhoneHomeServer> {
  const hash = createHash('sha256').update('right').digest('hex')
  const server = await startPhoneHome({
    ...DEPENDENCIES,
    host: '127.0.0.1',
    port: 0,
    folder: join(folder, 'phone-home'),
    sink: {
      report: async (uid, tokenHash, report) => {
        heard(uid, report.addresses ?? [])
        return tokenHash === hash ? 'accepted' : 'refused'
      },
      joinWanted: async () => 'refused',
      left: async () => 'refused',
    },
  })
  open.push(server)
  return server
}

function bootable(server: PhoneHomeServer, token = 'right'): MachineSpec {
  const spec = machine()
  const file = JSON.stringify({ url: machineUrl(server.url, spec.owner.machine), token, authority: server.authority })
  const userData = `#cloud-config\nwrite_files:\n  - path: /etc/pcg/phone-home.json\n    content: ${JSON.stringify(file)}\n`
  return { ...spec, userData }
}

describe('a guest of the sandbox', () => {
  it('phones home once it has booted, with its address', async () => {
    const heard = vi.fn()
    const { cloud, adapter } = tracked(sandbox())
    const spec = bootable(await listen(heard))
    await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(heard).toHaveBeenCalled())
    const observed = await adapter.observe(spec, CONTEXT)
    expect(heard).toHaveBeenCalledWith(spec.owner.machine, observed?.addresses)
    expect(observed?.addresses).toEqual(['10.0.0.1'])
    await vi.waitFor(() => expect(cloud.find(spec.owner.machine)?.guest).toBe('up'))
  })

  it('has the address that it was given', async () => {
    const { adapter } = tracked(sandbox())
    const address = { type: 'static', address: '10.9.0.7', prefix: 24, gateway: '10.9.0.1' } as const
    const spec = machine({ address: { ...address, nameservers: [], searchDomains: [] } })
    await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(async () => expect((await adapter.observe(spec, CONTEXT))?.addresses).toEqual(['10.9.0.7']))
  })

  it('does not phone home when the power goes while it boots', async () => {
    const heard = vi.fn()
    const { cloud, adapter } = tracked(sandbox({ latencyMs: { create: 0, power: 0, boot: 40, delete: 0 } }))
    const spec = bootable(await listen(heard))
    await drive(adapter, spec, CONTEXT.signal)
    cloud.outside.powerOff(spec.owner.machine)
    await DEPENDENCIES.clock.sleep(80, CONTEXT.signal)
    expect(heard).not.toHaveBeenCalled()
    expect((await adapter.observe(spec, CONTEXT))?.addresses).toEqual([])
  })

  it('goes on trying while the gateway is away', async () => {
    const heard = vi.fn()
    const { adapter } = tracked(sandbox())
    const before = await listen(heard)
    const spec = bootable(before)
    await before.close()
    await drive(adapter, spec, CONTEXT.signal)
    await listen(heard)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce(), 5_000)
  })

  it('gives up when the gateway refuses it', async () => {
    const heard = vi.fn()
    const { cloud, adapter } = tracked(sandbox())
    const spec = bootable(await listen(heard), 'wrong')
    await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(cloud.find(spec.owner.machine)?.guest).toBe('up'))
    expect(heard).toHaveBeenCalledOnce()
  })

  it('phones home again when it was off and is on again', async () => {
    const heard = vi.fn()
    const { cloud, adapter } = tracked(sandbox())
    const spec = bootable(await listen(heard))
    await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1))
    cloud.outside.powerOff(spec.owner.machine)
    await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2))
  })
})

describe('the guests of a control plane', () => {
  const QUICK = { latencyMs: { create: 0, power: 0, boot: 0, delete: 0, ask: 5 } }

  /** A gateway that wants whom to leave, and says so to those that it is to be said to. */
  async function gateway(orders: { actor: string | null; asked: string[]; left: string[] }): Promise<PhoneHomeServer> {
    const server = await startPhoneHome({
      ...DEPENDENCIES,
      host: '127.0.0.1',
      port: 0,
      folder: join(folder, 'phone-home'),
      sink: {
        report: async () => 'accepted',
        joinWanted: async (uid) => {
          orders.asked.push(uid)
          const acts = uid === orders.actor && orders.left.length === 0
          const leaving = acts ? [{ name: 'prod-workers-7', role: 'worker', how: 'drain' } as const] : []
          return { tokens: [], certificateKey: '', leaving, againSeconds: uid === orders.actor ? 10 : null }
        },
        left: async (uid, _hash, { machine, outcome }) => {
          orders.left.push(`${uid} ${machine} ${outcome}`)
          return 'accepted'
        },
      },
    })
    open.push(server)
    return server
  }

  const guest = (server: PhoneHomeServer, cluster = 'prod'): MachineSpec => {
    const spec = bootable(server)
    return {
      ...spec,
      owner: { ...spec.owner, cluster },
      userData: `${spec.userData}  - path: /usr/local/lib/pcg/join-wanted.sh\n    content: ''\n`,
    }
  }

  it('ask in turn, and the one that the gateway chose reports as left who is to leave', async () => {
    const orders = { actor: null as string | null, asked: [] as string[], left: [] as string[] }
    const server = await gateway(orders)
    const { adapter } = tracked(sandbox(QUICK))
    const [one, other] = [guest(server), guest(server)]
    for (const spec of [one, other]) await drive(adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(new Set(orders.asked)).toEqual(new Set([one.owner.machine, other.owner.machine])))
    orders.actor = other.owner.machine
    await vi.waitFor(() => expect(orders.left).toEqual([`${orders.actor} prod-workers-7 left`]))
  })

  it('fall silent when they are off, and workers never ask', async () => {
    const orders = { actor: null, asked: [] as string[], left: [] }
    const server = await gateway(orders)
    const { cloud, adapter } = tracked(sandbox(QUICK))
    const [spec, worker] = [guest(server), bootable(server)]
    for (const each of [spec, worker]) await drive(adapter, each, CONTEXT.signal)
    await vi.waitFor(() => expect(orders.asked).toContain(spec.owner.machine))
    cloud.outside.powerOff(spec.owner.machine)
    await DEPENDENCIES.clock.sleep(40, CONTEXT.signal)
    const before = orders.asked.length
    await DEPENDENCIES.clock.sleep(40, CONTEXT.signal)
    expect(orders.asked.length).toBe(before)
    expect(orders.asked).not.toContain(worker.owner.machine)
  })

  it('ask again after a restart of the sandbox', async () => {
    const orders = { actor: null, asked: [] as string[], left: [] }
    const server = await gateway(orders)
    const store = () => fileStore(join(folder, 'asking.db'))
    const before = tracked(sandbox({ latencyMs: { ...QUICK.latencyMs, ask: 600_000 } }, store()))
    const spec = guest(server)
    await drive(before.adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(before.cloud.find(spec.owner.machine)?.guest).toBe('up'))
    await before.cloud.close()
    expect(orders.asked).toEqual([])
    const { cloud } = tracked(sandbox(QUICK, store()))
    expect(cloud.find(spec.owner.machine)?.asks).toBe(true)
    await vi.waitFor(() => expect(orders.asked).toContain(spec.owner.machine))
  })
})

describe('a sandbox that is kept in a file', () => {
  const reopened = (overrides: object = {}) => tracked(sandbox(overrides, fileStore(join(folder, 'sandbox.db'))))

  it('has its machines after a restart, and they do not boot again', async () => {
    const heard = vi.fn()
    const before = reopened()
    const spec = bootable(await listen(heard))
    await drive(before.adapter, spec, CONTEXT.signal)
    await vi.waitFor(() => expect(before.cloud.find(spec.owner.machine)?.guest).toBe('up'))
    const observed = await before.adapter.observe(spec, CONTEXT)
    await before.cloud.close()

    const after = reopened()
    expect(await after.adapter.observe(spec, CONTEXT)).toEqual(observed)
    await drive(after.adapter, machine(), CONTEXT.signal)
    const ids = await Array.fromAsync(after.adapter.owned('default/site-1', CONTEXT), ({ id }) => id)
    expect(ids.toSorted()).toEqual(['vm-1', 'vm-2'])
    expect(heard).toHaveBeenCalledOnce()
  })

  it('goes on with the task that was under way, which is found by its token', async () => {
    const slow = { latencyMs: { create: 60, power: 5, boot: 5, delete: 5 } }
    const before = reopened(slow)
    const spec = machine()
    const [step] = before.adapter.plan(spec, null)
    if (step === undefined) throw new Error('no step')
    const outcome = await before.adapter.start(step, spec, CONTEXT)
    await before.cloud.close()

    const after = reopened(slow)
    expect(await after.adapter.observe(spec, CONTEXT)).toMatchObject({ state: 'creating' })
    expect(await follow(after.adapter, outcome, CONTEXT)).toBe(true)
    expect(await after.adapter.observe(spec, CONTEXT)).toMatchObject({ state: 'off' })
  })

  it('lets a guest phone home whose boot was interrupted by the restart', async () => {
    const heard = vi.fn()
    const slow = { latencyMs: { create: 0, power: 0, boot: 60_000, delete: 0 } }
    const before = reopened(slow)
    const spec = bootable(await listen(heard))
    await drive(before.adapter, spec, CONTEXT.signal)
    await before.cloud.close()
    reopened()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce())
  })

  it('is readable by its owner only, since it holds tokens', async () => {
    reopened()
    expect((await stat(join(folder, 'sandbox.db'))).mode & 0o077).toBe(0)
  })
})

describe('watching a sandbox', () => {
  it('gives a slow reader the newest state of each machine, not every one in between', async () => {
    const { cloud, adapter } = tracked(sandbox())
    const spec = machine()
    const controller = new AbortController()
    const changes = adapter.watch('default/site-1', { ...CONTEXT, signal: controller.signal })[Symbol.asyncIterator]()
    const first = changes.next()
    await drive(adapter, spec, CONTEXT.signal)
    expect((await first).value).toMatchObject({ machine: spec.owner.machine, observed: { state: 'creating' } })
    cloud.outside.resize(spec.owner.machine, { cpus: 8 })
    cloud.outside.remove(spec.owner.machine)
    expect((await changes.next()).value).toEqual({ machine: spec.owner.machine, observed: null })
    const last = changes.next()
    controller.abort()
    await expect(last).rejects.toThrow()
  })

  it('shows nothing of other gateways', async () => {
    const { adapter } = tracked(sandbox())
    const controller = new AbortController()
    const watching = Array.fromAsync(adapter.watch('other/site', { ...CONTEXT, signal: controller.signal }))
    await drive(adapter, machine(), CONTEXT.signal)
    controller.abort(new Error('enough'))
    await expect(watching).rejects.toThrow('enough')
  })
})

describe('polling a sandbox', () => {
  it('shows how far a long task is', async () => {
    const { adapter } = tracked(sandbox({ latencyMs: { create: 600_000, power: 0, boot: 0, delete: 0 } }))
    const spec = machine()
    const [step] = adapter.plan(spec, null)
    if (step === undefined) throw new Error('no step')
    const outcome = await adapter.start(step, spec, CONTEXT)
    if (outcome.kind !== 'running') throw new Error(outcome.kind)
    const news = await adapter.poll(outcome.token, CONTEXT)
    expect(news).toMatchObject({ kind: 'running', token: outcome.token })
    expect(news.kind === 'running' && (news.progress ?? 0) > 0 && (news.progress ?? 1) < 1).toBe(true)
  })
})

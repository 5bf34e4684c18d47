/**
 * Ours in the inventory bench, a process of its own: settings come as a line of JSON on standard input; then each further
 * line starts a round, which is answered by a line of JSON.
 */
import { createInterface } from 'node:readline'
import { openSession } from '../../adapters/vsphere/session.ts'
import type { VmProperty } from '../../adapters/vsphere/vm-model.ts'
import { readAllVms } from '../../adapters/vsphere/vm-records.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'

export interface InventorySettings {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly authorityPem: string
  readonly properties: readonly VmProperty[]
}

/** What a round gives, ours and the peer's alike. */
export interface InventoryRound {
  readonly ms: number
  readonly machines: number
  readonly disks: number
  /** The process' peak so far. */
  readonly peakKB: number
  /** What it held before its first round. */
  readonly baseKB: number
}

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const settings: InventorySettings = JSON.parse((await input.next()).value ?? '')
const { hostname: host, port } = new URL(settings.url)
const endpoint = { host, port: Number(port) }
const session = openSession(endpoint, { authority: settings.authorityPem }, settings, {
  clock: systemClock,
  log: silentLog,
})
await session.current(AbortSignal.timeout(60_000))
const baseKB = process.memoryUsage().rss / 1024
console.log(JSON.stringify({ ready: true }))

for (let next = await input.next(); !next.done; next = await input.next()) console.log(JSON.stringify(await round()))
await session.close()

async function round(): Promise<InventoryRound> {
  const start = performance.now()
  const { properties } = settings
  const machines = await readAllVms(session, { properties }, AbortSignal.timeout(120_000))
  const ms = performance.now() - start
  const disks = machines.reduce((sum, vm) => sum + (vm.hardware?.disks.length ?? 0), 0)
  return { ms, machines: machines.length, disks, peakKB: process.resourceUsage().maxRSS, baseKB }
}

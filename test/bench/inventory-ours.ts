/**
 * Ours in the inventory bench, a process of its own: settings come as a line of JSON on standard input; then each further
 * line starts a round, which is answered by a line of JSON.
 */
import { Agent } from 'node:https'
import { createInterface } from 'node:readline'
import { retrieveAllVms } from '../../adapters/vsphere/bulk.ts'
import { httpsChannel } from '../../adapters/vsphere/bulk-channel.ts'
import type { VmProperty } from '../../adapters/vsphere/vm-model.ts'
import { logIn } from '../peers/vcenter-login.ts'

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
const agent = new Agent({ keepAlive: true, ca: settings.authorityPem })
const endpoint = { host, port: Number(port), agent }
const cookie = await logIn({ ...endpoint, ...settings })
const channel = httpsChannel({ ...endpoint, cookie: async () => cookie })
const baseKB = process.memoryUsage().rss / 1024
console.log(JSON.stringify({ ready: true }))

for (let next = await input.next(); !next.done; next = await input.next()) console.log(JSON.stringify(await round()))
agent.destroy()

async function round(): Promise<InventoryRound> {
  const start = performance.now()
  const machines = await retrieveAllVms(channel, {
    propertyCollector: { type: 'PropertyCollector', value: 'propertyCollector' },
    viewManager: { type: 'ViewManager', value: 'ViewManager' },
    container: { type: 'Folder', value: 'group-d1' },
    properties: settings.properties,
    signal: AbortSignal.timeout(120_000),
  })
  const ms = performance.now() - start
  const disks = machines.reduce((sum, vm) => sum + (vm.hardware?.disks.length ?? 0), 0)
  return { ms, machines: machines.length, disks, peakKB: process.resourceUsage().maxRSS, baseKB }
}

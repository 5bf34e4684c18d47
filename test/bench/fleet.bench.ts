/**
 * 1,000 clusters of 10 sandbox machines on one gateway, applied through the broker: until all are Ready, what the gateway
 * costs when nothing happens then, and how soon it acts on a change that somebody makes in the cloud.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { changeSandbox } from '../../gateway/compose.ts'
import type { TimelineEntry } from '../../resources/machine.ts'
import type { GatewayProcess } from '../e2e/support/gateway-process.ts'
import { Saas } from '../e2e/support/saas.ts'
import type { Bench, BenchContext, Figures } from './harness.ts'

const CLUSTERS = 1_000
const MACHINES_EACH = 10
const BATCH = 50
/** Longer than the time after which each control plane asks what it is to do. */
const IDLE_MS = 80_000
const OUTSIDE_CHANGES = 9
const GATEWAY = 'site-1'

export const bench: Bench = {
  peer: 'none: an absolute goal',
  warmUps: 0,
  rounds: 1,
  metrics: [
    { name: 'all-ready', unit: 's' },
    { name: 'cpu-each', unit: 'ms' },
    { name: 'memory', unit: 'MB', goal: { of: 'ours', atMost: 500 } },
    { name: 'idle-cpu', unit: '% of a core', goal: { of: 'ours', atMost: 5 } },
    { name: 'outside-change', unit: 'ms', goal: { of: 'ours', atMost: 1_000 } },
  ],
  start: async (context) => ({ ours: () => round(context), close: () => Promise.resolve() }),
}

async function round({ signal, say }: BenchContext): Promise<Figures> {
  const saas = await Saas.start()
  try {
    const gateway = await saas.gateway(GATEWAY, undefined, { boundaries: false, logLevel: 'info' })
    await saas.apply(...site())
    const begun = performance.now()
    for (let first = 0; first < CLUSTERS; first += BATCH)
      await saas.apply(...Array.from({ length: BATCH }, (_, index) => cluster(`fleet-${first + index}`)))
    say(`${CLUSTERS} clusters applied after ${seconds(begun)} s`)
    await allReady(saas, signal, (ready) => say(`${ready} of ${CLUSTERS} ready after ${seconds(begun)} s`))
    const allReadyS = seconds(begun)
    const busy = await gateway.usage()
    const idle = await idleCost(gateway, signal)
    const delays: number[] = []
    for (let change = 0; change < OUTSIDE_CHANGES; change++) delays.push(await outsideChange(saas, signal))
    return {
      'all-ready': allReadyS,
      'cpu-each': busy.cpuMs / (CLUSTERS * MACHINES_EACH),
      memory: idle.residentMB,
      'idle-cpu': idle.percent,
      'outside-change': Math.max(...delays),
    }
  } finally {
    await saas.close()
  }
}

async function allReady(saas: Saas, signal: AbortSignal, progress: (ready: number) => void): Promise<void> {
  for (;;) {
    const items = await saas.client.list('Cluster', signal)
    const ready = items.filter((item) => (item.status as { phase?: string } | null)?.phase === 'Ready').length
    progress(ready)
    if (ready === CLUSTERS) return
    await sleep(2_000, undefined, { signal })
  }
}

async function idleCost(
  gateway: GatewayProcess,
  signal: AbortSignal,
): Promise<{ percent: number; residentMB: number }> {
  // What was begun while it was busy (acknowledgements, a collection of garbage) must end first.
  await sleep(5_000, undefined, { signal })
  const before = await gateway.usage()
  await sleep(IDLE_MS, undefined, { signal })
  const after = await gateway.usage()
  return { percent: ((after.cpuMs - before.cpuMs) / IDLE_MS) * 100, residentMB: after.residentMB }
}

/** From a power-off in the cloud to the gateway's first act against it, in ms. */
async function outsideChange(saas: Saas, signal: AbortSignal): Promise<number> {
  const cluster = `fleet-${Math.floor(Math.random() * CLUSTERS)}`
  const [machine] = await saas.machines(cluster)
  if (machine === undefined) throw new Error(`${cluster} has no machine`)
  const changedMs = Date.now()
  await changeSandbox(`${saas.folder}/${GATEWAY}`, 'lab', `power-off ${machine.name}`)
  let healing: TimelineEntry | undefined
  await saas.until(async () => {
    const timeline = await saas.client.timeline(machine.name, signal)
    healing = timeline.find((entry) => entry.stage === 'power-on' && Date.parse(entry.time) >= changedMs)
    return healing !== undefined
  })
  return Date.parse(healing?.time ?? '') - changedMs
}

function site(): unknown[] {
  const latencyMs = { create: 800, power: 200, boot: 1_500, delete: 300 }
  const kubernetes = { distribution: 'kubeadm', version: '1.31.4' }
  return [
    {
      apiVersion: 'pcg/v1',
      kind: 'CloudAccount',
      metadata: { name: 'lab' },
      spec: { cloud: 'sandbox', gateway: GATEWAY, latencyMs },
    },
    {
      apiVersion: 'pcg/v1',
      kind: 'ClusterProfile',
      metadata: { name: 'base' },
      spec: { layers: { os: { distribution: 'debian', version: '12' }, kubernetes } },
    },
  ]
}

function cluster(name: string): unknown {
  return {
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account: 'lab',
      profile: 'base',
      placement: { cloud: 'sandbox' },
      controlPlane: { count: 3, cpus: 2, memoryMiB: 4_096 },
      workers: [{ name: 'general', count: MACHINES_EACH - 3, cpus: 4, memoryMiB: 8_192 }],
      network: { endpoint: { type: 'external', address: `${name}.example.com` } },
    },
  }
}

function seconds(since: number): number {
  return Number(((performance.now() - since) / 1_000).toFixed(1))
}

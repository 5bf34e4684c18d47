import { randomUUID } from 'node:crypto'
import type { AdapterContext, MachineSpec } from '../../../adapters/adapter.ts'
import { createSandboxAdapter } from '../../../adapters/sandbox/adapter.ts'
import { SandboxCloud } from '../../../adapters/sandbox/cloud.ts'
import type { SandboxStore } from '../../../adapters/sandbox/store.ts'
import { cloudAccountSchema, type SandboxAccountSpec } from '../../../resources/cloud-account.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'

export const DEPENDENCIES = { clock: systemClock, log: silentLog }
export const CONTEXT: AdapterContext = { signal: new AbortController().signal, log: silentLog }

export function account(overrides: object = {}): SandboxAccountSpec {
  const { spec } = cloudAccountSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name: 'sandbox' },
    spec: {
      cloud: 'sandbox',
      gateway: 'site-1',
      latencyMs: { create: 5, power: 5, boot: 5, delete: 5 },
      ...overrides,
    },
  })
  if (spec.cloud !== 'sandbox') throw new Error('not a sandbox account')
  return spec
}

/** A cloud with a client. */
export function sandbox(overrides: object = {}, store?: SandboxStore, random?: () => number) {
  const cloud = new SandboxCloud(DEPENDENCIES, store)
  const adapter = createSandboxAdapter(account(overrides), { ...DEPENDENCIES, cloud, ...(random && { random }) })
  return { cloud, adapter }
}

export function machine(overrides: Partial<MachineSpec> = {}): MachineSpec {
  return {
    owner: { gateway: 'default/site-1', cluster: 'prod', machine: randomUUID() },
    name: 'prod-workers-1',
    placement: { cloud: 'sandbox', zone: 'zone-a' },
    role: 'worker',
    pool: 'workers',
    size: { type: 'custom', cpus: 2, memoryMiB: 2048 },
    disks: [],
    address: { type: 'dhcp' },
    userData: '#cloud-config\n',
    want: 'present',
    ...overrides,
  }
}

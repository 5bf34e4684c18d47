import { randomUUID } from 'node:crypto'
import { createSandboxAdapter } from '../../adapters/sandbox/adapter.ts'
import { SandboxCloud } from '../../adapters/sandbox/cloud.ts'
import { cloudAccountSchema, type SandboxAccountSpec } from '../../resources/cloud-account.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { describeAdapter } from './adapter-suite.ts'

const GATEWAY = 'default/site-1'

function account(overrides: object = {}): SandboxAccountSpec {
  const { spec } = cloudAccountSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name: 'sandbox' },
    spec: {
      cloud: 'sandbox',
      gateway: 'site-1',
      latencyMs: { create: 40, power: 20, boot: 20, delete: 20 },
      ...overrides,
    },
  })
  if (spec.cloud !== 'sandbox') throw new Error('not a sandbox account')
  return spec
}

describeAdapter('sandbox', async () => {
  const dependencies = { clock: systemClock, log: silentLog }
  const cloud = new SandboxCloud(dependencies)
  const dark = new SandboxCloud(dependencies)
  dark.outside.setReachable(false)
  let made = 0
  return {
    adapter: () => createSandboxAdapter(account(), { ...dependencies, cloud }),
    unreachable: () => createSandboxAdapter(account(), { ...dependencies, cloud: dark }),
    spec: (overrides = {}) => {
      made += 1
      return {
        owner: { gateway: GATEWAY, cluster: 'prod', machine: randomUUID() },
        name: `prod-workers-${made}`,
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
    },
    misplaced: { placement: { cloud: 'sandbox', zone: 'zone-q' }, missing: 'zone-q' },
    gateway: GATEWAY,
    outside: {
      powerOff: async (machine) => cloud.outside.powerOff(machine),
      remove: async (machine) => cloud.outside.remove(machine),
      resize: async (machine) => cloud.outside.resize(machine, { cpus: 7 }),
    },
    close: async () => {
      await cloud.close()
      await dark.close()
    },
  }
})

import { PLAIN_PROFILE } from './plain-profile.ts'
import type { Saas } from './saas.ts'

/** Applies a profile without Kubernetes and a sandbox account of that gateway. */
export async function useSandbox(saas: Saas, gateway: string): Promise<void> {
  await saas.apply(
    {
      apiVersion: 'pcg/v1',
      kind: 'CloudAccount',
      metadata: { name: 'lab' },
      spec: { cloud: 'sandbox', gateway, latencyMs: { create: 50, power: 20, boot: 50, delete: 20 } },
    },
    PLAIN_PROFILE,
  )
}

export function sandboxCluster(name: string, workers: number): unknown {
  return {
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account: 'lab',
      profile: 'plain',
      placement: { cloud: 'sandbox' },
      controlPlane: { count: 1, cpus: 2, memoryMiB: 2048 },
      workers: [{ name: 'workers', count: workers, cpus: 1, memoryMiB: 1024 }],
      network: { endpoint: { type: 'external', address: `${name}.example.com` } },
    },
  }
}

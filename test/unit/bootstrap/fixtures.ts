import { apiEndpoint } from '../../../gateway/bootstrap/api-endpoint.ts'
import type { BootstrapInput } from '../../../gateway/bootstrap/user-data.ts'
import { type Cluster, clusterSchema } from '../../../resources/cluster.ts'
import { clusterProfileSchema, type ProfileLayers } from '../../../resources/cluster-profile.ts'
import type { Clock } from '../../../runtime/clock.ts'

export const NOW = Date.parse('2026-11-22T12:00:00Z')

/** A clock that stands at `nowMs`. */
export function clockAt(nowMs: number): Clock {
  return { now: () => nowMs, sleep: () => Promise.reject(new Error('nobody sleeps here')) }
}

export function cluster(network: object = {}): Cluster {
  return clusterSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name: 'prod' },
    spec: {
      account: 'lab',
      profile: 'base',
      placement: { cloud: 'sandbox' },
      controlPlane: { count: 3, cpus: 2, memoryMiB: 4096 },
      workers: [{ name: 'workers', count: 2, cpus: 2, memoryMiB: 4096 }],
      network: { endpoint: { type: 'virtual-ip', address: '10.0.0.10' }, ...network },
    },
  })
}

export function layers(overrides: object = {}): ProfileLayers {
  return clusterProfileSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'ClusterProfile',
    metadata: { name: 'base' },
    spec: {
      layers: {
        os: {
          distribution: 'debian',
          version: '12',
          sshAuthorizedKeys: ['ssh-ed25519 AAAA ops'],
          packages: ['chrony'],
        },
        kubernetes: { version: '1.31.4' },
        cni: { name: 'Flannel (vxlan)', version: '0.26.1', manifest: 'kind: Namespace\n' },
        addons: [{ name: 'metrics', version: '0.7.2', manifestUrl: 'https://packages.example/metrics.yaml' }],
        ...overrides,
      },
    },
  }).spec.layers
}

export const MACHINES = {
  init: { uid: '0b54a1ac-6a4c-4a5c-8f0e-3f9d6a3d2c11', name: 'prod-cp-1', role: 'control-plane', initialises: true },
  'control-plane': {
    uid: '1b54a1ac-6a4c-4a5c-8f0e-3f9d6a3d2c11',
    name: 'prod-cp-2',
    role: 'control-plane',
    initialises: false,
  },
  worker: { uid: '2b54a1ac-6a4c-4a5c-8f0e-3f9d6a3d2c11', name: 'prod-workers-1', role: 'worker', initialises: false },
} as const

export type MachineKind = keyof typeof MACHINES

export const SECRETS: BootstrapInput['secrets'] = {
  authority: {
    certificate: '-----BEGIN CERTIFICATE-----\nCLUSTER\n-----END CERTIFICATE-----\n',
    key: '-----BEGIN PRIVATE KEY-----\nCLUSTERKEY\n-----END PRIVATE KEY-----\n',
    hash: `sha256:${'ab'.repeat(32)}`,
  },
  certificateKey: 'cd'.repeat(32),
  joinTokens: [
    { token: 'oldold.0123456789abcdef', ends: '2026-11-22T12:10:00Z' },
    { token: 'newnew.0123456789abcdef', ends: '2026-11-22T14:00:00Z' },
  ],
}

export function bootstrapInput(kind: MachineKind, overrides: Partial<BootstrapInput> = {}): BootstrapInput {
  const one = overrides.cluster ?? cluster()
  return {
    cluster: one,
    endpoint: apiEndpoint(one.spec.network.endpoint, null),
    layers: layers(),
    machine: MACHINES[kind],
    secrets: SECRETS,
    phoneHome: {
      url: 'https://10.0.0.2:8443',
      authority: '-----BEGIN CERTIFICATE-----\nGATEWAY\n-----END CERTIFICATE-----\n',
      token: 'phone-home-token',
    },
    ...overrides,
  }
}

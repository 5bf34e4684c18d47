import type { FoundEndpoint } from '../../adapters/adapter.ts'
import type { ClusterEndpoint } from '../../resources/cluster.ts'

/** Where a cluster's API answers, and what its control planes do for that. */
export interface ApiEndpoint {
  /** What the cluster's users and machines connect to. */
  readonly address: string
  readonly port: number
  /** What kube-vip holds; null where somebody else leads to the machines. */
  readonly virtualIp: string | null
  /** Where the API servers themselves listen. */
  readonly bindPort: number
}

const DEFAULT_API_PORT = 6443

/** Stands for an address that isn't known before the foundation is made, where only the rest is looked at (RFC 5737). */
export const UNKNOWN_ENDPOINT: FoundEndpoint = { address: '192.0.2.1', virtualIp: '192.0.2.1' }

/** Whether the address is known only once the cloud has given it. */
export function isGiven({ type }: ClusterEndpoint): boolean {
  switch (type) {
    case 'virtual-ip':
    case 'external':
      return false
    case 'floating-ip':
    case 'load-balancer':
      return true
    default:
      return type satisfies never
  }
}

/** What is asked for, with the address that the foundation found for it. */
export function apiEndpoint(wanted: ClusterEndpoint, found: FoundEndpoint | null): ApiEndpoint {
  const { port } = wanted
  switch (wanted.type) {
    // These move an address and no port: the API server itself listens on the endpoint's.
    case 'virtual-ip':
      return { address: wanted.address, port, virtualIp: wanted.address, bindPort: port }
    case 'floating-ip': {
      const { address, virtualIp } = known(found, wanted)
      return { address, port, virtualIp, bindPort: port }
    }
    // A balancer maps ports.
    case 'external':
      return { address: wanted.address, port, virtualIp: null, bindPort: DEFAULT_API_PORT }
    case 'load-balancer':
      return { address: known(found, wanted).address, port, virtualIp: null, bindPort: DEFAULT_API_PORT }
    default:
      return wanted satisfies never
  }
}

function known(found: FoundEndpoint | null, { type }: ClusterEndpoint): FoundEndpoint {
  if (found === null) throw new Error(`the address of the ${type} is not known yet`)
  return found
}

/** A cluster's shared objects as the cloud shows them, with what the plan looks at. Every one carries the foundation's mark unless it says otherwise. */
import type { FoundationObserved } from '../../adapter.ts'
import type { FoundRule } from './security-rules.ts'

/** The ledger's kinds, in the words of the services. */
export type FoundationKind =
  | 'Network'
  | 'Subnet'
  | 'Router'
  | 'SecurityGroup'
  | 'ServerGroup'
  | 'Port'
  | 'FloatingIP'
  | 'LoadBalancer'

export interface Found {
  readonly id: string
  /** As the service writes it; empty for server groups, which don't say. */
  readonly createdAt: string
  /** Something else stands on it or hangs at it. Looked up only where there is more than one of its kind. */
  readonly used: boolean
}

export type FoundNetwork = Found

export interface FoundSubnet extends Found {
  readonly networkId: string
  readonly cidr: string
  readonly nameservers: readonly string[]
  readonly dhcp: boolean
}

export interface FoundRouter extends Found {
  /** Undefined where it leads nowhere. */
  readonly externalNetworkId: string | undefined
  /** Its own ones on the external network. */
  readonly externalAddresses: readonly string[]
  /** Those that it has an interface on, whosever they are. */
  readonly subnetIds: readonly string[]
}

export type SecurityPart = 'nodes' | 'control-plane'

export interface FoundSecurityGroup extends Found {
  readonly part: SecurityPart
  readonly rules: readonly FoundRule[]
}

export interface FoundServerGroup extends Found {
  readonly pool: string
  readonly policy: string
}

export interface FoundVipPort extends Found {
  readonly fixedIps: readonly { readonly subnetId: string; readonly address: string }[]
  readonly securityGroupIds: readonly string[]
  /** False on a network without: then there can be no groups on it. */
  readonly secured: boolean
}

export interface FoundFloatingIp extends Found {
  readonly address: string
  /** Undefined while it leads nowhere. */
  readonly portId: string | undefined
  /** False for one that the user brought: it carries no mark of this foundation, and outlives it. */
  readonly ours: boolean
  /** Whose mark it carries if not ours, in words. */
  readonly claimedBy: string | undefined
}

export interface FoundListener {
  readonly id: string
  readonly port: number
  readonly poolId: string | undefined
  /** Empty: everybody. */
  readonly allowedCidrs: readonly string[]
}

export interface FoundLoadBalancer extends Found {
  /** The driver behind it: `amphora`, `ovn`. */
  readonly provider: string
  /** Octavia's: `ACTIVE`, `ERROR`, `PENDING_UPDATE`, … */
  readonly provisioning: string
  readonly address: string
  readonly vipPortId: string
  readonly listeners: readonly FoundListener[]
  readonly pools: readonly { readonly id: string; readonly monitored: boolean }[]
}

/** What the placement's names stand for at present; undefined where they stand for nothing, or it isn't needed. */
export interface FoundSite {
  /** Of the placement's existing network. */
  readonly networkId: string | undefined
  readonly subnetId: string | undefined
  readonly subnetCidr: string | undefined
  /** Where the cluster's router leads. */
  readonly routerNetworkId: string | undefined
  /** Where the machines of the cluster seem to come from at a floating IP of its: their routers' external addresses. */
  readonly hairpin: readonly string[]
}

export interface OpenstackFoundation extends FoundationObserved {
  readonly networks: readonly FoundNetwork[]
  readonly subnets: readonly FoundSubnet[]
  readonly routers: readonly FoundRouter[]
  readonly securityGroups: readonly FoundSecurityGroup[]
  readonly serverGroups: readonly FoundServerGroup[]
  readonly vipPorts: readonly FoundVipPort[]
  readonly floatingIps: readonly FoundFloatingIp[]
  readonly loadBalancers: readonly FoundLoadBalancer[]
  readonly site: FoundSite
}

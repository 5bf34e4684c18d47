/** What the adapter needs of a cloud, and what for. `verify` checks against this, and docs/openstack-role.md is made from it. */
import type { ServiceType } from './client/service-type.ts'

export interface ServiceNeed {
  readonly service: ServiceType
  /** The project's name for it, as everybody says. */
  readonly project: string
  /** Without a `required` one nothing can be made; the others are for what `usedFor` says. */
  readonly required: boolean
  readonly usedFor: string
  /** A small list, by which it shows that the service answers and lets the user read. */
  readonly probe: { readonly path: string; readonly key: string }
  /** What there is to do where it is missing and not required. */
  readonly without?: string
}

export const SERVICE_NEEDS: readonly ServiceNeed[] = [
  {
    service: 'compute',
    project: 'Nova',
    required: true,
    usedFor: 'servers, server groups, flavors, keypairs, availability zones',
    probe: { path: '/flavors', key: 'flavors' },
  },
  {
    service: 'network',
    project: 'Neutron',
    required: true,
    usedFor: 'ports, networks, subnets, routers, security groups, floating IPs',
    probe: { path: '/networks', key: 'networks' },
  },
  {
    service: 'image',
    project: 'Glance',
    required: true,
    usedFor: 'the image that machines boot from',
    probe: { path: '/images', key: 'images' },
  },
  {
    service: 'block-storage',
    project: 'Cinder',
    required: false,
    usedFor: 'boot volumes and further disks',
    probe: { path: '/types', key: 'volume_types' },
    without: "Use flavors with a disk; leave placement.bootVolume and the pools' disks out.",
  },
  {
    service: 'load-balancer',
    project: 'Octavia',
    required: false,
    usedFor: 'endpoint type load-balancer',
    probe: { path: '/lbaas/loadbalancers', key: 'loadbalancers' },
    without: 'Use endpoint type virtual-ip or floating-ip.',
  },
]

export interface MicroversionNeed {
  readonly service: ServiceType
  readonly microversion: string
  readonly feature: string
  readonly remedy: string
}

/** Beyond what the client can't do without. */
export const MICROVERSION_NEEDS: readonly MicroversionNeed[] = [
  {
    service: 'compute',
    microversion: '2.64',
    feature: 'server groups, which keep the machines of a pool on different hosts',
    remedy: 'Update nova to 18 (Rocky) or newer, or set placement.antiAffinity to none.',
  },
]

export interface ExtensionNeed {
  readonly alias: string
  readonly required: boolean
  readonly usedFor: string
  readonly remedy: string
}

/** Of neutron. */
export const EXTENSION_NEEDS: readonly ExtensionNeed[] = [
  {
    alias: 'security-group',
    required: true,
    usedFor: "the cluster's security groups",
    remedy: 'Have an administrator switch the security group extension on.',
  },
  {
    alias: 'standard-attr-description',
    required: true,
    usedFor: 'the mark by which the gateway finds its own objects again',
    remedy: 'Update neutron to 9 (Newton) or newer.',
  },
  {
    alias: 'allowed-address-pairs',
    required: false,
    usedFor: 'endpoint types virtual-ip and floating-ip',
    remedy: 'Use endpoint type load-balancer or external, or have the extension switched on.',
  },
  {
    alias: 'port-security',
    required: false,
    usedFor: 'telling networks whose ports take no security groups',
    remedy: 'Name only networks whose ports are protected by security groups.',
  },
  {
    alias: 'router',
    required: false,
    usedFor: 'placement.network type create with a router, and floating IPs',
    remedy: 'Use networks that are there already and endpoint type virtual-ip.',
  },
  {
    alias: 'external-net',
    required: false,
    usedFor: 'floating IPs, and routers that lead out',
    remedy: 'Use endpoint type virtual-ip.',
  },
  {
    alias: 'quota_details',
    required: false,
    usedFor: 'comparing with the quotas before anything is made',
    remedy:
      'Update neutron to 11 (Pike) or newer; until then a quota that is used up shows only when something is made.',
  },
]

/** Roles by which a project's objects may be made; old clouds call it `_member_`. */
export const MAKING_ROLES: readonly string[] = ['member', '_member_', 'manager', 'admin']
/** Of Octavia's own roles, where it has any. */
export const BALANCING_ROLE = 'load-balancer_member'

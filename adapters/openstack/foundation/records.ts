/** What neutron, nova and octavia say of a foundation's objects, as its plan looks at them. Pure. */

import { isRecord, type JsonRecord, numberAt, recordAt, recordsAt, textAt, textsAt } from '../json-value.ts'
import { readMarkText, readPart } from '../owner-mark.ts'
import type {
  Found,
  FoundFloatingIp,
  FoundListener,
  FoundLoadBalancer,
  FoundRouter,
  FoundSecurityGroup,
  FoundServerGroup,
  FoundSubnet,
  FoundVipPort,
} from './foundation-observed.ts'
import type { FoundRule } from './security-rules.ts'

export function foundFrom(value: unknown): Found {
  return { id: textAt(value, 'id'), createdAt: textAt(value, 'created_at'), used: false }
}

export function subnetFrom(value: unknown): FoundSubnet {
  return {
    ...foundFrom(value),
    networkId: textAt(value, 'network_id'),
    cidr: textAt(value, 'cidr'),
    nameservers: textsAt(value, 'dns_nameservers'),
    dhcp: isRecord(value) && value.enable_dhcp !== false,
  }
}

/** @param interfaces the ports that it has on subnets */
export function routerFrom(value: unknown, interfaces: readonly unknown[]): FoundRouter {
  const subnetIds = interfaces.flatMap(fixedIpsOf).map(({ subnetId }) => subnetId)
  return {
    ...foundFrom(value),
    externalNetworkId: textAt(recordAt(value, 'external_gateway_info'), 'network_id') || undefined,
    externalAddresses: externalAddressesOf(value),
    subnetIds: [...new Set(subnetIds)],
    used: subnetIds.length > 0,
  }
}

export function externalAddressesOf(router: unknown): string[] {
  return recordsAt(recordAt(router, 'external_gateway_info'), 'external_fixed_ips')
    .map((each) => textAt(each, 'ip_address'))
    .filter((address) => /^[\d.]+$/.test(address))
}

export function fixedIpsOf(port: unknown): { readonly subnetId: string; readonly address: string }[] {
  return recordsAt(port, 'fixed_ips').map((each) => ({
    subnetId: textAt(each, 'subnet_id'),
    address: textAt(each, 'ip_address'),
  }))
}

/** Undefined if its description names neither part. */
export function securityGroupFrom(value: unknown): FoundSecurityGroup | undefined {
  const part = readPart(textAt(value, 'description'))
  if (part !== 'nodes' && part !== 'control-plane') return undefined
  return {
    ...foundFrom(value),
    part,
    rules: recordsAt(value, 'security_group_rules').map((rule) => ruleFrom(rule, textAt(value, 'project_id'))),
  }
}

function ruleFrom(value: JsonRecord, projectId: string): FoundRule {
  return {
    id: textAt(value, 'id'),
    foreign: textAt(value, 'project_id') !== projectId,
    direction: textAt(value, 'direction') === 'egress' ? 'egress' : 'ingress',
    ethertype: textAt(value, 'ethertype') === 'IPv6' ? 'IPv6' : 'IPv4',
    protocol: textAt(value, 'protocol') || null,
    portMin: numberAt(value, 'port_range_min') ?? null,
    portMax: numberAt(value, 'port_range_max') ?? null,
    remotePrefix: textAt(value, 'remote_ip_prefix') || null,
    remoteGroupId: textAt(value, 'remote_group_id') || null,
    remoteAddressGroupId: textAt(value, 'remote_address_group_id') || null,
  }
}

/** Of one whose name is a mark. */
export function serverGroupFrom(value: unknown, pool: string): FoundServerGroup {
  return { ...foundFrom(value), pool, policy: textAt(value, 'policy'), used: textsAt(value, 'members').length > 0 }
}

export function vipPortFrom(value: unknown): FoundVipPort {
  return {
    ...foundFrom(value),
    fixedIps: fixedIpsOf(value),
    securityGroupIds: textsAt(value, 'security_groups'),
    secured: isRecord(value) && value.port_security_enabled !== false,
  }
}

export function floatingIpFrom(value: unknown, ours: boolean): FoundFloatingIp {
  const portId = textAt(value, 'port_id') || undefined
  const owner = ours ? undefined : readMarkText(textAt(value, 'description'))
  return {
    ...foundFrom(value),
    address: textAt(value, 'floating_ip_address'),
    portId,
    ours,
    claimedBy: owner === undefined ? undefined : `cluster ${owner.cluster} of gateway ${owner.gateway}`,
    used: portId !== undefined,
  }
}

export function loadBalancerFrom(
  value: unknown,
  listeners: readonly unknown[],
  pools: readonly unknown[],
): FoundLoadBalancer {
  return {
    ...foundFrom(value),
    provider: textAt(value, 'provider'),
    provisioning: textAt(value, 'provisioning_status'),
    address: textAt(value, 'vip_address'),
    vipPortId: textAt(value, 'vip_port_id'),
    listeners: listeners.map(listenerFrom),
    pools: pools.map((pool) => ({ id: textAt(pool, 'id'), monitored: textAt(pool, 'healthmonitor_id') !== '' })),
    used: pools.some((pool) => recordsAt(pool, 'members').length > 0),
  }
}

function listenerFrom(value: unknown): FoundListener {
  return {
    id: textAt(value, 'id'),
    port: numberAt(value, 'protocol_port') ?? 0,
    poolId: textAt(value, 'default_pool_id') || undefined,
    allowedCidrs: textsAt(value, 'allowed_cidrs'),
  }
}

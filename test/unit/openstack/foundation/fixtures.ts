import type { FoundationSpec } from '../../../../adapters/adapter.ts'
import type {
  FoundLoadBalancer,
  FoundSecurityGroup,
  OpenstackFoundation,
  SecurityPart,
} from '../../../../adapters/openstack/foundation/foundation-observed.ts'
import { NOTHING } from '../../../../adapters/openstack/foundation/nothing.ts'
import { planFoundation } from '../../../../adapters/openstack/foundation/plan.ts'
import { wantedRules } from '../../../../adapters/openstack/foundation/security-rules.ts'
import type { ClusterEndpoint, OpenstackPlacement } from '../../../../resources/cluster.ts'

export const OWNER = { gateway: 'default/site-1', cluster: 'prod', machine: '3f0c1a52-6c1e-4d0b-9a39-0d5f3a1f6c11' }

export const ACCESS: OpenstackPlacement['access'] = { api: ['0.0.0.0/0'], ssh: [], nodePorts: [] }

export const CREATED = {
  type: 'create',
  cidr: '10.20.0.0/24',
  nameservers: ['9.9.9.9'],
  router: 'public',
} as const satisfies OpenstackPlacement['network']

export const EXISTING = { type: 'existing', network: 'private' } as const satisfies OpenstackPlacement['network']

export const ENDPOINTS = {
  external: { type: 'external', address: 'api.example.com', port: 6443 },
  virtualIp: { type: 'virtual-ip', address: '10.20.0.5', port: 6443 },
  floatingIp: { type: 'floating-ip', port: 6443 },
  given: { type: 'floating-ip', address: '203.0.113.7', port: 6443 },
  balancer: { type: 'load-balancer', port: 443 },
  publicBalancer: { type: 'load-balancer', network: 'public', port: 443 },
} as const satisfies Record<string, ClusterEndpoint>

export function foundation(
  placement: Partial<OpenstackPlacement> = {},
  overrides: Partial<FoundationSpec> = {},
): FoundationSpec {
  return {
    owner: OWNER,
    name: 'prod',
    placement: {
      cloud: 'openstack',
      image: 'debian-12',
      network: CREATED,
      securityGroups: [],
      access: ACCESS,
      antiAffinity: 'soft',
      userData: 'config-drive',
      ...placement,
    },
    endpoint: ENDPOINTS.floatingIp,
    pools: [
      { name: 'control-plane', role: 'control-plane' },
      { name: 'workers', role: 'worker' },
    ],
    want: 'present',
    ...overrides,
  }
}

const AT = { createdAt: '2026-11-22T12:00:00Z', used: false }

/** Groups as they should be for the spec. */
export function group(
  part: SecurityPart,
  spec: FoundationSpec,
  overrides: Partial<FoundSecurityGroup> = {},
): FoundSecurityGroup {
  const { placement, endpoint } = spec
  if (placement.cloud !== 'openstack') throw new Error('not OpenStack')
  const id = overrides.id ?? `sg-${part}`
  const rules = wantedRules(part, placement.access, endpoint, {
    groupId: id,
    subnetCidr: '10.20.0.0/24',
    hairpin: [],
  }).map((rule, index) => ({ ...rule, id: `rule-${part}-${index}`, foreign: false }))
  return { ...AT, id, part, rules, ...overrides }
}

export function balancer(overrides: Partial<FoundLoadBalancer> = {}): FoundLoadBalancer {
  return {
    ...AT,
    id: 'lb-1',
    provider: 'amphora',
    provisioning: 'ACTIVE',
    address: '10.20.0.9',
    vipPortId: 'port-lb',
    listeners: [{ id: 'listener-1', port: 443, poolId: 'pool-1', allowedCidrs: [] }],
    pools: [{ id: 'pool-1', monitored: true }],
    ...overrides,
  }
}

/** All that a spec with a network of its own and a floating IP asks for. */
export function complete(
  spec: FoundationSpec = foundation(),
  overrides: Partial<OpenstackFoundation> = {},
): OpenstackFoundation {
  return {
    ...NOTHING,
    networks: [{ ...AT, id: 'net-1' }],
    subnets: [
      { ...AT, id: 'subnet-1', networkId: 'net-1', cidr: '10.20.0.0/24', nameservers: ['9.9.9.9'], dhcp: true },
    ],
    routers: [
      {
        ...AT,
        id: 'router-1',
        externalNetworkId: 'ext-1',
        externalAddresses: ['203.0.113.2'],
        subnetIds: ['subnet-1'],
      },
    ],
    securityGroups: [group('nodes', spec), group('control-plane', spec)],
    serverGroups: [
      { ...AT, id: 'group-1', pool: 'control-plane', policy: 'soft-anti-affinity' },
      { ...AT, id: 'group-2', pool: 'workers', policy: 'soft-anti-affinity' },
    ],
    vipPorts: [
      {
        ...AT,
        id: 'vip-1',
        fixedIps: [{ subnetId: 'subnet-1', address: '10.20.0.5' }],
        securityGroupIds: ['sg-nodes', 'sg-control-plane'],
        secured: true,
      },
    ],
    floatingIps: [
      { ...AT, id: 'fip-1', address: '203.0.113.9', portId: 'vip-1', ours: true, claimedBy: undefined, used: true },
    ],
    site: { ...NOTHING.site, routerNetworkId: 'ext-1' },
    ...overrides,
  }
}

/** What the plan does, in short. */
export function plan(spec: FoundationSpec, observed: OpenstackFoundation | null): string[] {
  return planFoundation(spec, observed).map((step) => {
    switch (step.kind) {
      case 'delete':
        return `delete ${step.object} ${step.id}`
      case 'create-security-group':
      case 'update-rules':
        return `${step.kind} ${step.part}`
      case 'create-server-group':
        return `${step.kind} ${step.pool}`
      case 'disconnect-router':
      case 'update-listener':
      case 'delete-listener':
      case 'disassociate-floating-ip':
        return `${step.kind} ${step.id}`
      default:
        return step.kind
    }
  })
}

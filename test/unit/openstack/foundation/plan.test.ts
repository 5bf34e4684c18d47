import { describe, expect, it } from 'vitest'
import type { OpenstackFoundation } from '../../../../adapters/openstack/foundation/foundation-observed.ts'
import { needsOf } from '../../../../adapters/openstack/foundation/needs.ts'
import { planFoundation } from '../../../../adapters/openstack/foundation/plan.ts'
import { balancer, CREATED, complete, ENDPOINTS, EXISTING, foundation, group, plan } from './fixtures.ts'

const GROUPS = ['create-security-group nodes', 'create-security-group control-plane']
const POOLS = ['create-server-group control-plane', 'create-server-group workers']
const NETWORK = ['create-network', 'create-subnet', 'create-router', 'connect-router']

describe('a foundation of which nothing is there', () => {
  it.each([
    ['an external endpoint on an existing network', EXISTING, ENDPOINTS.external, []],
    ['a virtual IP', EXISTING, ENDPOINTS.virtualIp, ['create-vip-port']],
    ['a floating IP', EXISTING, ENDPOINTS.floatingIp, ['create-vip-port', 'create-floating-ip']],
    ["the user's floating IP", EXISTING, ENDPOINTS.given, ['create-vip-port', 'associate-floating-ip']],
    [
      'a load balancer',
      EXISTING,
      ENDPOINTS.balancer,
      ['create-load-balancer', 'create-listener', 'create-pool', 'create-health-monitor'],
    ],
    [
      'a load balancer with a floating IP',
      EXISTING,
      ENDPOINTS.publicBalancer,
      ['create-load-balancer', 'create-listener', 'create-pool', 'create-health-monitor', 'create-floating-ip'],
    ],
  ] as const)('gets what %s needs', (_, network, endpoint, steps) => {
    expect(plan(foundation({ network }, { endpoint }), null)).toEqual([...GROUPS, ...POOLS, ...steps])
  })

  it('gets its network, subnet and router first, if it is to have its own', () => {
    expect(plan(foundation({}, { endpoint: ENDPOINTS.external }), null)).toEqual([...NETWORK, ...GROUPS, ...POOLS])
  })

  it('gets no router if none is asked for', () => {
    const { router: _, ...network } = CREATED
    const steps = plan(foundation({ network }, { endpoint: ENDPOINTS.external }), null)
    expect(steps).toEqual(['create-network', 'create-subnet', ...GROUPS, ...POOLS])
  })

  it('gets no server groups where machines need not be kept apart', () => {
    const spec = foundation({ network: EXISTING, antiAffinity: 'none' }, { endpoint: ENDPOINTS.external })
    expect(plan(spec, null)).toEqual(GROUPS)
  })

  it('has each object in a step of its own, which names it before it can exist', () => {
    expect(planFoundation(foundation(), null).flatMap(({ creates }) => creates)).toEqual([
      { kind: 'Network', name: 'prod' },
      { kind: 'Subnet', name: 'prod' },
      { kind: 'Router', name: 'prod' },
      { kind: 'SecurityGroup', name: 'prod-nodes' },
      { kind: 'SecurityGroup', name: 'prod-control-plane' },
      { kind: 'ServerGroup', name: 'prod-control-plane' },
      { kind: 'ServerGroup', name: 'prod-workers' },
      { kind: 'Port', name: 'prod-vip' },
      { kind: 'FloatingIP', name: 'prod-floating-ip' },
    ])
  })

  it('takes of the quotas what its steps make, a router port and rules with it', () => {
    expect(needsOf(foundation(), null)).toEqual({
      networks: 1,
      subnets: 1,
      routers: 1,
      ports: 2,
      'security groups': 2,
      'security group rules': 6,
      'server groups': 2,
      'floating IPs': 1,
    })
    const balanced = foundation({ network: EXISTING }, { endpoint: ENDPOINTS.publicBalancer })
    expect(needsOf(balanced, null)).toMatchObject({ 'load balancers': 1, ports: 1, 'floating IPs': 1 })
  })
})

describe('a foundation that is complete', () => {
  it('needs nothing, and no quota', () => {
    expect(plan(foundation(), complete())).toEqual([])
    expect(needsOf(foundation(), complete())).toEqual({})
  })

  const subnet = { ...complete().subnets[0] } as OpenstackFoundation['subnets'][number]
  const router = { ...complete().routers[0] } as OpenstackFoundation['routers'][number]
  const vip = { ...complete().vipPorts[0] } as OpenstackFoundation['vipPorts'][number]
  const floatingIp = { ...complete().floatingIps[0] } as OpenstackFoundation['floatingIps'][number]
  it.each<[string, Partial<OpenstackFoundation>, string[]]>([
    ['a subnet with other nameservers', { subnets: [{ ...subnet, nameservers: [] }] }, ['update-subnet']],
    ['a subnet without DHCP', { subnets: [{ ...subnet, dhcp: false }] }, ['update-subnet']],
    ['a router that leads nowhere', { routers: [{ ...router, externalNetworkId: undefined }] }, ['connect-router']],
    ['a router that leads elsewhere', { routers: [{ ...router, externalNetworkId: 'ext-2' }] }, ['connect-router']],
    ['a router without the subnet', { routers: [{ ...router, subnetIds: [] }] }, ['connect-router']],
    ['a router that is gone', { routers: [] }, ['create-router', 'connect-router']],
    [
      'a security group that is gone',
      { securityGroups: [group('nodes', foundation())] },
      ['create-security-group control-plane'],
    ],
    [
      'a rule that somebody took away',
      { securityGroups: [group('nodes', foundation()), group('control-plane', foundation(), { rules: [] })] },
      ['update-rules control-plane'],
    ],
    ['a port that is gone, and what led there', { vipPorts: [] }, ['create-vip-port', 'associate-floating-ip']],
    [
      'a port without one of the groups',
      { vipPorts: [{ ...vip, securityGroupIds: ['sg-nodes'] }] },
      ['update-vip-port'],
    ],
    ['a floating IP that is gone', { floatingIps: [] }, ['create-floating-ip']],
    [
      'a floating IP that leads elsewhere',
      { floatingIps: [{ ...floatingIp, portId: 'other' }] },
      ['associate-floating-ip'],
    ],
    [
      'a server group that is gone',
      { serverGroups: complete().serverGroups.slice(0, 1) },
      ['create-server-group workers'],
    ],
  ])('mends %s', (_, drift, steps) => {
    expect(plan(foundation(), complete(foundation(), drift))).toEqual(steps)
  })

  it('keeps the gateway of a router while it is unknown where that should lead', () => {
    const observed = complete()
    const spec = foundation()
    expect(plan(spec, { ...observed, site: { ...observed.site, routerNetworkId: undefined } })).toEqual([])
  })

  it('leaves a port without security groups alone on a network that has none', () => {
    expect(
      plan(foundation(), complete(foundation(), { vipPorts: [{ ...vip, secured: false, securityGroupIds: [] }] })),
    ).toEqual([])
  })

  it('moves the port to another virtual IP', () => {
    const spec = foundation({}, { endpoint: { ...ENDPOINTS.virtualIp, address: '10.20.0.6' } })
    expect(plan(spec, complete(spec))).toEqual(['update-vip-port'])
  })

  it('gives a floating IP back before the one that the user names takes its place', () => {
    const brought = { ...floatingIp, id: 'fip-2', address: '203.0.113.7', portId: undefined, ours: false }
    const spec = foundation({}, { endpoint: ENDPOINTS.given })
    expect(plan(spec, complete(spec, { floatingIps: [floatingIp, brought] }))).toEqual([
      'delete FloatingIP fip-1',
      'associate-floating-ip',
    ])
  })
})

describe('a load balancer', () => {
  const spec = foundation({}, { endpoint: ENDPOINTS.balancer })
  const withBalancer = (overrides: Parameters<typeof balancer>[0] = {}) =>
    complete(spec, { vipPorts: [], floatingIps: [], loadBalancers: [balancer(overrides)] })

  it('needs nothing when it is complete', () => {
    expect(plan(spec, withBalancer())).toEqual([])
  })

  it.each([
    ['waits while Octavia works on it', { provisioning: 'PENDING_UPDATE' }, ['await-load-balancer']],
    [
      'is made again if it never was complete',
      { provisioning: 'ERROR', listeners: [], pools: [] },
      ['delete LoadBalancer lb-1', 'create-load-balancer', 'create-listener', 'create-pool', 'create-health-monitor'],
    ],
    [
      'is kept in ERROR, with the address that the cluster is known by',
      { provisioning: 'ERROR' },
      ['await-load-balancer'],
    ],
    ['gets its health monitor back', { pools: [{ id: 'pool-1', monitored: false }] }, ['create-health-monitor']],
    ['gets its listener back, which takes up the pool', { listeners: [] }, ['create-listener']],
    [
      'changes its port',
      { listeners: [{ id: 'listener-1', port: 8443, poolId: 'pool-1', allowedCidrs: [] }] },
      ['delete-listener listener-1', 'create-listener'],
    ],
    [
      'opens again what somebody closed',
      { listeners: [{ id: 'listener-1', port: 443, poolId: 'pool-1', allowedCidrs: ['10.0.0.0/8'] }] },
      ['update-listener listener-1'],
    ],
  ])('%s', (_, overrides, steps) => {
    expect(plan(spec, withBalancer(overrides))).toEqual(steps)
  })

  it('lets in who has access, its machines, and those that come over their router', () => {
    const closed = foundation(
      { access: { api: ['198.51.100.7/24'], ssh: [], nodePorts: [] } },
      { endpoint: ENDPOINTS.publicBalancer },
    )
    const admits = (allowedCidrs: string[]) =>
      plan(closed, {
        ...withBalancer({ listeners: [{ id: 'listener-1', port: 443, poolId: 'pool-1', allowedCidrs }] }),
        securityGroups: [],
        floatingIps: [],
      }).includes('update-listener listener-1')
    expect(admits([])).toBe(true)
    expect(admits(['203.0.113.2/32', '10.20.0.0/24', '198.51.100.0/24'])).toBe(false)
  })
})

describe('several objects with the same mark', () => {
  const [first] = complete().networks
  const older = { id: 'net-0', createdAt: '2026-11-22T11:00:00Z', used: false }

  it('come down to the one that is used, else the oldest; the others go if nothing uses them', () => {
    const both = complete(foundation(), {
      networks: [older, { id: 'net-1', createdAt: '2026-11-22T12:00:00Z', used: true }],
    })
    expect(plan(foundation(), both)).toEqual(['delete Network net-0'])
    expect(first?.id).toBe('net-1')
    const unused = complete(foundation(), { networks: [older, { ...older, id: 'net-1' }], subnets: [], routers: [] })
    expect(plan(foundation(), unused).at(-1)).toBe('delete Network net-1')
  })

  it('take what hangs at the surplus one with it', () => {
    const subnet = {
      id: 'subnet-0',
      createdAt: '',
      networkId: 'net-0',
      cidr: '10.20.0.0/24',
      nameservers: [],
      dhcp: true,
    }
    const both = complete()
    const observed = {
      ...both,
      networks: [older, { id: 'net-1', createdAt: '2026-11-22T12:00:00Z', used: true }],
      subnets: [...both.subnets.map((each) => ({ ...each, used: true })), { ...subnet, used: false }],
    }
    expect(plan(foundation(), observed)).toEqual(['delete Subnet subnet-0', 'delete Network net-0'])
  })

  it('of load balancers: one that is being deleted does not count, and is waited for', () => {
    const spec = foundation({}, { endpoint: ENDPOINTS.balancer })
    const going = balancer({ id: 'lb-0', createdAt: '2026-11-22T11:00:00Z', provisioning: 'PENDING_DELETE' })
    const both = complete(spec, { vipPorts: [], floatingIps: [], loadBalancers: [going, balancer()] })
    expect(plan(spec, both)).toEqual(['delete LoadBalancer lb-0'])
  })

  it('stay if they are used, for somebody stands on them', () => {
    const used = { id: 'sg-x', used: true, createdAt: '2026-11-22T13:00:00Z' }
    const observed = complete()
    const groups = observed.securityGroups.map((each) => ({ ...each, used: true }))
    const surplus = group('nodes', foundation(), used)
    expect(plan(foundation(), { ...observed, securityGroups: [...groups, surplus] })).toEqual([])
  })

  it('of server groups: another policy gives way once no machine is in it', () => {
    const spec = foundation({ antiAffinity: 'hard' })
    const observed = complete(spec)
    const [one, two] = observed.serverGroups.map((each, index) => ({ ...each, used: index === 0 }))
    const serverGroups = [one, two].flatMap((each) => each ?? [])
    expect(plan(spec, { ...observed, serverGroups })).toEqual([
      'create-server-group control-plane',
      'create-server-group workers',
      'delete ServerGroup group-2',
    ])
  })
})

describe('a foundation that is no longer wanted', () => {
  const spec = foundation({}, { want: 'absent' })

  it('is undone in reverse', () => {
    expect(plan(spec, complete(foundation(), { loadBalancers: [balancer()] }))).toEqual([
      'delete FloatingIP fip-1',
      'delete LoadBalancer lb-1',
      'delete Port vip-1',
      'disconnect-router router-1',
      'delete Router router-1',
      'delete Subnet subnet-1',
      'delete Network net-1',
      'delete ServerGroup group-1',
      'delete ServerGroup group-2',
      'delete SecurityGroup sg-nodes',
      'delete SecurityGroup sg-control-plane',
    ])
  })

  it("keeps the user's floating IP, and leaves it alone where it leads elsewhere", () => {
    const [ours] = complete().floatingIps
    if (ours === undefined) throw new Error('no floating IP')
    const brought = { ...ours, ours: false }
    expect(plan(spec, complete(spec, { floatingIps: [brought] }))[0]).toBe('disassociate-floating-ip fip-1')
    const elsewhere = plan(spec, complete(spec, { floatingIps: [{ ...brought, portId: 'other' }] }))
    expect(elsewhere.filter((step) => step.includes('fip-1'))).toEqual([])
  })

  it('needs nothing when it is gone', () => {
    expect(plan(spec, null)).toEqual([])
  })
})

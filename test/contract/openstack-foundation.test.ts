/** What the machines of a cluster share, against neutron and nova themselves. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { FoundationSpec, Outcome } from '../../adapters/adapter.ts'
import { cloudOptionsOf } from '../../adapters/openstack/account.ts'
import { type OpenstackCloud, openCloud } from '../../adapters/openstack/client/cloud.ts'
import type { OpenstackFoundation } from '../../adapters/openstack/foundation/foundation-observed.ts'
import type { FoundationStep } from '../../adapters/openstack/foundation/foundation-step.ts'
import { createFoundations } from '../../adapters/openstack/foundation/foundations.ts'
import { groundOf } from '../../adapters/openstack/foundation/ground.ts'
import { foundationObjects } from '../../adapters/openstack/foundation/owned.ts'
import { Names } from '../../adapters/openstack/names.ts'
import type { OpenstackPlacement } from '../../resources/cluster.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { AdminApi } from '../peers/openstack/admin-api.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf } from './drive.ts'
import { GATEWAY, OpenstackSite, PLACEMENT } from './openstack-site.ts'

const openstack = await peer('openstack')
const SIGNAL = new AbortController().signal
const CONTEXT = contextOf(SIGNAL)
const MAX_ROUNDS = 40

const OWN_NETWORK = {
  type: 'create',
  cidr: '10.20.0.0/24',
  nameservers: ['9.9.9.9'],
  router: 'public',
} as const satisfies OpenstackPlacement['network']
const FLOATING_IP = { type: 'floating-ip', port: 6443 } as const
const KINDS = ['SecurityGroup', 'SecurityGroup', 'ServerGroup', 'ServerGroup', 'Network', 'Subnet', 'Router']

/** Ten objects and their way back are some hundred requests to services that share two cores. */
const PATIENT = { timeout: 240_000 }

describe.skipIf(!openstack.available)(title('the foundations of clusters on OpenStack', openstack), PATIENT, () => {
  let site: OpenstackSite
  let api: AdminApi
  beforeAll(async () => {
    site = await OpenstackSite.start()
    api = site.cloud.api
  })
  afterEach(() => site.cloud.front.behave())
  afterAll(() => site?.close())

  /** As one gateway process has them. */
  function open() {
    const { username, password } = site.project
    const credentials = { type: 'password', username, userDomain: { name: 'Default' }, password } as const
    const cloud = openCloud(cloudOptionsOf(site.account()), credentials, { clock: systemClock, log: silentLog })
    onTestFinished(() => cloud.close())
    const names = new Names(cloud, systemClock)
    return { cloud, foundations: createFoundations({ cloud, names, clock: systemClock, log: silentLog }) }
  }
  type Opened = ReturnType<typeof open>

  function spec(placement: Partial<OpenstackPlacement> = {}, overrides: Partial<FoundationSpec> = {}): FoundationSpec {
    const cluster = `prod-${randomUUID().slice(0, 8)}`
    return {
      owner: { gateway: GATEWAY, cluster, machine: randomUUID() },
      name: cluster,
      placement: { ...PLACEMENT, network: OWN_NETWORK, antiAffinity: 'soft', ...placement },
      endpoint: FLOATING_IP,
      pools: [
        { name: 'control-plane', role: 'control-plane' },
        { name: 'workers', role: 'worker' },
      ],
      want: 'present',
      ...overrides,
    }
  }

  /** To its goal, or to the first outcome that is fatal. */
  async function drive(
    { foundations }: Opened,
    wanted: FoundationSpec,
    onStep: (step: FoundationStep, outcome: Outcome) => void = () => {},
  ): Promise<OpenstackFoundation | null> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const observed = await foundations.observe(wanted, CONTEXT)
      const step = foundations.plan(wanted, observed)[0]
      if (step === undefined) return observed
      const outcome = await foundations.start(step, wanted, CONTEXT)
      onStep(step, outcome)
      if (outcome.kind === 'fatal') throw new Error(`${outcome.reason}: ${outcome.message}: ${outcome.remedy}`)
      if (outcome.kind === 'retryable') await systemClock.sleep(200, SIGNAL)
    }
    throw new Error(`${wanted.name} did not get to ${wanted.want}`)
  }

  async function marked(cloud: OpenstackCloud, { owner }: FoundationSpec): Promise<string[]> {
    const all = await Array.fromAsync(foundationObjects(cloud, owner.gateway, SIGNAL))
    return all.filter((object) => object.owner.machine === owner.machine).map(({ kind }) => kind)
  }

  /** Deleted, and nothing of it left by its mark. */
  async function gone(opened: Opened, wanted: FoundationSpec): Promise<void> {
    expect(await drive(opened, { ...wanted, want: 'absent' })).toBeNull()
    expect(await marked(opened.cloud, wanted)).toEqual([])
  }

  async function addPort(networkId: string, name: string): Promise<string> {
    const body = { port: { network_id: networkId, name, project_id: site.project.id } }
    const { port } = await api.post<{ port: { id: string } }>('neutron', '/v2.0/ports', body)
    return port.id
  }

  async function rulesOf(groupId: string): Promise<string[]> {
    interface Rule {
      readonly direction: string
      readonly port_range_min: number | null
      readonly remote_ip_prefix: string | null
    }
    const path = `/v2.0/security-groups/${groupId}`
    const answer = await api.get<{ security_group: { security_group_rules: Rule[] } }>('neutron', path)
    return answer.security_group.security_group_rules
      .filter(({ direction }) => direction === 'ingress')
      .map(({ port_range_min: port, remote_ip_prefix: from }) => `${port ?? 'any'} from ${from ?? 'the cluster'}`)
      .toSorted()
  }

  function idOf(observed: OpenstackFoundation | null, kind: string, part = ''): string {
    const found = observed?.objects.find((object) => object.kind === kind && object.name.endsWith(part))
    if (found === undefined) throw new Error(`no ${kind} ${part}`)
    return found.id
  }

  it('are made with a network of their own and a floating IP, and leave nothing', async () => {
    const opened = open()
    const wanted = spec()
    const made = await drive(opened, wanted)
    expect((await marked(opened.cloud, wanted)).toSorted()).toEqual([...KINDS, 'Port', 'FloatingIP'].toSorted())
    const [floatingIp] = await site.control.floatingIps()
    expect(made?.endpoint?.address).toBe(floatingIp?.floating_ip_address)
    expect(made?.endpoint?.virtualIp).toMatch(/^10\.20\.0\./)
    const ground = (role: 'control-plane' | 'worker', pool: string) =>
      groundOf(opened.cloud, { ...site.spec(), ...wanted, role, pool, foundation: wanted.owner.machine }, SIGNAL)
    const worker = await ground('worker', 'workers')
    expect(worker).toMatchObject({ networkId: idOf(made, 'Network'), subnetId: idOf(made, 'Subnet') })
    expect(worker.securityGroupIds).toEqual([idOf(made, 'SecurityGroup', '-nodes')])
    expect((await ground('control-plane', 'control-plane')).securityGroupIds).toHaveLength(2)
    await gone(opened, wanted)
    await expect(ground('worker', 'workers')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('are made on an existing network, with a virtual IP', async () => {
    const opened = open()
    const endpoint = { type: 'virtual-ip', address: '10.10.200.1', port: 6443 } as const
    const wanted = spec({ network: PLACEMENT.network, antiAffinity: 'none' }, { endpoint })
    const made = await drive(opened, wanted)
    expect(made?.endpoint).toEqual({ address: '10.10.200.1', virtualIp: '10.10.200.1' })
    await gone(opened, wanted)
  })

  it('adopt what was made though the reply was lost, each and every one', async () => {
    const opened = open()
    const wanted = spec()
    const paths = ['networks', 'subnets', 'routers', 'security-groups', 'security-group-rules', 'ports', 'floatingips']
    const lose = (service: 'neutron' | 'nova', name: string) => {
      const match = { api: service, method: 'POST', path: new RegExp(`/${name}$`) } as const
      return site.cloud.front.inject(match, { do: 'cut', when: 'after' })
    }
    const lost = [...paths.map((name) => lose('neutron', name)), lose('nova', 'os-server-groups')]
    const outcomes: string[] = []
    await drive(opened, wanted, (_step, { kind }) => outcomes.push(kind))
    expect(lost.map(({ hits }) => hits)).toEqual(lost.map(() => 1))
    expect(outcomes.filter((kind) => kind === 'unknown')).toHaveLength(lost.length)
    const all = await marked(opened.cloud, wanted)
    expect(all.toSorted()).toEqual([...KINDS, 'Port', 'FloatingIP'].toSorted())
    await gone(opened, wanted)
  })

  it('come to one of each when two gateways make them at once', async () => {
    const both = [open(), open()] as const
    const wanted = spec()
    await Promise.all(both.map((opened) => drive(opened, wanted)))
    await drive(both[0], wanted)
    const all = await marked(both[0].cloud, wanted)
    expect(all.toSorted()).toEqual([...KINDS, 'Port', 'FloatingIP'].toSorted())
    await gone(both[1], wanted)
  })

  it('change who is let in without being made anew', async () => {
    const opened = open()
    const wanted = spec({ network: PLACEMENT.network, antiAffinity: 'none' })
    const made = await drive(opened, wanted)
    const access = { api: ['198.51.100.0/24'], ssh: ['192.0.2.7/32'], nodePorts: ['0.0.0.0/0'] }
    const steps: string[] = []
    const changed = { ...wanted, placement: { ...PLACEMENT, access } }
    const after = await drive(opened, changed, ({ kind }) => steps.push(kind))
    expect(steps).toEqual(['update-rules', 'update-rules'])
    expect(after?.objects.map(({ id }) => id)).toEqual(made?.objects.map(({ id }) => id))
    expect(await rulesOf(idOf(after, 'SecurityGroup', '-nodes'))).toEqual([
      '22 from 192.0.2.7/32',
      '30000 from 0.0.0.0/0',
      '30000 from 0.0.0.0/0',
      'any from the cluster',
    ])
    const [edge] = (
      await api.get<{ routers: { external_gateway_info: { external_fixed_ips: { ip_address: string }[] } }[] }>(
        'neutron',
        `/v2.0/routers?id=${site.project.network?.routerId}`,
      )
    ).routers
    const router = edge?.external_gateway_info.external_fixed_ips[0]?.ip_address
    // The machines themselves come to their floating IP over their router.
    expect(await rulesOf(idOf(after, 'SecurityGroup', '-control-plane'))).toEqual(
      ['6443 from 198.51.100.0/24', `6443 from ${router}/32`].toSorted(),
    )
    await gone(opened, wanted)
  })

  it('are healed of what somebody changed', async () => {
    const opened = open()
    const wanted = spec({ antiAffinity: 'none' })
    const made = await drive(opened, wanted)
    const [vip] = made?.vipPorts ?? []
    const groupId = idOf(made, 'SecurityGroup', '-nodes')
    const routerId = idOf(made, 'Router')
    const subnetId = idOf(made, 'Subnet')
    const other = await addPort(idOf(made, 'Network'), 'elsewhere')
    await api.put('neutron', `/v2.0/floatingips/${idOf(made, 'FloatingIP')}`, { floatingip: { port_id: other } })
    await api.post('neutron', '/v2.0/security-group-rules', {
      security_group_rule: {
        security_group_id: groupId,
        direction: 'ingress',
        protocol: 'tcp',
        ethertype: 'IPv4',
        project_id: site.project.id,
      },
    })
    await api.put('neutron', `/v2.0/subnets/${subnetId}`, { subnet: { dns_nameservers: [], enable_dhcp: false } })
    await drive(opened, wanted)
    const healed = await opened.foundations.observe(wanted, CONTEXT)
    expect(healed?.floatingIps[0]?.portId).toBe(vip?.id)
    expect(await rulesOf(groupId)).toEqual(['any from the cluster'])
    expect(healed?.subnets[0]).toMatchObject({ nameservers: ['9.9.9.9'], dhcp: true })

    await site.control.deleteNetworking('floatingips', idOf(made, 'FloatingIP'))
    await site.control.deleteNetworking('ports', idOf(made, 'Port'))
    await site.control.deleteNetworking('ports', other)
    await api.put('neutron', `/v2.0/routers/${routerId}/remove_router_interface`, { subnet_id: subnetId })
    await api.put('neutron', `/v2.0/routers/${routerId}`, { router: { external_gateway_info: null } })
    await site.control.deleteNetworking('security-groups', groupId)
    const again = await drive(opened, wanted)
    expect(again?.endpoint?.address).toBe(again?.floatingIps[0]?.address)
    expect(again?.routers[0]).toMatchObject({ id: routerId, subnetIds: [subnetId] })
    expect(again?.routers[0]?.externalNetworkId).toBe(made?.routers[0]?.externalNetworkId)
    expect(idOf(again, 'SecurityGroup', '-nodes')).not.toBe(groupId)
    await gone(opened, wanted)
  })

  it("name what is in the way of their deletion, and wait for its owner, who isn't they", async () => {
    const opened = open()
    const wanted = spec(
      { antiAffinity: 'none' },
      { endpoint: { type: 'external', address: 'api.example.com', port: 6443 } },
    )
    const made = await drive(opened, wanted)
    const port = await addPort(idOf(made, 'Network'), 'database')
    const subnet = drive(opened, { ...wanted, want: 'absent' })
    await expect(subnet).rejects.toThrow(new RegExp(`InTheWay: subnet ${wanted.name}.*port database \\(${port}\\)`))
    await site.control.deleteNetworking('ports', port)
    await gone(opened, wanted)
  })

  it("do not delete somebody else's subnet with their network", async () => {
    const opened = open()
    const wanted = spec(
      { antiAffinity: 'none' },
      { endpoint: { type: 'external', address: 'api.example.com', port: 6443 } },
    )
    const made = await drive(opened, wanted)
    const body = {
      network_id: idOf(made, 'Network'),
      cidr: '10.99.0.0/24',
      ip_version: 4,
      name: 'storage',
      project_id: site.project.id,
    }
    const { subnet } = await api.post<{ subnet: { id: string } }>('neutron', '/v2.0/subnets', { subnet: body })
    await expect(drive(opened, { ...wanted, want: 'absent' })).rejects.toThrow(/InTheWay: network .*subnet storage/)
    await site.control.deleteNetworking('subnets', subnet.id)
    await gone(opened, wanted)
  })

  it('use a floating IP that the user brought, take it from nobody, and leave it to the user', async () => {
    const opened = open()
    const { networks } = await api.get<{ networks: { id: string }[] }>('neutron', '/v2.0/networks?name=public')
    const { floatingip: brought } = await api.post<{ floatingip: { id: string; floating_ip_address: string } }>(
      'neutron',
      '/v2.0/floatingips',
      { floatingip: { floating_network_id: networks[0]?.id, project_id: site.project.id, description: 'mine' } },
    )
    const endpoint = { type: 'floating-ip', address: brought.floating_ip_address, port: 6443 } as const
    const wanted = spec({ network: PLACEMENT.network, antiAffinity: 'none' }, { endpoint })
    expect((await drive(opened, wanted))?.endpoint?.address).toBe(brought.floating_ip_address)
    expect(await marked(opened.cloud, wanted)).not.toContain('FloatingIP')

    const second = spec({ network: PLACEMENT.network, antiAffinity: 'none' }, { endpoint })
    await expect(drive(opened, second)).rejects.toThrow(/AddressTaken: floating IP .* leads to port prod-.*-vip/)
    await gone(opened, second)

    await gone(opened, wanted)
    const [left] = (await site.control.floatingIps()).filter(({ id }) => id === brought.id)
    expect(left).toMatchObject({ description: 'mine', port_id: null })
    await site.control.deleteNetworking('floatingips', brought.id)
  })

  it.each<[string, Partial<OpenstackPlacement>, FoundationSpec['endpoint'], RegExp]>([
    [
      'a virtual IP that another port has',
      { network: PLACEMENT.network },
      { type: 'virtual-ip', address: '10.10.0.1', port: 6443 },
      /AddressTaken: the virtual IP 10\.10\.0\.1 is taken by port .*router_interface/,
    ],
    [
      'a virtual IP that is none of the subnet',
      { network: PLACEMENT.network },
      { type: 'virtual-ip', address: '192.0.2.1', port: 6443 },
      /AddressOutside: .*10\.10\.0\.0\/16/,
    ],
    [
      "a floating IP that the project doesn't have",
      { network: PLACEMENT.network },
      { type: 'floating-ip', address: '203.0.113.250', port: 6443 },
      /NotFound: floating IP 203\.0\.113\.250/,
    ],
    [
      'a floating IP into a network without a router',
      { network: { type: 'create', cidr: '10.21.0.0/24', nameservers: [] } },
      FLOATING_IP,
      /Unconnected: .*placement\.network\.router/,
    ],
    [
      'a router to a network that leads nowhere',
      { network: { ...OWN_NETWORK, router: 'private' } },
      FLOATING_IP,
      /external network private/,
    ],
    ['a network that does not exist', { network: { type: 'existing', network: 'privat' } }, FLOATING_IP, /private/],
    [
      'a load balancer where there are none',
      { network: PLACEMENT.network },
      { type: 'load-balancer', port: 6443 },
      /NoLoadBalancers: .*floating-ip or virtual-ip/,
    ],
  ])('refuse %s, with what to do', async (_, placement, endpoint, words) => {
    const opened = open()
    const wanted = spec({ antiAffinity: 'none', ...placement }, { endpoint })
    await expect(drive(opened, wanted)).rejects.toThrow(words)
    await gone(opened, wanted)
  })

  it('run into a quota as something that is full, and go on when there is more', async () => {
    const opened = open()
    const wanted = spec({ antiAffinity: 'none' })
    await site.project.setQuota({ network: { router: 1 } })
    const outcomes: Outcome[] = []
    const making = drive(opened, wanted, (_step, outcome) => {
      outcomes.push(outcome)
      if (outcome.kind === 'retryable') void site.project.setQuota({ network: { router: 20 } })
    })
    await making
    expect(outcomes).toContainEqual(expect.objectContaining({ kind: 'retryable', fault: 'capacity' }))
    await gone(opened, wanted)
  })
})

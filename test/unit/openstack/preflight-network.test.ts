import { describe, expect, it } from 'vitest'
import { markText } from '../../../adapters/openstack/owner-mark.ts'
import { answers, type Case, ownerOf, port, preflight, said } from './preflight-case.ts'
import { type Answers, FOUNDATION, foundation, machine, NETWORK, PROJECT, PUBLIC, SUBNET } from './recorded-cloud.ts'

const fixed = (address: string, number = 1) =>
  machine(number, {
    address: { type: 'static', address, prefix: 24, gateway: '10.0.0.1', nameservers: [], searchDomains: [] },
  })

describe('addresses', () => {
  it.each([
    ['10.0.1.5', 'is not within 10.0.0.0/24 (subnet nodes-v4)'],
    ['10.0.0.0', 'is the first or last of 10.0.0.0/24, which no host may have'],
    ['10.0.0.255', 'is the first or last of 10.0.0.0/24, which no host may have'],
    ['10.0.0.1', 'is the gateway of subnet nodes-v4'],
    ['10.0.0.20', 'is held by port port1 (printer)'],
  ])('%s %s', async (address, words) => {
    const ports = { 'network /ports': { ports: [port({ name: 'printer' })] } }
    expect(said(await preflight({ ...answers(ports), machines: [fixed(address)] }))).toEqual([
      `demo-general-1's address: ${address} ${words}`,
    ])
  })

  it('are free if the machine itself holds them', async () => {
    const ports = { 'network /ports': { ports: [port({ description: markText(ownerOf(1)) })] } }
    expect(await preflight({ ...answers(ports), machines: [fixed('10.0.0.20')] })).toEqual([])
    expect(said(await preflight({ ...answers(ports), machines: [fixed('10.0.0.20', 2)] }))).toHaveLength(1)
  })

  const small = { ...SUBNET, allocation_pools: [{ start: '10.0.0.20', end: '10.0.0.23' }] }
  const taken = [20, 21].map((last) =>
    port({ id: `port${last}`, fixed_ips: [{ subnet_id: 's1', ip_address: `10.0.0.${last}` }] }),
  )
  const tight = { 'network /subnets': { subnets: [small] }, 'network /ports': { ports: taken } }
  const pool = (count: number) => Array.from({ length: count }, (_, number) => machine(number))

  it('must be left for all machines that get theirs from the subnet', async () => {
    expect(await preflight({ ...answers(tight), machines: pool(2) })).toEqual([])
    expect(said(await preflight({ ...answers(tight), machines: pool(3) }))).toEqual([
      'subnet nodes-v4: 3 addresses are wanted, and it has 2 left',
    ])
  })

  it('must be left for the address of the API too', async () => {
    const balanced = foundation({ type: 'load-balancer', port: 6443 })
    const one = { ...answers(tight), machines: pool(2), foundation: balanced, without: [] }
    expect(said(await preflight(one))).toEqual(['subnet nodes-v4: 3 addresses are wanted, and it has 2 left'])
  })

  it('are not asked for by machines that have a port, or an address of their own', async () => {
    const ours = port({ id: 'p9', description: markText(ownerOf(0)), fixed_ips: [] })
    const ports = { ...tight, 'network /ports': { ports: [...taken, ours] } }
    expect(await preflight({ ...answers(ports), machines: [...pool(3), fixed('10.0.0.99', 7)] })).toEqual([])
  })

  it("of another project's network are counted by the cloud, if it tells", async () => {
    const shared = { networks: [{ ...NETWORK, project_id: 'other', shared: true }, PUBLIC] }
    const told = [{ subnet_ip_availability: [{ subnet_id: 's1', total_ips: 4, used_ips: 4 }] }]
    const full = {
      'network /networks': shared,
      'network /network-ip-availabilities': { network_ip_availabilities: told },
    }
    expect(said(await preflight(answers(full)))).toEqual(['subnet nodes-v4: 1 addresses are wanted, and it has 0 left'])
  })

  it('of a network that is to be made are counted as well', async () => {
    const network = { type: 'create' as const, cidr: '10.5.0.0/29', nameservers: [] }
    const machines = (count: number) => Array.from({ length: count }, (_, number) => machine(number, {}, { network }))
    const one = (count: number): Case => ({ machines: machines(count), foundation: foundation(undefined, { network }) })
    expect(await preflight(one(5))).toEqual([])
    expect(said(await preflight(one(6)))).toEqual(['network 10.5.0.0/29: 6 addresses are wanted, and it has 5 left'])
  })
})

describe('the address of the API', () => {
  const virtual = foundation({ type: 'virtual-ip', address: '10.0.0.20', port: 6443 })

  it('as a virtual IP must be free and within the subnet', async () => {
    expect(await preflight({ foundation: virtual })).toEqual([])
    const ports = { 'network /ports': { ports: [port({})] } }
    expect(said(await preflight({ ...answers(ports), foundation: virtual }))).toEqual([
      'network.endpoint.address: 10.0.0.20 is held by port port1',
    ])
    const outside = foundation({ type: 'virtual-ip', address: '10.1.0.20', port: 6443 })
    expect(said(await preflight({ foundation: outside }))).toEqual([
      'network.endpoint.address: 10.1.0.20 is not within 10.0.0.0/24 (subnet nodes-v4)',
    ])
  })

  it('may be held already by the foundation itself', async () => {
    const mark = markText({ ...ownerOf(1), machine: FOUNDATION })
    const ports = { 'network /ports': { ports: [port({ description: mark })] } }
    expect(await preflight({ ...answers(ports), foundation: virtual })).toEqual([])
  })

  it('as a load balancer needs Octavia, and says what to do without', async () => {
    const balanced = foundation({ type: 'load-balancer', port: 6443 })
    expect(await preflight({ foundation: balanced, without: [] })).toEqual([])
    expect(await preflight({ foundation: balanced })).toEqual([
      {
        severity: 'error',
        subject: 'network.endpoint.type',
        message: 'is load-balancer, and this cloud has no load balancers (no Octavia in its catalog)',
        remedy: 'Set it to virtual-ip, or to floating-ip.',
      },
    ])
  })

  const floating = foundation({ type: 'floating-ip', network: 'public', port: 6443 })
  const routed: Answers = {
    'network /ports': {
      ports: [port({ id: 'rp', device_owner: 'network:router_interface', device_id: 'r1', fixed_ips: [] })],
    },
    'network /routers': { routers: [{ id: 'r1', external_gateway_info: { network_id: 'x1' } }] },
  }

  it('as a floating IP needs a router that leads there', async () => {
    expect(await preflight({ answers: routed, foundation: floating })).toEqual([])
    const elsewhere = { ...routed, 'network /routers': { routers: [{ id: 'r1', external_gateway_info: null }] } }
    for (const without of [{}, elsewhere])
      expect(await preflight({ answers: without, foundation: floating })).toEqual([
        {
          severity: 'error',
          subject: 'network nodes',
          message: 'no router leads from it to public, from where the floating IP comes',
          remedy: 'Connect it with a router whose gateway is public, or use endpoint type virtual-ip.',
        },
      ])
  })

  it("on another project's network is a warning: its routers aren't seen", async () => {
    const shared = { networks: [{ ...NETWORK, project_id: 'other', shared: true }, PUBLIC] }
    const findings = await preflight({ answers: { 'network /networks': shared }, foundation: floating })
    expect(findings).toEqual([expect.objectContaining({ severity: 'warning', subject: 'network nodes' })])
  })

  it('on a network that is to be made needs its router', async () => {
    const network = { type: 'create' as const, cidr: '10.5.0.0/24', nameservers: [] }
    const spec = (router: object) => {
      const placement = { network: { ...network, ...router } }
      return {
        machines: [machine(1, {}, placement)],
        foundation: foundation({ type: 'floating-ip', port: 6443 }, placement),
      }
    }
    expect(await preflight(spec({ router: 'public' }))).toEqual([])
    expect(await preflight(spec({}))).toEqual([
      expect.objectContaining({ severity: 'error', subject: 'placement.network.router', remedy: 'Set it to public.' }),
    ])
  })

  it('as a floating IP that the user brings must be there and free', async () => {
    const brought = foundation({ type: 'floating-ip', network: 'public', address: '192.0.2.7', port: 6443 })
    const having = (...floatingips: object[]): Case => ({
      answers: { ...routed, 'network /floatingips': { floatingips } },
      foundation: brought,
    })
    const ip = { floating_ip_address: '192.0.2.7', project_id: PROJECT, port_id: null, description: '' }
    expect(await preflight(having(ip))).toEqual([])
    expect(said(await preflight(having()))).toEqual(["floating IP 192.0.2.7: is none of the project's"])
    expect(said(await preflight(having({ ...ip, port_id: 'web' })))).toEqual([
      'floating IP 192.0.2.7: leads to port web already',
    ])
    const ours = { ...ip, port_id: 'web', description: markText({ ...ownerOf(1), machine: FOUNDATION }) }
    expect(await preflight(having(ours))).toEqual([])
  })

  it('needs the external network to be named where there are two', async () => {
    const two = { 'network /networks': { networks: [NETWORK, PUBLIC, { ...PUBLIC, id: 'x2', name: 'dmz' }] } }
    const any = foundation({ type: 'floating-ip', port: 6443 })
    expect(said(await preflight({ answers: { ...routed, ...two }, foundation: any }))).toEqual([
      'the project: has 2 external networks: public (x1), dmz (x2)',
    ])
  })
})

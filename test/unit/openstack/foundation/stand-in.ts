/**
 * A small OpenStack over a real socket, with just those rules of neutron, nova and octavia that stand in the way of a foundation:
 * what hangs at something keeps it, and Octavia takes nothing while it works. Replies can get lost.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type OpenstackCloud, openCloud } from '../../../../adapters/openstack/client/cloud.ts'
import type { Clock } from '../../../../runtime/clock.ts'
import { silentLog } from '../../../../runtime/log.ts'

export type Item = Record<string, unknown> & { readonly id: string }

interface Asked {
  readonly method: string
  /** `/network/v2.0/ports/ID` is network, ports, ID. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
}

class Refusal extends Error {
  readonly status: number
  readonly type: string

  constructor(status: number, type: string, message = type) {
    super(message)
    this.status = status
    this.type = type
  }
}

/** By their names in paths; the singular is what bodies have. */
const SINGULAR: Readonly<Record<string, string>> = {
  networks: 'network',
  subnets: 'subnet',
  routers: 'router',
  ports: 'port',
  floatingips: 'floatingip',
  'security-groups': 'security_group',
  'security-group-rules': 'security_group_rule',
  'os-server-groups': 'server_group',
  loadbalancers: 'loadbalancer',
  listeners: 'listener',
  pools: 'pool',
  healthmonitors: 'healthmonitor',
}

/** Waits for nothing. */
const HURRIED: Clock = { now: () => Date.now(), sleep: async (_, signal) => signal.throwIfAborted() }

export class StandIn {
  readonly #tables = new Map<string, Map<string, Item>>()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #clients: OpenstackCloud[] = []
  #made = 0
  /** Called with `POST ports` before a reply is sent; true loses it. */
  loses: (call: string) => boolean = () => false
  readonly calls: string[] = []

  static async open(): Promise<StandIn> {
    const standIn = new StandIn()
    await new Promise<void>((resolve) => standIn.#server.listen(0, '127.0.0.1', resolve))
    return standIn
  }

  client(options: { readonly octavia?: boolean } = {}): OpenstackCloud {
    const { port } = this.#server.address() as AddressInfo
    const at = `http://127.0.0.1:${port}`
    const client = openCloud(
      {
        authUrl: `${at}/identity/v3`,
        interface: 'public',
        scope: { type: 'project', id: 'demo' },
        endpoints: {
          network: `${at}/network`,
          compute: `${at}/compute`,
          ...(options.octavia === true ? { 'load-balancer': `${at}/octavia` } : {}),
        },
      },
      { type: 'password', userId: 'user', password: 'secret' },
      { clock: HURRIED, log: silentLog, random: () => 0 },
    )
    this.#clients.push(client)
    return client
  }

  all(table: string): Item[] {
    return [...this.table(table).values()]
  }

  add(table: string, fields: Record<string, unknown>): Item {
    const item = { id: randomUUID(), created_at: String(++this.#made).padStart(6, '0'), ...fields }
    this.table(table).set(item.id, item)
    return item
  }

  table(name: string): Map<string, Item> {
    const known = this.#tables.get(name) ?? new Map<string, Item>()
    this.#tables.set(name, known)
    return known
  }

  clear(): void {
    this.#tables.clear()
    this.loses = () => false
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://cloud')
    const method = request.method ?? 'GET'
    const text = Buffer.concat(await Array.fromAsync<Buffer>(request)).toString('utf8')
    const parts = pathname.split('/').filter((part) => part !== '')
    const at = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    const reply = (status: number, body?: object, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body && JSON.stringify(body))
    if (parts[0] === 'identity') {
      const token = { user: { id: 'user', name: 'pcg' }, project: { id: 'demo', name: 'demo' }, roles: [], catalog: [] }
      const times = { issued_at: '2026-01-01T00:00:00Z', expires_at: '2100-01-01T00:00:00Z' }
      reply(201, { token: { ...token, ...times } }, { 'x-subject-token': 'token' })
      return
    }
    if (parts.length <= 2 && method === 'GET') {
      const version = parts[0] === 'compute' ? 'v2.1' : 'v2.0'
      const href = `${at}/${parts[0]}/${version}/`
      const known = {
        id: version,
        status: 'CURRENT',
        version: '2.93',
        min_version: '2.1',
        links: [{ rel: 'self', href }],
      }
      reply(200, parts.length === 2 ? { version: known } : { versions: [known] })
      return
    }
    const rest = parts.slice(2).filter((part) => part !== 'lbaas')
    const call = `${method} ${rest[0]}`
    this.calls.push(call)
    try {
      const asked = { method, parts: rest, query: searchParams, body: text === '' ? {} : JSON.parse(text) }
      const answer = this.#answer(asked)
      if (method !== 'GET' && this.loses(call)) response.destroy()
      else reply(method === 'DELETE' ? 204 : 200, method === 'DELETE' ? undefined : answer)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      reply(error.status, { NeutronError: { type: error.type, message: `${error.message}.`, detail: '' } })
    }
  }

  #answer(asked: Asked): object {
    const [table = '', id, action] = asked.parts
    const singular = SINGULAR[table]
    if (singular === undefined) throw new Refusal(404, 'NotFound')
    const key = table.replaceAll('-', '_').replace('os_', '')
    if (asked.method === 'GET' && id === undefined) {
      const found = this.all(table).filter((item) => matches(item, asked.query))
      const offset = Number(asked.query.get('offset') ?? 0)
      return { [key]: found.slice(offset).map((item) => this.#shown(table, item)) }
    }
    if (asked.method === 'POST') return this.#create(table, singular, key, asked.body)
    const item = this.table(table).get(id ?? '')
    if (item === undefined) throw new Refusal(404, 'NotFound')
    switch (asked.method) {
      case 'GET':
        return { [singular]: this.#shown(table, item, true) }
      case 'PUT':
        if (action === 'add_router_interface') this.#connect(item, String(asked.body.subnet_id))
        else if (action === 'remove_router_interface') this.#disconnect(item, String(asked.body.subnet_id))
        else this.#update(table, item, asked.body[singular] as Record<string, unknown>)
        return {}
      default:
        this.#delete(table, item, asked.query)
        return {}
    }
  }

  #create(table: string, singular: string, key: string, body: Record<string, unknown>): object {
    const several = body[key]
    if (Array.isArray(several)) return { [key]: several.map((each) => this.add(table, each)) }
    const fields = body[singular] as Record<string, unknown>
    const owner = this.#balancerOf(fields)
    if (owner !== undefined) this.#occupy(owner)
    const made = this.add(table, { ...fields, ...this.#given(table, fields) })
    if (table === 'security-groups')
      for (const ethertype of ['IPv4', 'IPv6'])
        this.add('security-group-rules', { security_group_id: made.id, direction: 'egress', ethertype })
    if (table === 'pools') this.#link('listeners', fields.listener_id, { default_pool_id: made.id })
    if (table === 'healthmonitors') this.#link('pools', fields.pool_id, { healthmonitor_id: made.id })
    return { [singular]: this.#shown(table, made) }
  }

  #given(table: string, fields: Record<string, unknown>): Record<string, unknown> {
    switch (table) {
      case 'subnets':
        if (this.all('subnets').some((each) => each.network_id === fields.network_id && each.cidr === fields.cidr))
          throw new Refusal(400, 'InvalidInput', 'Requested subnet overlaps with another subnet')
        return {}
      case 'ports':
        return { fixed_ips: this.#fixed(fields.fixed_ips), security_groups: fields.security_groups ?? [] }
      case 'floatingips':
        this.#checkReach(fields.port_id)
        return { floating_ip_address: `203.0.113.${this.all('floatingips').length + 10}` }
      case 'routers': {
        const address = { ip_address: '203.0.113.2', subnet_id: 'ext' }
        return {
          external_gateway_info: { ...(fields.external_gateway_info as object), external_fixed_ips: [address] },
        }
      }
      case 'os-server-groups':
        return { members: [] }
      case 'loadbalancers': {
        const port = this.add('ports', {
          device_owner: 'Octavia',
          network_id: fields.vip_network_id,
          fixed_ips: this.#fixed([{ subnet_id: fields.vip_subnet_id }]),
          security_groups: [],
        })
        return {
          provisioning_status: 'PENDING_CREATE',
          vip_port_id: port.id,
          vip_address: '10.20.0.9',
          provider: 'amphora',
        }
      }
      case 'listeners':
        return { default_pool_id: fields.default_pool_id ?? null }
      case 'pools':
        return {
          loadbalancer_id: this.table('listeners').get(String(fields.listener_id))?.loadbalancer_id,
          members: [],
        }
      default:
        return {}
    }
  }

  #fixed(wanted: unknown): object[] {
    const list = Array.isArray(wanted) ? wanted : []
    return list.map(({ subnet_id, ip_address = `10.20.0.${this.#made + 10}` }) => {
      const taken = this.all('ports').some((port) => JSON.stringify(port.fixed_ips).includes(`"${ip_address}"`))
      if (taken) throw new Refusal(409, 'IpAddressAlreadyAllocated')
      return { subnet_id, ip_address }
    })
  }

  #update(table: string, item: Item, change: Record<string, unknown>): void {
    const owner = this.#balancerOf(item)
    if (owner !== undefined) this.#occupy(owner)
    if (table === 'floatingips' && change.port_id !== null && change.port_id !== item.port_id)
      this.#checkReach(change.port_id)
    Object.assign(item, change)
  }

  /** Neutron: a port has one floating IP. */
  #checkReach(portId: unknown): void {
    if (this.table('ports').get(String(portId)) === undefined) throw new Refusal(404, 'PortNotFound')
    if (this.all('floatingips').some((each) => each.port_id === portId))
      throw new Refusal(409, 'FloatingIPPortAlreadyAssociated')
  }

  #connect(router: Item, subnetId: string): void {
    const network = this.table('subnets').get(subnetId)?.network_id
    if (network === undefined) throw new Refusal(404, 'SubnetNotFound')
    const there = this.#interface(router, subnetId) !== undefined
    if (there) throw new Refusal(400, 'BadRequest')
    this.add('ports', {
      device_owner: 'network:router_interface',
      device_id: router.id,
      network_id: network,
      fixed_ips: [{ subnet_id: subnetId, ip_address: '10.20.0.1' }],
    })
  }

  #disconnect(router: Item, subnetId: string): void {
    const port = this.#interface(router, subnetId)
    if (port === undefined) throw new Refusal(404, 'RouterInterfaceNotFoundForSubnet')
    if (this.all('floatingips').some((each) => typeof each.port_id === 'string'))
      throw new Refusal(409, 'RouterInterfaceInUseByFloatingIP')
    this.table('ports').delete(port.id)
  }

  #interface(router: Item, subnetId: string): Item | undefined {
    return this.all('ports').find((port) => port.device_id === router.id && usesSubnet(port, subnetId))
  }

  #delete(table: string, item: Item, query: URLSearchParams): void {
    const ports = this.all('ports')
    const refuse = (type: string, used: boolean) => {
      if (used) throw new Refusal(409, type)
    }
    if (table === 'networks') {
      refuse(
        'NetworkInUse',
        ports.some((port) => port.network_id === item.id),
      )
      for (const subnet of this.all('subnets'))
        if (subnet.network_id === item.id) this.table('subnets').delete(subnet.id)
    }
    if (table === 'subnets')
      refuse(
        'SubnetInUse',
        ports.some((port) => usesSubnet(port, item.id)),
      )
    if (table === 'routers')
      refuse(
        'RouterInUse',
        ports.some((port) => port.device_id === item.id),
      )
    if (table === 'security-groups')
      refuse(
        'SecurityGroupInUse',
        ports.some((port) => JSON.stringify(port.security_groups ?? []).includes(item.id)),
      )
    if (table === 'ports') for (const each of this.all('floatingips')) if (each.port_id === item.id) each.port_id = null
    if (table === 'loadbalancers') {
      this.#occupy(item, 'PENDING_DELETE')
      if (query.get('cascade') !== 'true') throw new Refusal(409, 'ValidationException')
      return
    }
    this.table(table).delete(item.id)
  }

  #balancerOf(fields: Record<string, unknown>): Item | undefined {
    const listener = this.table('listeners').get(String(fields.listener_id))
    const pool = this.table('pools').get(String(fields.pool_id))
    return this.table('loadbalancers').get(
      String(fields.loadbalancer_id ?? listener?.loadbalancer_id ?? pool?.loadbalancer_id),
    )
  }

  /** Octavia: one change at a time, and of one that failed none but its end. */
  #occupy(balancer: Item, state = 'PENDING_UPDATE'): void {
    const failed = balancer.provisioning_status === 'ERROR' && state === 'PENDING_DELETE'
    if (balancer.provisioning_status !== 'ACTIVE' && !failed) throw new Refusal(409, 'ImmutableObject')
    balancer.provisioning_status = state
  }

  #link(table: string, id: unknown, change: Record<string, unknown>): void {
    const item = this.table(table).get(String(id))
    if (item !== undefined) Object.assign(item, change)
  }

  /** Octavia gets on each time that somebody asks for the one. */
  #shown(table: string, item: Item, alone = false): object {
    if (table === 'security-groups') {
      const rules = this.all('security-group-rules').filter((rule) => rule.security_group_id === item.id)
      return { ...item, security_group_rules: rules }
    }
    const shown = { ...item }
    if (table === 'loadbalancers' && alone) {
      if (item.provisioning_status === 'PENDING_DELETE') this.#forgetBalancer(item)
      else if (item.provisioning_status !== 'ERROR') item.provisioning_status = 'ACTIVE'
    }
    return shown
  }

  #forgetBalancer(item: Item): void {
    this.table('loadbalancers').delete(item.id)
    this.table('ports').delete(String(item.vip_port_id))
    for (const each of this.all('floatingips')) if (each.port_id === item.vip_port_id) each.port_id = null
    for (const table of ['listeners', 'pools', 'healthmonitors']) this.table(table).clear()
  }
}

function usesSubnet(port: Item, subnetId: string): boolean {
  return JSON.stringify(port.fixed_ips ?? []).includes(`"subnet_id":"${subnetId}"`)
}

/** Neutron's filters: one of the values; `fixed_ips=subnet_id=ID`; a list holds it. */
function matches(item: Item, query: URLSearchParams): boolean {
  return [...new Set(query.keys())]
    .filter((key) => !['fields', 'limit', 'offset', 'marker', 'project_id'].includes(key))
    .every((key) => {
      const values = query.getAll(key)
      if (key === 'fixed_ips') {
        const [field, value] = (values[0] ?? '').split('=')
        return JSON.stringify(item.fixed_ips ?? []).includes(`"${field}":"${value}"`)
      }
      const found = item[key]
      return Array.isArray(found) ? values.some((value) => found.includes(value)) : values.includes(String(found))
    })
}

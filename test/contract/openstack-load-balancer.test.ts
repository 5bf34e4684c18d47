/** The load balancer of a cluster's API, and the control planes that are its members, against Octavia itself. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Adapter, FoundationObserved, FoundationSpec, MachineSpec, Outcome, Step } from '../../adapters/adapter.ts'
import { createOpenstackAdapter } from '../../adapters/openstack/adapter.ts'
import type { ClusterEndpoint, OpenstackPlacement } from '../../resources/cluster.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive, ownedBy } from './drive.ts'
import { GATEWAY, OpenstackSite, PLACEMENT } from './openstack-site.ts'

const openstack = await peer('openstack')
const MAX_ROUNDS = 60
/** The members' port, and another one for those who ask the load balancer. */
const ENDPOINT = { type: 'load-balancer', port: 443 } as const
const MEMBER_PORT = 6443
const CLOSED: OpenstackPlacement['access'] = { api: ['198.51.100.0/24'], ssh: [], nodePorts: [] }
const KINDS = ['LoadBalancer', 'SecurityGroup', 'SecurityGroup']

interface Listener {
  readonly id: string
  readonly default_pool_id: string
  readonly allowed_cidrs: string[] | null
}

function posting(name: string) {
  return { api: 'octavia', method: 'POST', path: new RegExp(`/${name}$`) } as const
}

describe.skipIf(!openstack.available)(title('load balancers on OpenStack', openstack), () => {
  let site: OpenstackSite
  beforeAll(async () => {
    site = await OpenstackSite.start({ octavia: true })
  })
  afterEach(() => site.cloud.front.behave())
  afterAll(() => site?.close())

  function spec(endpoint: ClusterEndpoint = ENDPOINT, cluster = `prod-${randomUUID().slice(0, 8)}`): FoundationSpec {
    return {
      owner: { gateway: GATEWAY, cluster, machine: randomUUID() },
      name: cluster,
      placement: PLACEMENT,
      endpoint,
      pools: [{ name: 'control-plane', role: 'control-plane' }],
      want: 'present',
    }
  }

  const withAccess = (wanted: FoundationSpec, access: OpenstackPlacement['access']): FoundationSpec => ({
    ...wanted,
    placement: { ...PLACEMENT, access },
  })

  /** One step on, with what is said of it in the end; undefined where there is nothing to do. */
  async function once({ foundations, poll }: Bound, wanted: FoundationSpec, context: Context): Promise<Done | Rest> {
    const observed = await foundations.observe(wanted, context)
    const [step] = foundations.plan(wanted, observed)
    if (step === undefined) return { observed }
    let outcome = await foundations.start(step, wanted, context)
    while (outcome.kind === 'running') outcome = await poll(outcome.token, context)
    return { step, outcome }
  }
  type Context = ReturnType<typeof contextOf>
  type Bound = Pick<Adapter, 'poll'> & { readonly foundations: NonNullable<Adapter['foundations']> }
  type Done = { readonly step: Step; readonly outcome: Outcome }
  type Rest = { readonly step?: undefined; readonly observed: FoundationObserved | null }

  function open(adapter: Adapter = site.adapter()): Bound {
    if (adapter.foundations === null) throw new Error('OpenStack has foundations')
    return { foundations: adapter.foundations, poll: (token, context) => adapter.poll(token, context) }
  }

  async function settle(
    bound: Bound,
    wanted: FoundationSpec,
    signal: AbortSignal,
    onStep: (done: Done) => void = () => {},
  ): Promise<FoundationObserved | null> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const done = await once(bound, wanted, contextOf(signal))
      if (done.step === undefined) return done.observed
      onStep(done)
      if (done.outcome.kind === 'fatal') throw new Error(`${done.outcome.reason}: ${done.outcome.message}`)
      if (done.outcome.kind === 'retryable') await systemClock.sleep(100, signal)
    }
    throw new Error(`${wanted.name} did not get to ${wanted.want}`)
  }

  async function stepsTo(bound: Bound, wanted: FoundationSpec, signal: AbortSignal): Promise<string[]> {
    const kinds: string[] = []
    await settle(bound, wanted, signal, ({ step }) => kinds.push(step.kind))
    return kinds
  }

  /** Deleted, and nothing of it left, by its mark or without. */
  async function gone(bound: Bound, wanted: FoundationSpec, signal: AbortSignal): Promise<void> {
    expect(await settle(bound, { ...wanted, want: 'absent' }, signal)).toBeNull()
    expect(await ownedBy(site.adapter(), GATEWAY, signal)).toEqual([])
    expect(await site.control.loadBalancers()).toEqual([])
    expect(await site.control.floatingIps()).toEqual([])
    // The router's alone: neither a virtual IP's nor a machine's.
    const ports = (await site.control.ports()) as readonly { readonly device_owner?: unknown }[]
    expect(ports.map(({ device_owner }) => device_owner)).toEqual(['network:router_interface'])
  }

  const octavia = <T>(path: string) => site.cloud.api.get<T>('octavia', `/v2/lbaas/${path}`)

  async function balancer() {
    const found = await site.control.loadBalancers()
    const [only] = found
    if (only === undefined || found.length > 1) throw new Error(`there are ${found.length} load balancers`)
    return only
  }

  async function listener(): Promise<Listener> {
    const { listeners } = await octavia<{ listeners: Listener[] }>(`listeners?loadbalancer_id=${(await balancer()).id}`)
    const [only] = listeners
    if (only === undefined || listeners.length > 1) throw new Error(`there are ${listeners.length} listeners`)
    return only
  }

  async function becomes(status: string): Promise<void> {
    await expect.poll(async () => (await balancer()).provisioning_status, { timeout: 30_000 }).toBe(status)
  }

  /** In the ways of the tests' provider: with each change of one of that name it fails. */
  async function fail(id: string): Promise<void> {
    await site.cloud.api.put('octavia', `/v2/lbaas/loadbalancers/${id}`, { loadbalancer: { name: 'doomed' } })
    await becomes('ERROR')
  }

  it('come to one that a floating IP leads to when two gateways make it, let in who may, and are healed', async ({
    signal,
  }) => {
    const both = [open(), open()] as const
    const wanted = spec({ ...ENDPOINT, network: 'public' })
    const outcomes: Outcome[] = []
    // Each of the two is about to make it before the other has.
    const meetings = ['loadbalancers', 'listeners'].map((name) =>
      site.cloud.front.inject(posting(name), { do: 'hold', when: 'before' }, 2),
    )
    const making = both.map((bound) => settle(bound, wanted, signal, ({ outcome }) => outcomes.push(outcome)))
    for (const meeting of meetings) {
      await expect.poll(() => meeting.hits, { timeout: 60_000 }).toBe(2)
      meeting.release()
    }
    await Promise.all(making)
    // Octavia takes one change at a time.
    expect(outcomes).toContainEqual(expect.objectContaining({ kind: 'retryable', fault: 'busy' }))
    const made = await settle(both[0], wanted, signal)
    expect(made?.objects.map(({ kind }) => kind).toSorted()).toEqual(['FloatingIP', ...KINDS])
    const { id, vip_port_id: vipPortId } = await balancer()
    expect(await site.control.floatingIps()).toMatchObject([
      { floating_ip_address: made?.endpoint?.address, port_id: vipPortId },
    ])
    expect(made?.endpoint?.virtualIp).toBeNull()
    const open_ = await listener()
    expect(open_).toMatchObject({ protocol: 'TCP', protocol_port: 443, allowed_cidrs: null })
    expect(open_).toMatchObject({ timeout_client_data: 600_000, timeout_member_data: 600_000 })
    const { pool } = await octavia<{ pool: object }>(`pools/${open_.default_pool_id}`)
    expect(pool).toMatchObject({ lb_algorithm: 'ROUND_ROBIN', healthmonitor_id: expect.stringMatching(/./) })

    // The subnet's own, and where they come from who ask their floating IP.
    const closed = withAccess(wanted, CLOSED)
    expect(await stepsTo(both[1], closed, signal)).toEqual(['update-rules', 'update-listener'])
    expect((await listener()).allowed_cidrs?.toSorted()).toEqual([
      '10.10.0.0/16',
      '198.51.100.0/24',
      expect.stringMatching(/^203\.0\.113\.\d+\/32$/),
    ])

    await site.cloud.api.delete('octavia', `/v2/lbaas/listeners/${open_.id}`)
    await becomes('ACTIVE')
    expect(await stepsTo(both[0], closed, signal)).toEqual(['create-listener'])
    expect(await listener()).toMatchObject({ default_pool_id: open_.default_pool_id })
    expect(await stepsTo(both[0], wanted, signal)).toEqual(['update-rules', 'update-listener'])
    expect((await listener()).allowed_cidrs ?? []).toEqual([])

    await fail(id)
    const { foundations } = both[1]
    const context = contextOf(signal)
    const steps = foundations.plan(closed, await foundations.observe(closed, context))
    expect(steps.map(({ kind }) => kind)).toEqual(['update-rules', 'await-load-balancer', 'update-listener'])
    const start = (kind: string) => foundations.start(steps.find((step) => step.kind === kind) as Step, closed, context)
    // Octavia takes nothing for it at present.
    expect(await start('update-listener')).toMatchObject({ kind: 'retryable', fault: 'busy' })
    const waiting = await start('await-load-balancer')
    expect(waiting.kind === 'running' ? await both[1].poll(waiting.token, context) : waiting).toMatchObject({
      kind: 'fatal',
      reason: 'LoadBalancerFailed',
      remedy: expect.stringContaining(`openstack loadbalancer failover ${id}`),
    })
    await site.cloud.api.put('octavia', `/v2/lbaas/loadbalancers/${id}/failover`)
    await becomes('ACTIVE')
    expect(await stepsTo(both[0], wanted, signal)).toEqual([])
    await gone(both[0], wanted, signal)
  })

  it('are adopted, as their members are, each of whose replies was lost, and leave nothing', async ({ signal }) => {
    const bound = open()
    const wanted = spec()
    const lose = (name: string) => site.cloud.front.inject(posting(name), { do: 'cut', when: 'after' })
    const lost = ['loadbalancers', 'listeners', 'pools', 'healthmonitors'].map(lose)
    const outcomes: string[] = []
    const made = await settle(bound, wanted, signal, ({ outcome }) => outcomes.push(outcome.kind))
    expect(lost.map(({ hits }) => hits)).toEqual(lost.map(() => 1))
    expect(outcomes.filter((kind) => kind === 'unknown')).toHaveLength(lost.length)
    expect(made?.objects.map(({ kind }) => kind).toSorted()).toEqual(KINDS)
    expect(made?.endpoint).toEqual({ address: (await balancer()).vip_address, virtualIp: null })
    let poolId = (await listener()).default_pool_id

    const { cluster, machine: foundation } = wanted.owner
    const machine: MachineSpec = site.spec({
      owner: { gateway: GATEWAY, cluster, machine: randomUUID() },
      name: `${cluster}-control-plane-1`,
      role: 'control-plane',
      pool: 'control-plane',
      foundation,
      serves: { type: 'load-balancer', port: MEMBER_PORT },
    })
    const adapter = site.adapter()
    const lostMember = lose('members')
    const observed = await drive(adapter, machine, signal)
    expect(lostMember.hits).toBe(1)
    expect(observed?.objects.map(({ kind }) => kind).toSorted()).toEqual(['Member', 'Port', 'Server'])
    const members = async () => (await octavia<{ members: object[] }>(`pools/${poolId}/members`)).members
    // Octavia goes on with a member whose reply was lost.
    await expect.poll(members, { timeout: 30_000 }).toMatchObject([
      {
        name: machine.name,
        address: observed?.addresses[0],
        protocol_port: MEMBER_PORT,
        subnet_id: site.project.network?.subnetId,
        provisioning_status: 'ACTIVE',
      },
    ])
    expect((await ownedBy(adapter, GATEWAY, signal)).map(({ kind }) => kind).toSorted()).toEqual(
      [...KINDS, 'Member', 'Port', 'Server'].toSorted(),
    )

    await site.cloud.api.delete('octavia', `/v2/lbaas/pools/${poolId}`)
    await becomes('ACTIVE')
    expect(await stepsTo(bound, wanted, signal)).toEqual(['create-pool', 'create-health-monitor'])
    await drive(adapter, machine, signal)
    poolId = (await listener()).default_pool_id
    expect(await members()).toMatchObject([{ name: machine.name }])

    expect(await drive(adapter, { ...machine, want: 'absent' }, signal)).toBeNull()
    expect(await members()).toEqual([])
    await gone(bound, wanted, signal)
  })

  it('that fail to be built are told of, and built anew', async ({ signal }) => {
    const bound = open()
    const wanted = spec(ENDPOINT, 'doomed')
    await expect(settle(bound, wanted, signal)).rejects.toThrow(/LoadBalancerFailed: load balancer .* is in ERROR/)
    const { id } = await balancer()
    const seen: Done[] = []
    await expect(settle(bound, wanted, signal, (done) => seen.push(done))).rejects.toThrow('LoadBalancerFailed')
    expect(seen.map(({ step }) => step.kind)).toEqual(['delete', 'create-load-balancer'])
    expect((await balancer()).id).not.toBe(id)
    await gone(bound, wanted, signal)
  })

  it('for which there is no quota are foreseen', async ({ signal }) => {
    const limit = (loadbalancer: number) =>
      site.cloud.api.put('octavia', `/v2/lbaas/quotas/${site.project.id}`, { quota: { loadbalancer } })
    const machine = site.spec({ role: 'control-plane', pool: 'control-plane' })
    const foreseen = async () => {
      const findings = await site.adapter().preflight([machine], contextOf(signal), spec())
      return findings.filter(({ severity }) => severity !== 'ok')
    }
    expect(await foreseen()).toEqual([])
    await limit(0)
    expect(await foreseen()).toEqual([
      expect.objectContaining({
        severity: 'error',
        subject: 'quota load balancers',
        remedy: expect.stringContaining('openstack loadbalancer quota set --loadbalancer 1'),
      }),
    ])
    const [bound, wanted] = [open(), spec()]
    const full = settle(bound, wanted, signal, ({ step, outcome }) => {
      if (outcome.kind === 'retryable') throw new Error(`${step.kind}: ${outcome.fault}`)
    })
    await expect(full).rejects.toThrow('create-load-balancer: capacity')
    await gone(bound, wanted, signal)
  })

  it('are kept by Octavia from who lacks its role: that is said of them, and keeps nobody else up', async ({
    signal,
  }) => {
    const { id, username, password } = await site.cloud.newProject({ roles: ['member'] })
    const adapter = createOpenstackAdapter(
      site.account({ scope: { projectId: id } }),
      { type: 'password', username, userDomain: { name: 'Default' }, password },
      { clock: systemClock, log: silentLog },
    )
    onTestFinished(() => adapter.close())
    const { foundations } = open(adapter)
    const context = contextOf(signal)
    const without = spec({ type: 'virtual-ip', address: '10.10.9.9', port: 6443 })
    expect(await foundations.observe(without, context)).toBeNull()
    const machine = site.spec({ role: 'control-plane', pool: 'control-plane' })
    const findings = await adapter.preflight([machine], context, without)
    expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([])
    expect(await ownedBy(adapter, GATEWAY, signal)).toEqual([])
    expect(await adapter.preflight([machine], context, spec())).toContainEqual(
      expect.objectContaining({ severity: 'error', remedy: expect.stringContaining('load-balancer_member') }),
    )
    await expect(foundations.observe(spec(), context)).rejects.toMatchObject({
      code: 'denied',
      remedy: expect.stringContaining('load-balancer_member'),
    })
  })
})

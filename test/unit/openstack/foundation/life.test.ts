import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CREATED, ENDPOINTS, EXISTING, foundation } from './fixtures.ts'
import { Life } from './life.ts'
import { StandIn } from './stand-in.ts'

let cloud: StandIn
beforeAll(async () => {
  cloud = await StandIn.open()
})
afterAll(() => cloud.close())
beforeEach(() => prepare())

/** What others have there. */
function prepare(): void {
  cloud.clear()
  cloud.add('networks', { name: 'public', 'router:external': true })
  const network = cloud.add('networks', { name: 'private', port_security_enabled: true })
  cloud.add('subnets', { name: 'private', network_id: network.id, cidr: '10.20.0.0/24', ip_version: 4 })
  cloud.add('floatingips', { floating_ip_address: ENDPOINTS.given.address, port_id: null })
  cloud.add('security-groups', { name: 'prod-nodes', description: '' })
}

function inventory(): string {
  const tables = ['networks', 'subnets', 'routers', 'ports', 'floatingips', 'security-groups', 'os-server-groups']
  return JSON.stringify([...tables, 'loadbalancers'].map((table) => [table, cloud.all(table)]))
}

const endpoints = fc.constantFrom(
  ENDPOINTS.external,
  ENDPOINTS.virtualIp,
  ENDPOINTS.floatingIp,
  ENDPOINTS.given,
  ENDPOINTS.balancer,
  ENDPOINTS.publicBalancer,
)
const networks = fc.constantFrom(EXISTING, CREATED)

/** A busy machine takes its time for many foundations. */
const MANY = { timeout: 60_000 }

describe('a foundation, however far it got', MANY, () => {
  it('leaves nothing behind, nor takes anything of others, even if replies are lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        endpoints,
        networks,
        fc.nat({ max: 18 }),
        fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 4 }),
        async (endpoint, network, rounds, lost) => {
          prepare()
          const before = inventory()
          const life = new Life(cloud.client({ octavia: true }))
          const spec = foundation({ network }, { endpoint })
          let call = 0
          cloud.loses = () => lost.includes(call++)
          for (let round = 0; round < rounds; round += 1) await life.once(spec)
          expect(await life.drive({ ...spec, want: 'absent' })).toBeNull()
          expect(inventory()).toBe(before)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('comes to the same when two gateways make it at once', async () => {
    await fc.assert(
      fc.asyncProperty(endpoints, networks, async (endpoint, network) => {
        prepare()
        const before = inventory()
        const lives = [new Life(cloud.client({ octavia: true })), new Life(cloud.client({ octavia: true }))]
        const spec = foundation({ network }, { endpoint })
        for (let round = 0; round < 4; round += 1) await Promise.all(lives.map((life) => life.once(spec)))
        const [one, other] = await Promise.all(lives.map((life) => life.drive(spec)))
        const settled = await lives[0]?.drive(spec)
        expect(one?.endpoint).toEqual(other?.endpoint)
        const kinds = settled?.objects.map(({ kind, name }) => `${kind} ${name}`)
        expect(kinds).toEqual([...new Set(kinds)])
        await lives[1]?.drive({ ...spec, want: 'absent' })
        expect(inventory()).toBe(before)
      }),
      { numRuns: 5 },
    )
  })
})

it('asks the cloud once a step, and again only where it is not sure what became of one', async () => {
  const spec = foundation({ network: CREATED })
  const looks = () => cloud.calls.filter((call) => call === 'GET subnets').length
  const changes = () => cloud.calls.filter((call) => !call.startsWith('GET')).length
  const life = new Life(cloud.client())
  await life.once(spec)
  cloud.calls.length = 0
  await life.once(spec)
  expect([looks(), changes()]).toEqual([1, 1])
  cloud.loses = (call) => call === 'POST routers'
  expect(await life.once(spec)).toMatchObject({ kind: 'unknown' })
  cloud.loses = () => false
  cloud.calls.length = 0
  await life.once(spec)
  expect([looks(), changes()]).toEqual([2, 1])
})

describe('a load balancer', () => {
  const spec = foundation({ network: EXISTING }, { endpoint: ENDPOINTS.publicBalancer })

  it('leads from its floating IP to a pool, and is healed', async () => {
    const life = new Life(cloud.client({ octavia: true }))
    const made = await life.drive(spec)
    const [floatingIp] = cloud.all('floatingips').filter((each) => each.port_id !== null)
    expect(made?.endpoint).toEqual({ address: floatingIp?.floating_ip_address, virtualIp: null })
    expect(cloud.all('listeners')).toMatchObject([
      { protocol: 'TCP', protocol_port: 443, timeout_client_data: 600_000 },
    ])
    expect(cloud.all('healthmonitors')).toMatchObject([{ type: 'TCP' }])
    cloud.table('listeners').clear()
    await life.drive(spec)
    const [pool] = cloud.all('pools')
    expect(cloud.all('listeners')).toMatchObject([{ default_pool_id: pool?.id }])
  })

  it('says what to do where it failed after it had been complete, and keeps it', async () => {
    const life = new Life(cloud.client({ octavia: true }))
    await life.drive(spec)
    const [balancer] = cloud.all('loadbalancers')
    if (balancer !== undefined) balancer.provisioning_status = 'ERROR'
    expect(await life.once(spec)).toMatchObject({ kind: 'fatal', reason: 'LoadBalancerFailed' })
    expect(cloud.all('loadbalancers')).toHaveLength(1)
  })

  it('is refused where the catalog has no Octavia, with what to use instead', async () => {
    const life = new Life(cloud.client())
    await expect(life.drive(spec)).rejects.toThrow('its catalog has no Octavia')
  })
})

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Fault, Injection, RequestMatch } from '../peers/openstack/front-faults.ts'
import { peer, title } from '../peers/peer.ts'
import { OpenstackScene } from './support/openstack-scene.ts'
import { openstackCluster } from './support/openstack-site.ts'
import type { Saas } from './support/saas.ts'

const openstack = await peer('openstack')
/** Each of some thirty calls is looked after and tried again, with its backoff. */
const PATIENCE_MS = 240_000

interface Call extends RequestMatch {
  /** How many of them a life of the cluster takes, if nothing goes wrong. */
  readonly calls: number
}

const post = (api: 'neutron' | 'nova' | 'cinder', path: RegExp, calls: number): Call => ({
  api,
  method: 'POST',
  path,
  calls,
})

/** What makes the objects of a cluster with one machine. */
const MAKING: readonly Call[] = [
  post('neutron', /^\/v2\.0\/networks$/, 1),
  post('neutron', /^\/v2\.0\/subnets$/, 1),
  post('neutron', /^\/v2\.0\/routers$/, 1),
  { api: 'neutron', method: 'PUT', path: /\/add_router_interface$/, calls: 1 },
  post('neutron', /^\/v2\.0\/security-groups$/, 2),
  post('neutron', /^\/v2\.0\/security-group-rules$/, 2),
  post('nova', /^\/v2\.1\/os-server-groups$/, 2),
  post('neutron', /^\/v2\.0\/ports$/, 2),
  post('neutron', /^\/v2\.0\/floatingips$/, 1),
  post('cinder', /^\/v3\/[^/]+\/volumes$/, 2),
  post('nova', /^\/v2\.1\/servers$/, 1),
]

/** By what path each object of the ledger is deleted. */
const PATHS: Readonly<Record<string, (id: string) => RegExp>> = {
  Network: (id) => new RegExp(`^/v2\\.0/networks/${id}$`),
  Subnet: (id) => new RegExp(`^/v2\\.0/subnets/${id}$`),
  Router: (id) => new RegExp(`^/v2\\.0/routers/${id}$`),
  SecurityGroup: (id) => new RegExp(`^/v2\\.0/security-groups/${id}$`),
  Port: (id) => new RegExp(`^/v2\\.0/ports/${id}$`),
  FloatingIP: (id) => new RegExp(`^/v2\\.0/floatingips/${id}$`),
  ServerGroup: (id) => new RegExp(`^/v2\\.1/os-server-groups/${id}$`),
  Server: (id) => new RegExp(`^/v2\\.1/servers/${id}$`),
  Volume: (id) => new RegExp(`^/v3/[^/]+/volumes/${id}(\\?|$)`),
}

describe.skipIf(!openstack.available)(title('an OpenStack whose connections break', openstack), () => {
  let scene: OpenstackScene
  let saas: Saas
  let before: string[]

  beforeAll(async () => {
    scene = await OpenstackScene.start({ network: false })
    ;({ saas } = scene)
    before = await scene.objects()
  })
  afterEach(() => scene?.cloud.front.behave())
  afterAll(() => scene?.close())

  /** The fault for the first try of each of these calls: what follows is left alone. */
  function disturb(calls: readonly Call[], fault: Fault, again: boolean): Injection[] {
    const { front } = scene.cloud
    return calls.flatMap(({ calls: times, ...match }) =>
      Array.from({ length: times }, () => {
        const injection = front.inject(match, fault)
        // Then it comes again, and is to pass: the next fault is for the next object.
        if (again) front.inject(match, { do: 'delay', ms: 0 })
        return injection
      }),
    )
  }

  async function deletions(cluster: string): Promise<Call[]> {
    const objects = (await scene.ledger(cluster)).map((object) => object.split(' '))
    const found = objects.map(([kind = '', id = '']) => {
      const path = PATHS[kind]?.(id)
      if (path === undefined) throw new Error(`nobody knows how a ${kind} is deleted`)
      return path
    })
    return [
      ...found.map((path) => ({ method: 'DELETE', path, calls: 1 })),
      { api: 'neutron', method: 'PUT', path: /\/remove_router_interface$/, calls: 1 },
    ]
  }

  it.each<['before' | 'after', string]>([
    ['after', 'unheard'],
    ['before', 'cut-off'],
  ])(
    'each call that makes or deletes something is cut %s the service did it: one of each, nothing left',
    {
      timeout: 2 * PATIENCE_MS,
    },
    async (when, cluster) => {
      const fault: Fault = { do: 'cut', when }
      const making = disturb(MAKING, fault, when === 'before')
      await saas.apply(openstackCluster(cluster))
      await saas.ready(cluster, PATIENCE_MS)
      expect(making.map(({ hits }) => hits)).toEqual(making.map(() => 1))
      const ledger = await scene.ledger(cluster)
      expect(ledger.map((object) => object.split(' ')[0])).toEqual([
        'FloatingIP',
        'Network',
        'Port',
        'Port',
        'Router',
        'SecurityGroup',
        'SecurityGroup',
        'Server',
        'ServerGroup',
        'ServerGroup',
        'Subnet',
        'Volume',
        'Volume',
      ])
      expect(await scene.objectsBeside(before)).toEqual(ledger)

      const undoing = disturb(await deletions(cluster), fault, false)
      await scene.remove(cluster, PATIENCE_MS)
      expect(undoing.map(({ hits }) => hits)).toEqual(undoing.map(() => 1))
      expect(await scene.objects()).toEqual(before)
      expect(await scene.ledger()).toEqual([])
    },
  )
})

/** Makes and mends the load balancer of a cluster's API. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { FoundationSpec, Outcome } from '../../adapter.ts'
import { recordAt, textAt } from '../json-value.ts'
import { markText } from '../owner-mark.ts'
import { listenerCidrs } from './endpoint-plan.ts'
import { apiName } from './foundation-names.ts'
import type { FoundLoadBalancer, OpenstackFoundation } from './foundation-observed.ts'
import { balancerRunning } from './load-balancer-wait.ts'
import { placeOf } from './place.ts'
import type { Standing } from './standing.ts'
import { fatal, notThere } from './step-outcome.ts'
import type { World } from './world.ts'

/** Octavia's own 50 s would cut `kubectl logs -f` and `exec` that are silent for a minute. */
const IDLE_MS = 600_000
/** Seconds. */
const HEALTH = { type: 'TCP', delay: 5, timeout: 4, max_retries: 3 }

export async function createLoadBalancer(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  if (!(await world.cloud.has('load-balancer', signal)))
    return fatal(
      'NoLoadBalancers',
      'this cloud has no load balancers: its catalog has no Octavia',
      'Set network.endpoint.type to floating-ip or virtual-ip.',
    )
  const place = await placeOf(world, spec, standing, signal)
  if (place === undefined) return notThere(`the subnet of ${spec.name}`)
  const loadbalancer = {
    name: apiName(spec.name),
    description: markText(spec.owner),
    vip_network_id: place.networkId,
    vip_subnet_id: place.subnetId,
  }
  const answer = await world.cloud.service('load-balancer').post('/lbaas/loadbalancers', { loadbalancer }, { signal })
  const id = textAt(recordAt(answer, 'loadbalancer'), 'id')
  return id === '' ? notThere('the id of the load balancer') : balancerRunning(id, 'active')
}

export function awaitLoadBalancer({ loadBalancer }: Standing): Outcome {
  return loadBalancer === undefined ? notThere('the load balancer') : balancerRunning(loadBalancer.id, 'active')
}

export async function createListener(
  world: World,
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  return onBalancer(spec, standing, async (balancer) => {
    const pool = balancer.pools[0]?.id
    const listener = {
      ...partOf(spec),
      loadbalancer_id: balancer.id,
      protocol: 'TCP',
      protocol_port: spec.endpoint.port,
      ...(pool === undefined ? {} : { default_pool_id: pool }),
      ...cidrsOf(listenerCidrs(spec, observed, balancer) ?? []),
      ...(balancer.provider === 'ovn' ? {} : { timeout_client_data: IDLE_MS, timeout_member_data: IDLE_MS }),
    }
    await world.cloud.service('load-balancer').post('/lbaas/listeners', { listener }, { signal })
    return undefined
  })
}

export function updateListener(
  world: World,
  spec: FoundationSpec,
  id: string,
  observed: OpenstackFoundation,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  return onBalancer(spec, standing, async (balancer) => {
    const listener = { allowed_cidrs: listenerCidrs(spec, observed, balancer) ?? [] }
    await world.cloud.service('load-balancer').put(`/lbaas/listeners/${id}`, { listener }, { signal })
    return undefined
  })
}

export function deleteListener(
  world: World,
  spec: FoundationSpec,
  id: string,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  return onBalancer(spec, standing, async () => {
    await world.cloud.service('load-balancer').delete(`/lbaas/listeners/${id}`, { signal })
    return undefined
  })
}

export function createPool(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  return onBalancer(spec, standing, async (balancer) => {
    const listener = balancer.listeners.find(({ port }) => port === spec.endpoint.port)
    if (listener === undefined) return notThere(`the listener of load balancer ${apiName(spec.name)}`)
    const pool = {
      ...partOf(spec),
      listener_id: listener.id,
      protocol: 'TCP',
      // OVN's spreads connections by who sent them, and knows no other way.
      lb_algorithm: balancer.provider === 'ovn' ? 'SOURCE_IP_PORT' : 'ROUND_ROBIN',
    }
    await world.cloud.service('load-balancer').post('/lbaas/pools', { pool }, { signal })
    return undefined
  })
}

export function createHealthMonitor(
  world: World,
  spec: FoundationSpec,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  return onBalancer(spec, standing, async (balancer) => {
    const listener = balancer.listeners.find(({ port }) => port === spec.endpoint.port)
    const poolId = listener?.poolId
    if (poolId === undefined) return notThere(`the pool of load balancer ${apiName(spec.name)}`)
    const healthmonitor = { name: apiName(spec.name), pool_id: poolId, ...HEALTH }
    await world.cloud.service('load-balancer').post('/lbaas/healthmonitors', { healthmonitor }, { signal })
    return undefined
  })
}

/** Any change keeps Octavia busy with the whole load balancer. @param act what keeps it from its change, if anything */
async function onBalancer(
  spec: FoundationSpec,
  { loadBalancer }: Standing,
  act: (balancer: FoundLoadBalancer) => Promise<Outcome | undefined>,
): Promise<Outcome> {
  const what = `load balancer ${apiName(spec.name)}`
  if (loadBalancer === undefined) return notThere(what)
  try {
    return (await act(loadBalancer)) ?? balancerRunning(loadBalancer.id, 'active')
  } catch (thrown) {
    // It, or the part that was to be added to, went since it was seen.
    if (PcgError.from(thrown).code !== 'not-found') throw thrown
    return notThere(`${what}, or a part of it,`)
  }
}

function partOf({ name, owner }: FoundationSpec) {
  return { name: apiName(name), description: markText(owner) }
}

function cidrsOf(cidrs: readonly string[]) {
  return cidrs.length === 0 ? {} : { allowed_cidrs: cidrs }
}

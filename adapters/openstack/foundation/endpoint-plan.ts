/** What leads to the address of a cluster's API: a port for the virtual IP or a load balancer, and a floating IP on it. Pure. */
import type { FoundationSpec, FoundEndpoint } from '../../adapter.ts'
import { apiName, floatingIpName, vipName } from './foundation-names.ts'
import type { FoundFloatingIp, FoundLoadBalancer, FoundVipPort, OpenstackFoundation } from './foundation-observed.ts'
import { deletion, type FoundationStep } from './foundation-step.ts'
import { clusterSite } from './rule-site.ts'
import { allowedCidrs } from './security-rules.ts'
import { type Standing, standingOf } from './standing.ts'
import { floatingIpOf, placementOf, SECURITY_PARTS, wantsVipPort } from './wanted.ts'

export function endpointSteps(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  standing: Standing,
): FoundationStep[] {
  const { endpoint } = spec
  const steps: FoundationStep[] = []
  if (wantsVipPort(endpoint)) steps.push(...vipSteps(spec, standing))
  if (endpoint.type === 'load-balancer') steps.push(...balancerSteps(spec, observed, standing.loadBalancer))
  if (floatingIpOf(endpoint) !== undefined) steps.push(...floatingIpSteps(spec, observed, standing))
  return steps
}

function vipSteps(spec: FoundationSpec, { vipPort, groups }: Standing): FoundationStep[] {
  const name = vipName(spec.name)
  const address = spec.endpoint.type === 'virtual-ip' ? spec.endpoint.address : undefined
  const words = `port ${name} for the virtual IP${address === undefined ? '' : ` ${address}`}`
  if (vipPort === undefined)
    return [{ kind: 'create-vip-port', summary: `create ${words}`, creates: [{ kind: 'Port', name }] }]
  const groupIds = SECURITY_PARTS.flatMap((part) => groups[part]?.id ?? [])
  const fits =
    vipAddress(vipPort) !== undefined &&
    (address === undefined || vipAddress(vipPort) === address) &&
    (!vipPort.secured || groupIds.every((id) => vipPort.securityGroupIds.includes(id)))
  return fits ? [] : [{ kind: 'update-vip-port', summary: `set ${words} right`, creates: [] }]
}

export function vipAddress({ fixedIps }: Pick<FoundVipPort, 'fixedIps'>): string | undefined {
  return fixedIps[0]?.address
}

function balancerSteps(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  balancer: FoundLoadBalancer | undefined,
): FoundationStep[] {
  const name = apiName(spec.name)
  const words = `load balancer ${name}`
  const create: FoundationStep = {
    kind: 'create-load-balancer',
    summary: `create ${words}`,
    creates: [{ kind: 'LoadBalancer', name }],
  }
  if (balancer === undefined) return [create, ...partSteps(spec, observed, undefined)]
  const parts = partSteps(spec, observed, balancer)
  if (balancer.provisioning === 'ACTIVE') return parts
  // One that never was complete has nothing to lose; one that was has the address that the cluster is known by.
  if (balancer.provisioning === 'ERROR' && balancer.pools.length === 0)
    return [
      deletion('LoadBalancer', balancer.id, `delete ${words}, which OpenStack failed to build`),
      create,
      ...partSteps(spec, observed, undefined),
    ]
  return [{ kind: 'await-load-balancer', summary: `wait until ${words} is active`, creates: [] }, ...parts]
}

/** Its listener, pool and health monitor, which come and go with it. */
function partSteps(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  balancer: FoundLoadBalancer | undefined,
): FoundationStep[] {
  const name = apiName(spec.name)
  const { port } = spec.endpoint
  const listener = balancer?.listeners.find((each) => each.port === port)
  const steps: FoundationStep[] = (balancer?.listeners ?? [])
    .filter((each) => each.port !== port)
    .map(({ id, port: other }) => ({
      kind: 'delete-listener',
      id,
      summary: `delete listener ${other} of load balancer ${name}`,
      creates: [],
    }))
  if (listener === undefined)
    steps.push({
      kind: 'create-listener',
      summary: `create listener ${port} of load balancer ${name}`,
      creates: [],
    })
  else if (admitsOthers(spec, observed, balancer, listener.allowedCidrs))
    steps.push({
      kind: 'update-listener',
      id: listener.id,
      summary: `change who reaches load balancer ${name}`,
      creates: [],
    })
  const pool = balancer?.pools.find(({ id }) => id === listener?.poolId)
  // A new listener takes up a pool that is there already.
  if (pool === undefined && !(listener === undefined && balancer?.pools[0] !== undefined))
    steps.push({ kind: 'create-pool', summary: `create pool of load balancer ${name}`, creates: [] })
  if ((pool ?? balancer?.pools[0])?.monitored !== true)
    steps.push({
      kind: 'create-health-monitor',
      summary: `create health monitor of load balancer ${name}`,
      creates: [],
    })
  return steps
}

function admitsOthers(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  balancer: FoundLoadBalancer | undefined,
  found: readonly string[],
): boolean {
  const wanted = listenerCidrs(spec, observed, balancer)
  return wanted !== undefined && wanted.join() !== found.toSorted().join()
}

/** Whom the listener lets in; empty: everybody. Undefined while it isn't known where the machines themselves come from. */
export function listenerCidrs(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  balancer: Pick<FoundLoadBalancer, 'provider'> | undefined,
): readonly string[] | undefined {
  // OVN's lets through who it was, refuses this setting, and leaves it to the security groups.
  if (balancer?.provider === 'ovn') return []
  const site = clusterSite(spec, observed)
  return site.subnetCidr === undefined ? undefined : allowedCidrs(placementOf(spec).access, site)
}

function floatingIpSteps(spec: FoundationSpec, observed: OpenstackFoundation, standing: Standing): FoundationStep[] {
  const name = floatingIpName(spec.name)
  const given = floatingIpOf(spec.endpoint)?.address
  const target = targetOf(spec, standing)
  const { floatingIp } = standing
  const replaced = observed.floatingIps
    .filter(({ ours, address }) => given !== undefined && ours && address !== given)
    .map(({ id, address }) => deletion('FloatingIP', id, `delete floating IP ${address}, for ${given} takes its place`))
  if (floatingIp?.portId !== undefined && floatingIp.portId === target) return replaced
  const to =
    spec.endpoint.type === 'load-balancer' ? `load balancer ${apiName(spec.name)}` : `port ${vipName(spec.name)}`
  if (floatingIp === undefined && given === undefined)
    return [
      { kind: 'create-floating-ip', summary: `create a floating IP to ${to}`, creates: [{ kind: 'FloatingIP', name }] },
    ]
  const address = given ?? floatingIp?.address
  return [...replaced, { kind: 'associate-floating-ip', summary: `lead floating IP ${address} to ${to}`, creates: [] }]
}

/** The port that a floating IP leads to. */
export function targetOf({ endpoint }: Pick<FoundationSpec, 'endpoint'>, standing: Standing): string | undefined {
  return endpoint.type === 'load-balancer' ? standing.loadBalancer?.vipPortId : standing.vipPort?.id
}

/** Where the cluster's API answers, as soon as all that leads there has its address. */
export function endpointOf(spec: FoundationSpec, observed: OpenstackFoundation): FoundEndpoint | null {
  const standing = standingOf(spec, observed)
  const virtualIp = standing.vipPort === undefined ? undefined : vipAddress(standing.vipPort)
  switch (spec.endpoint.type) {
    case 'external':
      return null
    case 'virtual-ip':
      return virtualIp === spec.endpoint.address ? { address: virtualIp, virtualIp } : null
    case 'floating-ip': {
      const floating = leading(standing.floatingIp, standing.vipPort?.id)
      return floating === undefined || virtualIp === undefined ? null : { address: floating, virtualIp }
    }
    case 'load-balancer': {
      const balancer = standing.loadBalancer
      const address =
        spec.endpoint.network === undefined
          ? balancer?.address || undefined
          : leading(standing.floatingIp, balancer?.vipPortId)
      return address === undefined ? null : { address, virtualIp: null }
    }
    default:
      return spec.endpoint satisfies never
  }
}

function leading(floatingIp: FoundFloatingIp | undefined, portId: string | undefined): string | undefined {
  return floatingIp !== undefined && portId !== undefined && floatingIp.portId === portId
    ? floatingIp.address
    : undefined
}

/** Of all that is there, what counts: one object at most for each that is wanted, and those that are too many. Pure. */
import type { FoundationSpec } from '../../adapter.ts'
import { type Choice, choose } from './choice.ts'
import type {
  FoundationKind,
  FoundFloatingIp,
  FoundLoadBalancer,
  FoundNetwork,
  FoundRouter,
  FoundSecurityGroup,
  FoundServerGroup,
  FoundSubnet,
  FoundVipPort,
  OpenstackFoundation,
  SecurityPart,
} from './foundation-observed.ts'
import { floatingIpOf, placementOf, policyOf, SECURITY_PARTS } from './wanted.ts'

export interface Standing {
  readonly network: FoundNetwork | undefined
  readonly subnet: FoundSubnet | undefined
  readonly router: FoundRouter | undefined
  readonly groups: Readonly<Record<SecurityPart, FoundSecurityGroup | undefined>>
  /** By pool. */
  readonly serverGroups: ReadonlyMap<string, FoundServerGroup>
  readonly vipPort: FoundVipPort | undefined
  readonly loadBalancer: FoundLoadBalancer | undefined
  readonly floatingIp: FoundFloatingIp | undefined
  /** Not needed and not used, what hangs at another thing before that. */
  readonly surplus: readonly Surplus[]
}

export interface Surplus {
  readonly kind: FoundationKind
  readonly id: string
}

type StandingSpec = Pick<FoundationSpec, 'placement' | 'endpoint' | 'pools'>

/** Endpoint objects of a kind that the spec no longer asks for stay until the cluster goes: machines may still use them. */
export function standingOf(spec: StandingSpec, observed: OpenstackFoundation): Standing {
  const networks = choose(observed.networks)
  const subnets = choose(observed.subnets.filter(({ networkId }) => networkId === networks.chosen?.id))
  const strayed = observed.subnets.filter(({ networkId, used }) => networkId !== networks.chosen?.id && !used)
  const routers = choose(observed.routers)
  const nodes = choose(observed.securityGroups.filter(({ part }) => part === 'nodes'))
  const controlPlane = choose(observed.securityGroups.filter(({ part }) => part === 'control-plane'))
  const serverGroups = serverGroupsOf(spec, observed)
  const vipPorts = choose(observed.vipPorts)
  const loadBalancers = loadBalancersOf(observed)
  const floatingIps = floatingIpsOf(spec, observed)
  return {
    network: networks.chosen,
    subnet: subnets.chosen,
    router: routers.chosen,
    groups: { nodes: nodes.chosen, 'control-plane': controlPlane.chosen },
    serverGroups: serverGroups.chosen,
    vipPort: vipPorts.chosen,
    loadBalancer: loadBalancers.chosen,
    floatingIp: floatingIps.chosen,
    surplus: [
      ...surplus('FloatingIP', floatingIps.surplus),
      ...surplus('LoadBalancer', loadBalancers.surplus),
      ...surplus('Port', vipPorts.surplus),
      ...surplus('Router', routers.surplus),
      ...surplus('Subnet', [...subnets.surplus, ...strayed]),
      ...surplus('Network', networks.surplus),
      ...surplus('ServerGroup', serverGroups.surplus),
      ...surplus('SecurityGroup', [...controlPlane.surplus, ...nodes.surplus]),
    ],
  }
}

/** Whether all that each machine stands on is there. */
export function missingParts({ groups }: Pick<Standing, 'groups'>): SecurityPart[] {
  return SECURITY_PARTS.filter((part) => groups[part] === undefined)
}

function surplus(kind: FoundationKind, found: readonly { readonly id: string }[]): Surplus[] {
  return found.map(({ id }) => ({ kind, id }))
}

/** One that is being deleted, by whomever, counts only where there is no other. */
function loadBalancersOf({ loadBalancers }: OpenstackFoundation): Choice<FoundLoadBalancer> {
  const staying = loadBalancers.filter(({ provisioning }) => provisioning !== 'PENDING_DELETE')
  if (staying.length === 0) return choose(loadBalancers)
  const { chosen, surplus } = choose(staying)
  return { chosen, surplus: [...surplus, ...loadBalancers.filter((each) => !staying.includes(each))] }
}

/** A policy is for ever: one for another policy gives way to a new group, and goes once no machine is in it. */
function serverGroupsOf(
  { placement, pools }: StandingSpec,
  { serverGroups }: OpenstackFoundation,
): { readonly chosen: ReadonlyMap<string, FoundServerGroup>; readonly surplus: readonly FoundServerGroup[] } {
  const policy = policyOf(placementOf({ placement }))
  const chosen = new Map<string, FoundServerGroup>()
  for (const { name } of pools) {
    const group = choose(serverGroups.filter((each) => each.pool === name && each.policy === policy)).chosen
    if (group !== undefined) chosen.set(name, group)
  }
  return {
    chosen,
    surplus: serverGroups.filter((group) => !group.used && chosen.get(group.pool)?.id !== group.id),
  }
}

/** Where the user names an address, one that was taken before that gives way to it at once, by the plan of the endpoint. */
function floatingIpsOf(
  { endpoint }: StandingSpec,
  { floatingIps }: OpenstackFoundation,
): { readonly chosen: FoundFloatingIp | undefined; readonly surplus: readonly FoundFloatingIp[] } {
  const address = floatingIpOf(endpoint)?.address
  const ours = floatingIps.filter((floatingIp) => floatingIp.ours)
  if (address === undefined) return choose(ours)
  return { chosen: floatingIps.find((floatingIp) => floatingIp.address === address), surplus: [] }
}

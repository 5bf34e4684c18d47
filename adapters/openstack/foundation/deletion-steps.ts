/**
 * Undoes a cluster's shared objects, one at a time. What is deleted carries the foundation's mark, as the caller has just seen;
 * what somebody else has put there is named, and nothing is forced.
 */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { FoundationSpec, Outcome } from '../../adapter.ts'
import type { FoundationKind, OpenstackFoundation } from './foundation-observed.ts'
import { balancerRunning } from './load-balancer-wait.ts'
import { floatingIpsInTheWay, portsInTheWay, subnetsInTheWay } from './obstacles.ts'
import { DONE, isFault, notThere } from './step-outcome.ts'
import { SERVER_GROUP_MICROVERSION } from './wanted.ts'
import type { World } from './world.ts'

export async function deleteObject(
  world: World,
  spec: FoundationSpec,
  kind: FoundationKind,
  id: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { cloud } = world
  const { name, owner } = spec
  const neutron = cloud.service('network')
  const unlessUsed = async (path: string, obstacles: () => Promise<Outcome>): Promise<Outcome> => {
    try {
      await neutron.delete(`${path}/${id}`, { signal })
      return DONE
    } catch (thrown) {
      if (PcgError.from(thrown).code !== 'conflict') throw thrown
      return obstacles()
    }
  }
  switch (kind) {
    case 'FloatingIP':
      await neutron.delete(`/floatingips/${id}`, { signal })
      return DONE
    case 'Port':
      await neutron.delete(`/ports/${id}`, { signal })
      return DONE
    case 'LoadBalancer':
      return deleteBalancer(world, id, signal)
    case 'Router':
      return unlessUsed('/routers', () => portsInTheWay(cloud, owner, `router ${name}`, { device_id: id }, signal))
    case 'Subnet':
      return unlessUsed('/subnets', () =>
        portsInTheWay(cloud, owner, `subnet ${name}`, { fixed_ips: `subnet_id=${id}` }, signal),
      )
    case 'Network':
      return (
        (await subnetsInTheWay(cloud, owner, `network ${name}`, id, signal)) ??
        unlessUsed('/networks', () => portsInTheWay(cloud, owner, `network ${name}`, { network_id: id }, signal))
      )
    case 'SecurityGroup':
      return unlessUsed('/security-groups', () => groupInUse(world, spec, id, signal))
    case 'ServerGroup':
      await cloud
        .service('compute')
        .delete(`/os-server-groups/${id}`, { signal, microversion: SERVER_GROUP_MICROVERSION })
      return DONE
    default:
      return kind satisfies never
  }
}

/** One that Octavia works on can't be deleted yet, or is being deleted already: either way it is followed, and looked at again. */
async function deleteBalancer({ cloud }: World, id: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const options = { signal, query: { cascade: true } }
    const there = await cloud.service('load-balancer').delete(`/lbaas/loadbalancers/${id}`, options)
    return there ? balancerRunning(id, 'deleted') : DONE
  } catch (thrown) {
    if (PcgError.from(thrown).code !== 'conflict') throw thrown
    return balancerRunning(id, 'deleted')
  }
}

/** A port that uses it may be a machine's that is just going, whoever it belongs to: that isn't for ever. */
async function groupInUse(
  world: World,
  { name, owner }: FoundationSpec,
  id: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const what = `security group ${id} of ${name}`
  const outcome = await portsInTheWay(world.cloud, owner, what, { security_groups: id }, signal)
  return outcome.kind === 'fatal' ? { kind: 'retryable', fault: 'busy', message: outcome.message } : outcome
}

export async function disconnectRouter(
  world: World,
  { name, owner }: FoundationSpec,
  id: string,
  observed: OpenstackFoundation,
  signal: AbortSignal,
): Promise<Outcome> {
  const router = observed.routers.find((each) => each.id === id)
  if (router === undefined) return notThere(`router ${name}`)
  const neutron = world.cloud.service('network')
  for (const { id: subnetId } of observed.subnets) {
    if (!router.subnetIds.includes(subnetId)) continue
    try {
      await neutron.put(`/routers/${id}/remove_router_interface`, { subnet_id: subnetId }, { signal })
    } catch (thrown) {
      if (isFault(thrown, 'RouterInterfaceNotFoundForSubnet', 'RouterInterfaceNotFound')) continue
      if (!isFault(thrown, 'RouterInterfaceInUseByFloatingIP')) throw thrown
      return floatingIpsInTheWay(world.cloud, owner, `the interface of router ${name}`, { router_id: id }, signal)
    }
  }
  return DONE
}

export async function disassociateFloatingIp(world: World, id: string, signal: AbortSignal): Promise<Outcome> {
  await world.cloud.service('network').put(`/floatingips/${id}`, { floatingip: { port_id: null } }, { signal })
  return DONE
}

import type { MachineSpec } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { markText } from '../owner-mark.ts'
import { findMembers, findPorts, findServers, findVolumes } from './finding.ts'
import { composeObserved, type OpenstackObserved, type Parts } from './observed.ts'
import type { SeenMember } from './seen.ts'
import type { Site } from './site.ts'

/** As the adapter's `observe`. */
export async function observeMachine(
  cloud: OpenstackCloud,
  site: Site,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<OpenstackObserved | null> {
  const [parts, wanted] = await Promise.all([
    findParts(cloud, spec, signal),
    spec.want === 'present' ? site.wanted(spec, signal) : undefined,
  ])
  return composeObserved(spec, parts, wanted)
}

/** All that there is of a machine. */
export async function findParts(cloud: OpenstackCloud, spec: MachineSpec, signal: AbortSignal): Promise<Parts> {
  const [{ ports, servers }, volumes, members] = await Promise.all([
    findPorts(cloud, spec.owner, signal).then(async (ports) => ({
      ports,
      servers: await findServers(cloud, spec.owner, ports, signal),
    })),
    findVolumes(cloud, spec, signal),
    membersOf(cloud, spec, signal),
  ])
  return { servers, ports, volumes, members }
}

async function membersOf(cloud: OpenstackCloud, spec: MachineSpec, signal: AbortSignal): Promise<SeenMember[]> {
  const { serves, foundation, owner } = spec
  if (serves?.type !== 'load-balancer' || foundation === undefined) return []
  if (!(await cloud.has('load-balancer', signal))) return []
  const list = (path: string, key: string, query: Readonly<Record<string, string>>) =>
    listAll(cloud, 'load-balancer', path, key, query, signal)
  const description = markText({ ...owner, machine: foundation })
  const pools: string[] = []
  for (const balancer of await list('/lbaas/loadbalancers', 'loadbalancers', { description })) {
    const ofBalancer = await list('/lbaas/pools', 'pools', { loadbalancer_id: textAt(balancer, 'id') })
    pools.push(...ofBalancer.map((pool) => textAt(pool, 'id')))
  }
  return findMembers(cloud, owner, pools, signal)
}

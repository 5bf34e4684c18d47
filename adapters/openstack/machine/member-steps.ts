import { PcgError } from '../../../runtime/pcg-error.ts'
import type { MachineSpec, Outcome } from '../../adapter.ts'
import { recordAt, textAt } from '../json-value.ts'
import { findMembers, findPorts } from './finding.ts'
import { inOrder } from './observed.ts'
import { memberRequest } from './requests.ts'
import { DONE, missing, running, type StepTools } from './step-tools.ts'

export async function addMember({ cloud, site }: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  if (spec.serves?.type !== 'load-balancer') return DONE
  const { loadBalancerPoolId: poolId, subnetId } = await site.ground(spec, signal)
  if (poolId === undefined) {
    throw new PcgError('unavailable', `the load balancer of ${spec.owner.cluster} has no pool yet`, {
      subject: spec.owner.cluster,
      remedy: 'Wait: the cluster mends it.',
    })
  }
  const [known] = await findMembers(cloud, spec.owner, [poolId], signal)
  const until = { goal: 'active' } as const
  if (known !== undefined) return running({ kind: 'member', poolId, id: known.id, until })
  const { ports } = inOrder({
    servers: [],
    ports: await findPorts(cloud, spec.owner, signal),
    volumes: [],
    members: [],
  })
  const address = ports[0]?.addresses[0]
  if (address === undefined) return missing(`the address of ${spec.name}`)
  const body = memberRequest(spec, address, spec.serves.port, subnetId)
  const made = await cloud.service('load-balancer').post(`/lbaas/pools/${poolId}/members`, body, { signal })
  return running({ kind: 'member', poolId, id: textAt(recordAt(made, 'member'), 'id'), until })
}

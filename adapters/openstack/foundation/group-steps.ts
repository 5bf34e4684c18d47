/** Makes and mends a cluster's security groups and server groups. */
import type { FoundationSpec, Outcome } from '../../adapter.ts'
import { recordAt } from '../json-value.ts'
import { partText, serverGroupName } from '../owner-mark.ts'
import { groupName } from './foundation-names.ts'
import type { FoundSecurityGroup, OpenstackFoundation, SecurityPart } from './foundation-observed.ts'
import { placeOf } from './place.ts'
import { securityGroupFrom } from './records.ts'
import { rulesToChange } from './rule-site.ts'
import type { SecurityRule } from './security-rules.ts'
import type { Standing } from './standing.ts'
import { DONE, notThere } from './step-outcome.ts'
import { placementOf, policyOf, SERVER_GROUP_MICROVERSION } from './wanted.ts'
import type { World } from './world.ts'

export async function createSecurityGroup(
  world: World,
  spec: FoundationSpec,
  part: SecurityPart,
  observed: OpenstackFoundation,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  // Rules depend on it, and one that can't be found is to be said before anything is made.
  if ((await placeOf(world, spec, standing, signal)) === undefined) return notThere(`the subnet of ${spec.name}`)
  const body = { name: groupName(spec.name, part), description: partText(spec.owner, part) }
  const answer = await world.cloud.service('network').post('/security-groups', { security_group: body }, { signal })
  const group = securityGroupFrom(recordAt(answer, 'security_group'))
  if (group === undefined) return { kind: 'unknown', message: 'neutron did not say which security group it made' }
  return changeRules(world, spec, observed, group, signal)
}

export function updateRules(
  world: World,
  spec: FoundationSpec,
  part: SecurityPart,
  observed: OpenstackFoundation,
  standing: Standing,
  signal: AbortSignal,
): Promise<Outcome> {
  const group = standing.groups[part]
  if (group === undefined) return Promise.resolve(notThere(`security group ${groupName(spec.name, part)}`))
  return changeRules(world, spec, observed, group, signal)
}

/** Who is let in newly is let in before others are shut out. */
async function changeRules(
  world: World,
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  group: FoundSecurityGroup,
  signal: AbortSignal,
): Promise<Outcome> {
  const service = world.cloud.service('network')
  const { missing, surplus } = rulesToChange(spec, observed, group)
  if (missing.length > 0) {
    const rules = missing.map((rule) => ruleBody(rule, group.id))
    await service.post('/security-group-rules', { security_group_rules: rules }, { signal })
  }
  await Promise.all(surplus.map((id) => service.delete(`/security-group-rules/${id}`, { signal })))
  return DONE
}

function ruleBody(rule: SecurityRule, groupId: string): Record<string, unknown> {
  return {
    security_group_id: groupId,
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol,
    port_range_min: rule.portMin,
    port_range_max: rule.portMax,
    remote_ip_prefix: rule.remotePrefix,
    remote_group_id: rule.remoteGroupId,
  }
}

export async function createServerGroup(
  world: World,
  spec: FoundationSpec,
  pool: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const body = { name: serverGroupName(spec.owner, pool), policy: policyOf(placementOf(spec)) }
  const options = { signal, microversion: SERVER_GROUP_MICROVERSION }
  await world.cloud.service('compute').post('/os-server-groups', { server_group: body }, options)
  return DONE
}

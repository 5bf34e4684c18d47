/** What the rules of a cluster's security groups depend on, and whether they are to be changed. Pure. */
import type { FoundationSpec } from '../../adapter.ts'
import type { FoundSecurityGroup, OpenstackFoundation } from './foundation-observed.ts'
import { type RuleChange, type RuleSite, ruleChange, wantedRules } from './security-rules.ts'
import { standingOf } from './standing.ts'
import { needsHairpin, placementOf } from './wanted.ts'

const NO_CHANGE: RuleChange = { missing: [], surplus: [] }

/** Where the cluster's machines are: what of a RuleSite isn't about one group. */
export function clusterSite(spec: FoundationSpec, observed: OpenstackFoundation): Omit<RuleSite, 'groupId'> {
  if (placementOf(spec).network.type === 'existing') return observed.site
  const { subnet, router } = standingOf(spec, observed)
  return { subnetCidr: subnet?.cidr, hairpin: needsHairpin(spec) ? (router?.externalAddresses ?? []) : [] }
}

/** Nothing while it isn't known where a load balancer comes from: what lets it in now must not be taken away. */
export function rulesToChange(
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  group: FoundSecurityGroup,
): RuleChange {
  const site = clusterSite(spec, observed)
  if (spec.endpoint.type === 'load-balancer' && site.subnetCidr === undefined) return NO_CHANGE
  const rules = wantedRules(group.part, placementOf(spec).access, spec.endpoint, { ...site, groupId: group.id })
  return ruleChange(rules, group.rules)
}

/** How much of a project's quotas the making of a cluster's foundation takes, so that it can be said before anything is made. Pure. */
import type { FoundationSpec } from '../../adapter.ts'
import type { QuotaName, Wants } from '../quotas.ts'
import type { FoundationKind, OpenstackFoundation } from './foundation-observed.ts'
import type { FoundationStep } from './foundation-step.ts'
import { NOTHING } from './nothing.ts'
import { planFoundation } from './plan.ts'
import { clusterSite, rulesToChange } from './rule-site.ts'
import { wantedRules } from './security-rules.ts'
import { standingOf } from './standing.ts'
import { placementOf } from './wanted.ts'

const QUOTA_OF: Readonly<Record<FoundationKind, QuotaName>> = {
  Network: 'networks',
  Subnet: 'subnets',
  Router: 'routers',
  SecurityGroup: 'security groups',
  ServerGroup: 'server groups',
  Port: 'ports',
  FloatingIP: 'floating IPs',
  LoadBalancer: 'load balancers',
}

/** Only what is still missing: nothing for a foundation that is complete. @param observed null if nothing of it is there */
export function needsOf(spec: FoundationSpec, observed: OpenstackFoundation | null): Wants {
  const there = observed ?? NOTHING
  const needs: Partial<Record<QuotaName, number>> = {}
  const add = (name: QuotaName, count: number) => {
    if (count > 0) needs[name] = (needs[name] ?? 0) + count
  }
  for (const step of planFoundation(spec, there)) {
    for (const { kind } of step.creates) if (isKind(kind)) add(QUOTA_OF[kind], 1)
    add('ports', portsOf(step, spec, there))
    add('security group rules', rulesOf(step, spec, there))
  }
  return needs
}

function isKind(kind: string): kind is FoundationKind {
  return Object.hasOwn(QUOTA_OF, kind)
}

/** Those that come with something else: a router's on the subnet, a load balancer's for its address. */
function portsOf(step: FoundationStep, spec: FoundationSpec, there: OpenstackFoundation): number {
  if (step.kind === 'create-load-balancer') return 1
  if (step.kind !== 'connect-router') return 0
  const { subnet, router } = standingOf(spec, there)
  return subnet !== undefined && router?.subnetIds.includes(subnet.id) ? 0 : 1
}

function rulesOf(step: FoundationStep, spec: FoundationSpec, there: OpenstackFoundation): number {
  if (step.kind === 'create-security-group')
    return wantedRules(step.part, placementOf(spec).access, spec.endpoint, { groupId: '', ...clusterSite(spec, there) })
      .length
  if (step.kind !== 'update-rules') return 0
  const group = standingOf(spec, there).groups[step.part]
  return group === undefined ? 0 : rulesToChange(spec, there, group).missing.length
}

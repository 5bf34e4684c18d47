/** What leads from a cluster's shared objects as they are to them as they should be. Pure, as the plan of a machine. */
import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import type { FoundationSpec } from '../../adapter.ts'
import { endpointSteps } from './endpoint-plan.ts'
import { groupName, poolName } from './foundation-names.ts'
import type { FoundSubnet, OpenstackFoundation } from './foundation-observed.ts'
import { deletion, type FoundationStep } from './foundation-step.ts'
import { networkOf } from './ipv4-network.ts'
import { NOTHING } from './nothing.ts'
import { removalSteps } from './removal-plan.ts'
import { rulesToChange } from './rule-site.ts'
import { type Standing, standingOf } from './standing.ts'
import { placementOf, policyOf, SECURITY_PARTS } from './wanted.ts'

type CreatedNetwork = Extract<OpenstackPlacement['network'], { type: 'create' }>

export function planFoundation(spec: FoundationSpec, observed: OpenstackFoundation | null): FoundationStep[] {
  const there = observed ?? NOTHING
  if (spec.want === 'absent') return removalSteps(spec, there)
  const standing = standingOf(spec, there)
  return [
    ...networkSteps(spec, there, standing),
    ...groupSteps(spec, there, standing),
    ...serverGroupSteps(spec, standing),
    ...endpointSteps(spec, there, standing),
    ...standing.surplus.map(
      ({ kind, id }): FoundationStep => deletion(kind, id, `delete ${kind} ${id}, which ${spec.name} needs no more`),
    ),
  ]
}

function networkSteps(spec: FoundationSpec, { site }: OpenstackFoundation, standing: Standing): FoundationStep[] {
  const { network: wanted } = placementOf(spec)
  if (wanted.type === 'existing') return []
  const { network, subnet, router } = standing
  const { name } = spec
  const steps: FoundationStep[] = []
  if (network === undefined)
    steps.push({ kind: 'create-network', summary: `create network ${name}`, creates: [{ kind: 'Network', name }] })
  if (subnet === undefined)
    steps.push({
      kind: 'create-subnet',
      summary: `create subnet ${name} (${wanted.cidr})`,
      creates: [{ kind: 'Subnet', name }],
    })
  else if (subnetChanges(wanted, subnet).length > 0)
    steps.push({
      kind: 'update-subnet',
      summary: `change subnet ${name}: ${subnetChanges(wanted, subnet).join(', ')}`,
      creates: [],
    })
  if (wanted.router === undefined) return steps
  if (router === undefined)
    steps.push({
      kind: 'create-router',
      summary: `create router ${name} to external network ${wanted.router}`,
      creates: [{ kind: 'Router', name }],
    })
  const connected = router !== undefined && subnet !== undefined && router.subnetIds.includes(subnet.id)
  if (!connected || leadsAstray(router.externalNetworkId, site.routerNetworkId))
    steps.push({
      kind: 'connect-router',
      summary: `connect router ${name} with subnet ${name} and external network ${wanted.router}`,
      creates: [],
    })
  return steps
}

/** Without knowing where it should lead, it is wrong only if it leads nowhere. */
function leadsAstray(found: string | undefined, wanted: string | undefined): boolean {
  return found === undefined || (wanted !== undefined && found !== wanted)
}

/** In words, for each thing that is not as it should be. */
export function subnetChanges(wanted: CreatedNetwork, subnet: FoundSubnet): string[] {
  const changes: string[] = []
  if (networkOf(wanted.cidr) !== networkOf(subnet.cidr)) changes.push(`${subnet.cidr} → ${wanted.cidr}`)
  if (wanted.nameservers.join() !== subnet.nameservers.join())
    changes.push(`nameservers ${subnet.nameservers.join(', ') || 'none'} → ${wanted.nameservers.join(', ') || 'none'}`)
  if (!subnet.dhcp) changes.push('DHCP')
  return changes
}

function groupSteps(spec: FoundationSpec, observed: OpenstackFoundation, { groups }: Standing): FoundationStep[] {
  return SECURITY_PARTS.flatMap((part): FoundationStep[] => {
    const name = groupName(spec.name, part)
    const group = groups[part]
    if (group === undefined)
      return [
        {
          kind: 'create-security-group',
          part,
          summary: `create security group ${name} with its rules`,
          creates: [{ kind: 'SecurityGroup', name }],
        },
      ]
    const change = rulesToChange(spec, observed, group)
    if (change.missing.length === 0 && change.surplus.length === 0) return []
    const words = `add ${change.missing.length}, remove ${change.surplus.length}`
    return [{ kind: 'update-rules', part, summary: `change rules of security group ${name}: ${words}`, creates: [] }]
  })
}

function serverGroupSteps(spec: FoundationSpec, { serverGroups }: Standing): FoundationStep[] {
  const policy = policyOf(placementOf(spec))
  if (policy === undefined) return []
  return spec.pools
    .filter((pool) => !serverGroups.has(pool.name))
    .map((pool) => ({
      kind: 'create-server-group',
      pool: pool.name,
      summary: `create server group of pool ${pool.name} (${policy})`,
      creates: [{ kind: 'ServerGroup', name: poolName(spec.name, pool.name) }],
    }))
}

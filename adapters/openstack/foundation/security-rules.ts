/** Who may reach a cluster's machines, as rules of its security groups, and what is to be done about those that differ. Pure. */
import type { ClusterEndpoint, OpenstackPlacement } from '../../../resources/cluster.ts'
import type { SecurityPart } from './foundation-observed.ts'
import { networkOf } from './ipv4-network.ts'

/** A rule as neutron writes it; null: any. */
export interface SecurityRule {
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly portMin: number | null
  readonly portMax: number | null
  readonly remotePrefix: string | null
  readonly remoteGroupId: string | null
  /** Another kind of remote, which no rule of ours has. */
  readonly remoteAddressGroupId: string | null
}

export interface FoundRule extends SecurityRule {
  readonly id: string
  /** An administrator's, who put it there for reasons of the site: only they can take it away. */
  readonly foreign: boolean
}

/** What rules depend on besides the spec. */
export interface RuleSite {
  /** Of the very group that the rules are for. */
  readonly groupId: string
  /** Of the cluster's machines: a load balancer reaches them from there. */
  readonly subnetCidr: string | undefined
  /** See FoundSite. */
  readonly hairpin: readonly string[]
}

export interface RuleChange {
  readonly missing: readonly SecurityRule[]
  /** Ids. */
  readonly surplus: readonly string[]
}

const SSH = { min: 22, max: 22 }
/** Kubernetes' `--service-node-port-range`, as it is without that flag. */
const NODE_PORTS = { min: 30_000, max: 32_767 }
/** Where API servers listen that are reached by a balancer. */
const BALANCED_API_PORT = 6443

const ANY: SecurityRule = {
  direction: 'egress',
  ethertype: 'IPv4',
  protocol: null,
  portMin: null,
  portMax: null,
  remotePrefix: null,
  remoteGroupId: null,
  remoteAddressGroupId: null,
}

/** Neutron puts these into every new group by itself, unless its administrator chose others. */
const EGRESS: readonly SecurityRule[] = [ANY, { ...ANY, ethertype: 'IPv6' }]

/** Without repetitions: neutron refuses the same rule twice. */
export function wantedRules(
  part: SecurityPart,
  access: OpenstackPlacement['access'],
  endpoint: ClusterEndpoint,
  site: RuleSite,
): readonly SecurityRule[] {
  const rules = [...EGRESS, ...(part === 'nodes' ? nodeRules(access, site) : apiRules(access, endpoint, site))]
  return [...new Map(rules.map((rule) => [ruleKey(rule), rule])).values()]
}

function nodeRules(access: OpenstackPlacement['access'], { groupId }: RuleSite): SecurityRule[] {
  return [
    { ...ANY, direction: 'ingress', remoteGroupId: groupId },
    ...access.ssh.map((cidr) => from(cidr, 'tcp', SSH)),
    ...access.nodePorts.flatMap((cidr) => [from(cidr, 'tcp', NODE_PORTS), from(cidr, 'udp', NODE_PORTS)]),
  ]
}

function apiRules(access: OpenstackPlacement['access'], endpoint: ClusterEndpoint, site: RuleSite): SecurityRule[] {
  const port = apiPortOf(endpoint)
  return apiSources(access, endpoint, site).map((cidr) => from(cidr, 'tcp', { min: port, max: port }))
}

/** Where the control planes' API servers listen. */
export function apiPortOf(endpoint: ClusterEndpoint): number {
  switch (endpoint.type) {
    case 'virtual-ip':
    case 'floating-ip':
      return endpoint.port
    case 'external':
    case 'load-balancer':
      return BALANCED_API_PORT
    default:
      return endpoint satisfies never
  }
}

/**
 * From where the API is asked: those with access; a load balancer, which has an address of the machines' subnet; and the
 * machines themselves, whose way to a floating IP leads over their router, which writes its own address as the sender's.
 */
function apiSources(access: OpenstackPlacement['access'], endpoint: ClusterEndpoint, site: RuleSite): string[] {
  const balanced = endpoint.type === 'load-balancer' && site.subnetCidr !== undefined ? [site.subnetCidr] : []
  return [...access.api, ...balanced, ...site.hairpin.map((address) => `${address}/32`)]
}

/** Whom a load balancer lets in; empty: everybody. */
export function allowedCidrs(
  access: OpenstackPlacement['access'],
  site: Pick<RuleSite, 'subnetCidr' | 'hairpin'>,
): readonly string[] {
  const own = site.subnetCidr === undefined ? [] : [site.subnetCidr]
  const cidrs = [...access.api, ...own, ...site.hairpin.map((address) => `${address}/32`)].map(
    (cidr) => networkOf(cidr) ?? cidr,
  )
  return cidrs.includes('0.0.0.0/0') ? [] : [...new Set(cidrs)].toSorted()
}

/** As sets: neither order nor another way of writing the same matters. */
export function ruleChange(wanted: readonly SecurityRule[], found: readonly FoundRule[]): RuleChange {
  const keys = new Set(wanted.map(ruleKey))
  const there = new Set(found.map(ruleKey))
  return {
    missing: wanted.filter((rule) => !there.has(ruleKey(rule))),
    surplus: found.filter((rule) => !rule.foreign && !keys.has(ruleKey(rule))).map(({ id }) => id),
  }
}

function from(
  cidr: string,
  protocol: 'tcp' | 'udp',
  ports: { readonly min: number; readonly max: number },
): SecurityRule {
  return {
    ...ANY,
    direction: 'ingress',
    protocol,
    portMin: ports.min,
    portMax: ports.max,
    remotePrefix: networkOf(cidr) ?? cidr,
  }
}

/** The same for rules that mean the same. */
export function ruleKey(rule: SecurityRule): string {
  return JSON.stringify([
    rule.direction,
    rule.ethertype,
    protocolName(rule.protocol),
    rule.portMin,
    rule.portMax,
    prefixOf(rule),
    rule.remoteGroupId,
    rule.remoteAddressGroupId,
  ])
}

/** Neutron takes IANA's numbers for names, and keeps what it was given. */
function protocolName(protocol: string | null): string | null {
  switch (protocol?.toLowerCase()) {
    case undefined:
    case 'any':
    case '0':
      return null
    case '6':
      return 'tcp'
    case '17':
      return 'udp'
    default:
      return protocol?.toLowerCase() ?? null
  }
}

/** From everywhere is written as the widest network or not at all. */
function prefixOf({ remotePrefix }: SecurityRule): string | null {
  if (remotePrefix === null) return null
  const prefix = networkOf(remotePrefix) ?? remotePrefix.toLowerCase()
  return prefix === '0.0.0.0/0' || prefix === '::/0' ? null : prefix
}

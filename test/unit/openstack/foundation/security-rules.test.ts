import { describe, expect, it } from 'vitest'
import {
  allowedCidrs,
  ruleChange,
  type SecurityRule,
  wantedRules,
} from '../../../../adapters/openstack/foundation/security-rules.ts'
import { ACCESS, ENDPOINTS } from './fixtures.ts'

const SITE = { groupId: 'sg-1', subnetCidr: '10.20.0.0/24', hairpin: [] }

const ANY: SecurityRule = {
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  portMin: null,
  portMax: null,
  remotePrefix: null,
  remoteGroupId: null,
  remoteAddressGroupId: null,
}

/** `tcp 22-22 from 10.0.0.0/8` */
function ingress(rules: readonly SecurityRule[]): string[] {
  return rules
    .filter(({ direction }) => direction === 'ingress')
    .map(({ protocol, portMin, portMax, remotePrefix, remoteGroupId }) =>
      protocol === null ? `any from ${remoteGroupId}` : `${protocol} ${portMin}-${portMax} from ${remotePrefix}`,
    )
}

describe('the rules of the group of all nodes', () => {
  it('let in the members of the group, and nobody else by themselves', () => {
    expect(ingress(wantedRules('nodes', ACCESS, ENDPOINTS.floatingIp, SITE))).toEqual(['any from sg-1'])
  })

  it('let in who has access to SSH and node ports, each once, by the network that is meant', () => {
    const access = { api: [], ssh: ['10.1.2.3/8', '10.0.0.0/8'], nodePorts: ['198.51.100.0/24'] }
    expect(ingress(wantedRules('nodes', access, ENDPOINTS.floatingIp, SITE))).toEqual([
      'any from sg-1',
      'tcp 22-22 from 10.0.0.0/8',
      'tcp 30000-32767 from 198.51.100.0/24',
      'udp 30000-32767 from 198.51.100.0/24',
    ])
  })

  it('let everything out', () => {
    const out = wantedRules('nodes', ACCESS, ENDPOINTS.floatingIp, SITE).filter((rule) => rule.direction === 'egress')
    expect(out.map(({ ethertype }) => ethertype)).toEqual(['IPv4', 'IPv6'])
  })
})

describe('the rules of the group of the control planes', () => {
  it.each([
    ['a virtual IP', { ...ENDPOINTS.virtualIp, port: 8443 }, ['tcp 8443-8443 from 0.0.0.0/0']],
    ['a floating IP', { ...ENDPOINTS.floatingIp, port: 8443 }, ['tcp 8443-8443 from 0.0.0.0/0']],
    ['an external balancer', { ...ENDPOINTS.external, port: 443 }, ['tcp 6443-6443 from 0.0.0.0/0']],
    ['a load balancer', ENDPOINTS.balancer, ['tcp 6443-6443 from 0.0.0.0/0', 'tcp 6443-6443 from 10.20.0.0/24']],
  ] as const)('open where API servers listen behind %s', (_, endpoint, rules) => {
    expect(ingress(wantedRules('control-plane', ACCESS, endpoint, SITE))).toEqual(rules)
  })

  it("let in the cluster's own machines, which come to a floating IP with their router's address", () => {
    const access = { ...ACCESS, api: ['198.51.100.0/24'] }
    const site = { ...SITE, hairpin: ['203.0.113.2'] }
    expect(ingress(wantedRules('control-plane', access, ENDPOINTS.floatingIp, site))).toEqual([
      'tcp 6443-6443 from 198.51.100.0/24',
      'tcp 6443-6443 from 203.0.113.2/32',
    ])
  })
})

describe('rules that differ', () => {
  const wanted = wantedRules('nodes', { ...ACCESS, ssh: ['0.0.0.0/0'] }, ENDPOINTS.floatingIp, SITE)
  const found = wanted.map((rule, index) => ({ ...rule, id: `r${index}`, foreign: false }))

  it('are none, in whatever order and spelling', () => {
    const spelled = found.toReversed().map((rule) => ({
      ...rule,
      protocol: rule.protocol === 'tcp' ? '6' : rule.protocol,
      remotePrefix: rule.remotePrefix === '0.0.0.0/0' ? null : rule.remotePrefix,
    }))
    expect(ruleChange(wanted, spelled)).toEqual({ missing: [], surplus: [] })
  })

  it('are those that are missing, and those that nobody asked for', () => {
    const opened = { ...ANY, protocol: 'tcp', portMin: 3389, portMax: 3389, id: 'opened', foreign: false }
    const change = ruleChange(wanted, [...found.slice(0, -1), opened])
    expect(change.missing).toEqual(wanted.slice(-1))
    expect(change.surplus).toEqual(['opened'])
  })

  it('leave those of an administrator alone', () => {
    const monitoring = { ...ANY, protocol: 'tcp', portMin: 9100, portMax: 9100, id: 'monitoring', foreign: true }
    expect(ruleChange(wanted, [...found, monitoring])).toEqual({ missing: [], surplus: [] })
  })

  it.each<[string, Partial<SecurityRule>]>([
    ['direction', { direction: 'egress' }],
    ['protocol', { protocol: 'udp' }],
    ['port', { portMax: 23 }],
    ['source', { remotePrefix: '10.0.0.0/8' }],
    ['group', { remoteGroupId: 'sg-2' }],
    ['address group', { remoteAddressGroupId: 'ag-1' }],
    ['kind of address', { ethertype: 'IPv6' }],
  ])('differ by %s', (_, difference) => {
    const last = found.at(-1)
    if (last === undefined) throw new Error('no rules')
    expect(ruleChange(wanted, [...found.slice(0, -1), { ...last, ...difference }]).surplus).toEqual([last.id])
  })
})

describe('whom a load balancer lets in', () => {
  it('is everybody if everybody has access', () => {
    expect(allowedCidrs(ACCESS, SITE)).toEqual([])
  })

  it('is who has access, and the machines', () => {
    expect(allowedCidrs({ ...ACCESS, api: ['198.51.100.7/24'] }, { ...SITE, hairpin: ['203.0.113.2'] })).toEqual([
      '10.20.0.0/24',
      '198.51.100.0/24',
      '203.0.113.2/32',
    ])
  })
})

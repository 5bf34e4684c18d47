import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseResources } from '../../../resources/parse-yaml.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

const EXAMPLES = join(import.meta.dirname, '../../../examples/openstack')
const CLUSTER = readFileSync(join(EXAMPLES, 'cluster.yaml'), 'utf8')
const ACCOUNT = readFileSync(join(EXAMPLES, 'account.yaml'), 'utf8').replace(
  'pcg-hpke-v1.replace.this.line',
  'pcg-hpke-v1.a.b.c',
)

/** What is wrong with the text once each line is replaced, as `FIELD: MESSAGE`. */
function problems(text: string, ...replaced: readonly (readonly [line: string, instead: string])[]): string[] {
  const changed = replaced.reduce((all, [line, instead]) => {
    expect(all).toContain(line)
    return all.replace(line, instead)
  }, text)
  try {
    parseResources([{ name: 'a.yaml', text: changed }])
    return []
  } catch (error) {
    if (!(error instanceof PcgError)) throw error
    return error.details.map(({ subject, message }) => `${subject?.replace(/^a\.yaml:\d+: /, '')}: ${message}`)
  }
}

describe('a cluster on OpenStack', () => {
  it('is right as the example has it', () => {
    expect(problems(CLUSTER)).toEqual([])
  })

  it.each<[string, [string, string], string]>([
    ['a pool without a flavor', ['    flavor: m1.medium\n', ''], 'spec.controlPlane.flavor: is required on OpenStack'],
    [
      'CPUs beside a flavor',
      ['    flavor: m1.medium\n', '    flavor: m1.medium\n    cpus: 2\n'],
      'spec.controlPlane.cpus: is not for OpenStack',
    ],
    [
      'a disk size without a boot volume',
      ['    flavor: m1.medium\n', '    flavor: m1.medium\n    diskGiB: 40\n'],
      'spec.controlPlane.diskGiB: is only for a boot volume',
    ],
    [
      'a boot volume without its size',
      ['    antiAffinity: soft\n', '    bootVolume: {}\n'],
      'spec.controlPlane.diskGiB: is required: it is the size of the boot volume',
    ],
    ['a network of an unknown type', ['      type: create\n', '      type: new\n'], 'spec.placement.network.type'],
    ['a CIDR that is none', ['cidr: 10.20.0.0/24', 'cidr: 10.20.0.0'], 'spec.placement.network.cidr'],
  ])('%s is named', (_, replaced, problem) => {
    expect(problems(CLUSTER, replaced)).toContainEqual(expect.stringContaining(problem))
  })

  it('a flavor, a floating IP and a load balancer are for OpenStack only', () => {
    const vsphere = readFileSync(join(EXAMPLES, '../vsphere/cluster.yaml'), 'utf8')
    const endpoint = ['type: virtual-ip\n      address: 192.0.2.10', 'type: floating-ip'] as const
    expect(problems(vsphere, endpoint)).toEqual([
      'spec.network.endpoint.type: floating-ip is for OpenStack only: use virtual-ip or external, and is "floating-ip"',
    ])
    expect(problems(vsphere, ['    cpus: 2\n    memoryMiB: 4096\n', '    flavor: m1.medium\n'])).toEqual([
      'spec.controlPlane.flavor: is for OpenStack only: give cpus and memoryMiB on vsphere, and is "m1.medium"',
      'spec.controlPlane.cpus: is required',
      'spec.controlPlane.memoryMiB: is required',
    ])
  })
})

describe('an OpenStack account', () => {
  const scope = '    projectName: clusters\n    projectDomainName: Default\n'

  it('is right as the example has it, and without a scope', () => {
    expect(problems(ACCOUNT)).toEqual([])
    expect(problems(ACCOUNT, [`  scope:\n${scope}`, ''])).toEqual([])
  })

  it.each<[string, string, string]>([
    ['two scopes', `${scope}    domainName: Default\n`, 'spec.scope.domainName: '],
    ['a project name without its domain', '    projectName: clusters\n', 'spec.scope.projectDomainName: is required'],
    [
      'a domain in two ways',
      `${scope}    projectDomainId: default\n`,
      "spec.scope.projectDomainName: can't stand beside projectDomainId",
    ],
    ['a domain alone', '    projectDomainName: Default\n', 'spec.scope.projectName: is required'],
  ])('%s is named', (_, instead, problem) => {
    expect(problems(ACCOUNT, [scope, instead])).toContainEqual(expect.stringContaining(problem))
  })

  it('a URL of another protocol, and an override of an unknown service, are named', () => {
    expect(problems(ACCOUNT, ['https://keystone.example.com:5000/v3', 'ftp://keystone.example.com'])).toContainEqual(
      expect.stringContaining('spec.authUrl: must be a URL that begins with https:// or http://'),
    )
    expect(
      problems(ACCOUNT, ['  interface: public\n', '  endpoints: { computer: https://nova.example.com }\n']),
    ).toContainEqual(expect.stringContaining('spec.endpoints'))
  })
})

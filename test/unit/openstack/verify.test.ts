import { describe, expect, it } from 'vitest'
import type { Identity } from '../../../adapters/openstack/client/cloud.ts'
import { expiryFindings, verifyAccount } from '../../../adapters/openstack/verify.ts'
import type { OpenstackAccountSpec } from '../../../resources/cloud-account.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { FakeClock } from './client/fake-cloud.ts'
import { EXTENSIONS, type RecordedOptions, recordedCloud, SIGNAL } from './recorded-cloud.ts'

const SPEC: OpenstackAccountSpec = {
  cloud: 'openstack',
  gateway: 'site-a',
  authUrl: 'https://keystone.example/v3',
  region: 'RegionOne',
  interface: 'public',
  scope: { projectName: 'clusters', projectDomainName: 'Default' },
  endpoints: {},
  sealed: 'pcg-hpke-v1.a.b.c',
}

function verify(options: RecordedOptions = {}, type: 'password' | 'application-credential' | 'token' = 'password') {
  const cloud = recordedCloud(options)
  return verifyAccount({ cloud, spec: SPEC, credentials: { type }, clock: new FakeClock() }, SIGNAL)
}

const identity = (overrides: Partial<Identity>): RecordedOptions => ({ identity: overrides })

/** What isn't well. */
async function wrong(...args: Parameters<typeof verify>) {
  return (await verify(...args)).filter(({ severity }) => severity !== 'ok')
}

it('an account with which all is well says so, service by service', async () => {
  expect(await verify()).toEqual([
    { severity: 'ok', subject: 'credentials', message: 'pcg in project clusters, with the roles member, reader' },
    { severity: 'ok', subject: 'service compute', message: 'Nova v2.1, microversion 2.93' },
    { severity: 'ok', subject: 'service network', message: 'Neutron v2.1' },
    { severity: 'ok', subject: 'service image', message: 'Glance v2.1' },
    { severity: 'ok', subject: 'service block-storage', message: 'Cinder v2.1' },
    {
      severity: 'ok',
      subject: 'service load-balancer',
      message:
        'no Octavia here: the catalog has no public endpoint of it in region RegionOne; it would be used for endpoint type load-balancer',
    },
  ])
})

describe('who logs in', () => {
  it('and is refused, stops the account: no finding, but an error', async () => {
    const refused = new PcgError('credentials', 'keystone refused them')
    await expect(verify({ identity: refused })).rejects.toBe(refused)
  })

  it('and gets no answer, is told where it was tried', async () => {
    const away = new PcgError('unavailable', "keystone can't be reached", { subject: 'spec.authUrl' })
    expect(await verify({ identity: away })).toEqual([
      {
        severity: 'error',
        subject: 'spec.authUrl',
        message: "keystone can't be reached",
        remedy: 'Check that it runs, and that this gateway may connect to it.',
      },
    ])
  })

  it('without a project can make nothing', async () => {
    expect(await verify(identity({ projectId: undefined, projectName: undefined }))).toEqual([
      {
        severity: 'error',
        subject: 'spec.scope',
        message: 'the token of pcg is for no project, and machines belong to one',
        remedy: 'Name a project in spec.scope, in place of a domain, the system, or a trust without one.',
      },
    ])
  })

  it.each([[['reader']], [[]]])('with the roles %j may only read, and is told the command for it', async (roles) => {
    expect(await wrong(identity({ roles }))).toEqual([
      expect.objectContaining({
        severity: 'error',
        subject: 'roles',
        message: 'pcg may only read in project clusters: it lacks the role member',
        remedy: expect.stringContaining('`openstack role add --project clusters --user pcg member`'),
      }),
    ])
  })

  it.each([[['admin']], [['Member']], [['_member_']]])('with the roles %j may make machines', async (roles) => {
    expect(await wrong(identity({ roles }))).toEqual([])
  })

  it('with roles of the site’s own is warned: only its policies know', async () => {
    expect(await wrong(identity({ roles: ['cluster-maker'] }))).toEqual([
      expect.objectContaining({ severity: 'warning', subject: 'roles' }),
    ])
  })

  it.each([
    [61_000, 'behind'],
    [-3_600_000, 'ahead of'],
  ])('with a clock that differs by %i ms is warned', async (clockAheadMs, words) => {
    const [finding] = await wrong(identity({ clockAheadMs }))
    expect(finding).toMatchObject({ severity: 'warning', subject: 'clock' })
    expect(finding?.message).toContain(words)
    expect(await wrong(identity({ clockAheadMs: Math.sign(clockAheadMs) * 60_000 }))).toEqual([])
  })
})

describe('an application credential', () => {
  const used = identity({ applicationCredential: { id: 'ac1', name: 'pcg', restricted: true } })
  const path = 'identity /users/u1/application_credentials/ac1'
  const until = (expires_at: string | null) => ({ [path]: { application_credential: { expires_at } } })

  it('that never ends is well', async () => {
    expect(await wrong({ ...used, answers: until(null) }, 'application-credential')).toEqual([])
  })

  it('that ends soon is a warning', async () => {
    expect(await wrong({ ...used, answers: until('2026-11-25T12:00:00.000000') }, 'application-credential')).toEqual([
      {
        severity: 'warning',
        subject: 'application credential pcg',
        message: 'expires at 2026-11-25T12:00:00.000000 (UTC), in 3 days',
        remedy: 'Make a new one, seal it, and apply the account: the gateway tests it before it takes it.',
      },
    ])
  })

  it.each([
    ['2026-12-22T12:00:00.000000', 'in 30 days'],
    ['2026-11-23T12:00:01', 'in 1 day'],
    ['2026-11-22T13:00:00Z', 'in 0 days'],
    ['2026-11-22T14:30:00+02:00', 'in 0 days'],
  ])('that ends at %s does so %s', (expiresAt, words) => {
    const [finding] = expiryFindings('it', expiresAt, Date.parse('2026-11-22T12:00:00Z'))
    expect(finding?.message).toMatch(new RegExp(`${words}$`))
  })

  it('that ends in more than 30 days, or at no time that can be read, is well', () => {
    const now = Date.parse('2026-11-22T12:00:00Z')
    expect(expiryFindings('it', '2026-12-22T12:00:01', now)).toEqual([])
    expect(expiryFindings('it', 'some day', now)).toEqual([])
  })

  it('whose end may not be read is no trouble', async () => {
    const answers = { [path]: new PcgError('denied', 'no') }
    expect(await wrong({ ...used, answers }, 'application-credential')).toEqual([])
  })

  it('that is unrestricted is a warning', async () => {
    const free = identity({ applicationCredential: { id: 'ac1', name: 'pcg', restricted: false } })
    expect(await wrong({ ...free, answers: until(null) }, 'application-credential')).toEqual([
      expect.objectContaining({ severity: 'warning', remedy: expect.stringContaining('without --unrestricted') }),
    ])
  })
})

it('a token is a warning: it ends', async () => {
  const [finding] = await wrong({}, 'token')
  expect(finding?.message).toContain('2026-11-22T18:00:00.000000Z')
})

describe('a service', () => {
  it.each(['compute', 'network', 'image'] as const)('%s that is not in the catalog is an error', async (service) => {
    expect(await wrong({ without: [service] })).toEqual([
      expect.objectContaining({
        severity: 'error',
        subject: `service ${service}`,
        message: expect.stringContaining('the catalog has no public endpoint of it in region RegionOne'),
        remedy: expect.stringContaining(`spec.endpoints.${service}`),
      }),
    ])
  })

  it('block-storage that is not in the catalog is a warning: there is a way without', async () => {
    expect(await wrong({ without: ['block-storage'] })).toEqual([
      expect.objectContaining({ severity: 'warning', remedy: expect.stringContaining('bootVolume') }),
    ])
  })

  it('that can not be reached is an error with its own words; the others are checked all the same', async () => {
    const away = new PcgError('unavailable', "the compute service can't be reached")
    const findings = await verify({ versions: { compute: away } })
    expect(findings.find(({ subject }) => subject === 'service compute')).toMatchObject({
      severity: 'error',
      message: "the compute service can't be reached",
      remedy: expect.stringContaining('spec.endpoints.compute'),
    })
    expect(findings.filter(({ severity }) => severity === 'ok')).toHaveLength(5)
  })

  it('that lets the user read nothing names the role', async () => {
    const denied = new PcgError('denied', 'policy')
    const answers = { 'load-balancer /lbaas/loadbalancers': denied, 'image /images': denied }
    expect(await wrong({ answers, without: [] })).toEqual([
      expect.objectContaining({ severity: 'error', remedy: expect.stringContaining('--user pcg member`') }),
      expect.objectContaining({ severity: 'warning', remedy: expect.stringContaining('load-balancer_member`') }),
    ])
  })

  it('that is too old says for what', async () => {
    expect(await wrong({ versions: { compute: { version: 'v2.1', microversion: '2.60' } } })).toEqual([
      {
        severity: 'warning',
        subject: 'service compute',
        message:
          'has microversions up to 2.60, and 2.64 is needed for server groups, which keep the machines of a pool on different hosts',
        remedy: 'Update nova to 18 (Rocky) or newer, or set placement.antiAffinity to none.',
      },
    ])
  })

  it.each([
    ['security-group', 'error'],
    ['standard-attr-description', 'error'],
    ['allowed-address-pairs', 'warning'],
    ['port-security', 'warning'],
    ['router', 'warning'],
    ['quota_details', 'warning'],
  ])('network without %s is an %s that says for what', async (alias, severity) => {
    const extensions = EXTENSIONS.filter((extension) => extension.alias !== alias)
    expect(await wrong({ answers: { 'network /extensions': { extensions } } })).toEqual([
      expect.objectContaining({
        severity,
        subject: 'service network',
        message: expect.stringContaining(`no extension ${alias}, which is needed for `),
      }),
    ])
  })

  it('whose question is cancelled ends the check', async () => {
    const cancelled = new PcgError('cancelled', 'stop')
    await expect(verify({ versions: { image: cancelled } })).rejects.toBe(cancelled)
  })
})

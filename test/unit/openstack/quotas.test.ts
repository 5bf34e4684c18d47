import { describe, expect, it } from 'vitest'
import {
  type AllWants,
  QUOTAS,
  type QuotaName,
  quotaFindings,
  quotasIn,
  readQuotas,
} from '../../../adapters/openstack/quotas.ts'
import type { Finding } from '../../../resources/query.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { PROJECT, type RecordedOptions, recordedCloud, SIGNAL } from './recorded-cloud.ts'

const wants = (counts: AllWants['counts'], more: Partial<AllWants> = {}): AllWants => ({
  counts,
  volumes: [],
  groups: [],
  ...more,
})

async function findings(wanted: AllWants, options: RecordedOptions = {}): Promise<Finding[]> {
  const cloud = recordedCloud({ without: [], ...options })
  return quotaFindings(wanted, await readQuotas(cloud, PROJECT, wanted, SIGNAL), 'clusters')
}

const NAMES = Object.keys(QUOTAS) as QuotaName[]

/** Answers in which this quota has a limit of 20, and 8 are used; all others are unlimited. */
function tight(name: QuotaName): RecordedOptions {
  const { service, key } = QUOTAS[name]
  const nova = { [key]: { limit: 20, in_use: 6, reserved: 2 } }
  const neutron = { [key]: { limit: 20, used: 6, reserved: 2 } }
  const none = { any: { limit: -1, in_use: 0, reserved: 0 } }
  return {
    answers: {
      [`compute /os-quota-sets/${PROJECT}/detail`]: { quota_set: service === 'compute' ? nova : none },
      [`network /quotas/${PROJECT}/details.json`]: { quota: service === 'network' ? neutron : none },
      [`block-storage /os-quota-sets/${PROJECT}`]: { quota_set: service === 'block-storage' ? nova : none },
      [`load-balancer /lbaas/quotas/${PROJECT}`]: { quota: { loadbalancer: service === 'load-balancer' ? 20 : -1 } },
      'load-balancer /lbaas/loadbalancers': { loadbalancers: Array.from({ length: 8 }, (_, id) => ({ id: `${id}` })) },
    },
  }
}

describe('a quota', () => {
  it.each(NAMES)('%s that is just enough is well, and one more is told with the numbers', async (name) => {
    expect(await findings(wants({ [name]: 12 }), tight(name))).toEqual([])
    const { service, option } = QUOTAS[name]
    const unit = name === 'ram' ? ' MiB' : ''
    const command = service === 'load-balancer' ? 'openstack loadbalancer quota set' : 'openstack quota set'
    expect(await findings(wants({ [name]: 13 }), tight(name))).toEqual([
      {
        severity: 'error',
        subject: `quota ${name}`,
        message: `13${unit} are wanted, 12 of 20${unit} are free`,
        remedy: `Have an administrator run \`${command} ${option} 21 clusters\`, or ask for less.`,
      },
    ])
  })

  it('of -1 is none', async () => {
    const all = Object.fromEntries(NAMES.map((name) => [name, 1_000_000]))
    const unlimited = tight('instances').answers ?? {}
    const answers = { ...unlimited, [`compute /os-quota-sets/${PROJECT}/detail`]: { quota_set: {} } }
    expect(await findings(wants(all), { answers })).toEqual([])
  })

  it('that is overdrawn has nothing free, not less', async () => {
    const answers = { [`compute /os-quota-sets/${PROJECT}/detail`]: { quota_set: { cores: { limit: 4, in_use: 6 } } } }
    const [finding] = await findings(wants({ cores: 1 }), { answers })
    expect(finding).toMatchObject({ message: '1 is wanted, 0 of 4 are free' })
    expect(finding?.remedy).toContain('--cores 7')
  })

  it('of a service of which nothing is wanted is not asked for', async () => {
    const cloud = recordedCloud({ without: [] })
    await readQuotas(cloud, PROJECT, wants({ ports: 1, volumes: 0 }), SIGNAL)
    expect(cloud.asked).toEqual([`network /quotas/${PROJECT}/details.json`])
  })

  it('that may not be read is a warning, not "enough"', async () => {
    const denied = new PcgError('denied', 'policy')
    const answers = { [`network /quotas/${PROJECT}/details.json`]: denied }
    expect(await findings(wants({ ports: 1 }), { answers })).toEqual([
      expect.objectContaining({ severity: 'warning', subject: 'quotas of network' }),
    ])
  })

  it('that could not be read for another reason is an error', async () => {
    const away = new PcgError('unavailable', 'away')
    const answers = { [`network /quotas/${PROJECT}/details.json`]: away }
    await expect(findings(wants({ ports: 1 }), { answers })).rejects.toBe(away)
  })
})

describe('volumes of a type', () => {
  const volumes = [{ type: 'fast', volumes: 3, gigabytes: 300, largest: 200 }]
  const withQuota = (quota: object): RecordedOptions => ({
    answers: { [`block-storage /os-quota-sets/${PROJECT}`]: { quota_set: quota } },
  })

  it.each([
    ['volumes_fast', 2, 'quota volumes of type fast', '--volumes 3 --volume-type fast'],
    ['gigabytes_fast', 299, 'quota gigabytes of type fast', '--gigabytes 300 --volume-type fast'],
    ['per_volume_gigabytes', 199, 'quota gigabytes of one volume', '--per-volume-gigabytes 200'],
  ])('are held to %s', async (key, limit, subject, option) => {
    const quota = (of: number) => withQuota({ [key]: { limit: of, in_use: 0 } })
    expect(await findings(wants({ volumes: 3 }, { volumes }), quota(limit + 1))).toEqual([])
    expect(await findings(wants({ volumes: 3 }, { volumes }), quota(limit))).toEqual([
      expect.objectContaining({ severity: 'error', subject, remedy: expect.stringContaining(option) }),
    ])
  })
})

it('the members of a server group are those of one pool, whatever others have', async () => {
  const groups = [
    { pool: 'small', members: 10 },
    { pool: 'large', members: 11 },
  ]
  expect(await findings(wants({}, { groups }))).toEqual([
    expect.objectContaining({
      subject: 'quota server group members',
      message: 'pool large is to have 11 machines in its server group, and a group may have 10',
    }),
  ])
})

it('what is reserved counts as used, whichever service says it', () => {
  const read = quotasIn({ a: { limit: 5, in_use: 1, reserved: 2 }, b: { limit: 5, used: 3 }, id: 'project', c: {} })
  expect([...read]).toEqual([
    ['a', { limit: 5, used: 3 }],
    ['b', { limit: 5, used: 3 }],
  ])
})

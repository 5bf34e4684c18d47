import { describe, expect, it } from 'vitest'
import type { MachineSpec } from '../../../adapters/adapter.ts'
import { NOTHING } from '../../../adapters/openstack/foundation/nothing.ts'
import {
  gatewayTag,
  machineTag,
  markMetadata,
  markText,
  serverGroupName,
} from '../../../adapters/openstack/owner-mark.ts'
import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import { ownerOf, port, preflight, said } from './preflight-case.ts'
import {
  type Answers,
  COMPUTE_QUOTA,
  FOUNDATION,
  foundation,
  machine,
  NETWORK_QUOTA,
  PROJECT,
  VOLUME_QUOTA,
} from './recorded-cloud.ts'

describe('the quotas', () => {
  const compute = (changes: object): Answers => ({
    [`compute /os-quota-sets/${PROJECT}/detail`]: { quota_set: { ...COMPUTE_QUOTA, ...changes } },
  })
  const limit = (count: number, used = 0) => ({ limit: count, in_use: used, reserved: 0 })
  const pool = (count: number, placement: Partial<OpenstackPlacement> = {}, overrides: Partial<MachineSpec> = {}) =>
    Array.from({ length: count }, (_, number) => machine(number, overrides, placement))

  it('are held to all machines together', async () => {
    const findings = await preflight({ machines: pool(10), answers: compute({ cores: limit(20, 10) }) })
    expect(findings).toEqual([
      {
        severity: 'error',
        subject: 'quota cores',
        message: '20 are wanted, 10 of 20 are free',
        remedy: 'Have an administrator run `openstack quota set --cores 30 clusters`, or ask for less.',
      },
    ])
  })

  it('do not count machines that are there, by their mark', async () => {
    const servers = pool(6).map(({ owner }) => ({ id: owner.machine, metadata: markMetadata(owner) }))
    const there = { 'compute /servers/detail': { servers }, ...compute({ instances: limit(8, 6) }) }
    expect(await preflight({ machines: pool(8), answers: there })).toEqual([])
    expect(said(await preflight({ machines: pool(9), answers: there }))).toEqual([
      'quota instances: 3 are wanted, 2 of 8 are free',
    ])
  })

  it('count as there what carries the mark of this gateway only', async () => {
    const theirs = { ...markMetadata(ownerOf(0)), 'pcg-gateway': 'default/site-b' }
    const there = {
      'compute /servers/detail': { servers: [{ metadata: theirs }] },
      ...compute({ instances: limit(0) }),
    }
    expect(said(await preflight({ machines: pool(1), answers: there }))).toEqual([
      'quota instances: 1 is wanted, 0 of 0 are free',
    ])
  })

  it.each([
    [2, [0, 1].map((number) => machineTag(ownerOf(number))).join(',')],
    [51, gatewayTag('default/site-a')],
  ])('ask nova of %i machines for no more servers than it must tell', async (count, tags) => {
    const queries: unknown[] = []
    const servers = (query: object) => {
      queries.push(query)
      return { servers: [] }
    }
    await preflight({ machines: pool(count), answers: { 'compute /servers/detail': servers } })
    expect(queries).toEqual([{ 'tags-any': tags }])
  })

  it('of volumes count boot volumes and disks, and what a half-made machine has already', async () => {
    const volume = (changes: object): Answers => ({
      [`block-storage /os-quota-sets/${PROJECT}`]: { quota_set: { ...VOLUME_QUOTA, ...changes } },
    })
    const machines = pool(2, { bootVolume: { type: 'fast' } }, { diskGiB: 20, disks: [{ sizeGiB: 100 }] })
    expect(said(await preflight({ machines, answers: volume({ volumes: limit(3), gigabytes: limit(200) }) }))).toEqual([
      'quota volumes: 4 are wanted, 3 of 3 are free',
      'quota gigabytes: 240 are wanted, 200 of 200 are free',
    ])
    const volumes = { 'block-storage /volumes/detail': { volumes: [{ metadata: markMetadata(ownerOf(0)) }] } }
    expect(said(await preflight({ machines, answers: { ...volume({ volumes: limit(3, 1) }), ...volumes } }))).toEqual([
      'quota volumes: 3 are wanted, 2 of 3 are free',
    ])
  })

  it("of a volume type are held to the name, cinder's own default one too", async () => {
    const quota = { volumes_fast: limit(1), gigabytes_plain: limit(150), ...VOLUME_QUOTA }
    const volume = { [`block-storage /os-quota-sets/${PROJECT}`]: { quota_set: quota } }
    const machines = pool(2, { bootVolume: { type: 't1' } }, { diskGiB: 20, disks: [{ sizeGiB: 100 }] })
    expect(said(await preflight({ machines, answers: volume }))).toEqual([
      'quota volumes of type fast: 2 are wanted, 1 of 1 is free',
      'quota gigabytes of type plain: 200 are wanted, 150 of 150 are free',
    ])
  })

  it('of a cloud without volumes are none: that there are no volumes is said', async () => {
    const one = { machines: pool(1, {}, { disks: [{ sizeGiB: 10 }] }), without: ['block-storage'] as const }
    expect(said(await preflight(one))).toEqual([
      'volumes: are asked for, and this cloud has none (no Cinder in its catalog)',
    ])
  })

  it('count what the foundation still needs, and nothing of what it has', async () => {
    const quota = { quota: { ...NETWORK_QUOTA, security_group: { limit: 3, used: 2, reserved: 0 } } }
    const full = { [`network /quotas/${PROJECT}/details.json`]: quota }
    expect(said(await preflight({ answers: full, foundation: foundation() }))).toEqual([
      'quota security groups: 2 are wanted, 1 of 3 is free',
    ])
    const group = (part: 'nodes' | 'control-plane') => ({ id: part, createdAt: '', used: true, part, rules: [] })
    const observed = { ...NOTHING, securityGroups: [group('nodes'), group('control-plane')] }
    expect(await preflight({ answers: full, foundation: foundation(), observed })).toEqual([])
  })

  it('count a port for each machine that has none yet', async () => {
    const quota = { quota: { ...NETWORK_QUOTA, port: { limit: 2, used: 1, reserved: 0 } } }
    const full = { [`network /quotas/${PROJECT}/details.json`]: quota }
    expect(said(await preflight({ machines: pool(2), answers: full }))).toEqual([
      'quota ports: 2 are wanted, 1 of 2 is free',
    ])
    const ports = { 'network /ports': { ports: [port({ description: markText(ownerOf(0)) })] } }
    expect(await preflight({ machines: pool(2), answers: { ...full, ...ports } })).toEqual([])
  })

  it('let only so many machines into the server group of a pool, those that are in it included', async () => {
    const name = serverGroupName({ ...ownerOf(1), machine: FOUNDATION }, 'general')
    const members = (count: number) => ({
      'compute /os-server-groups': { server_groups: [{ name, members: pool(count).map(({ name: of }) => of) }] },
    })
    const groups = compute({ server_group_members: limit(5), instances: limit(100), cores: limit(-1) })
    const machines = [6, 7, 8].map((number) => machine(number))
    expect(await preflight({ machines, answers: { ...groups, ...members(2) } })).toEqual([])
    expect(said(await preflight({ machines, answers: { ...groups, ...members(3) } }))).toEqual([
      'quota server group members: pool general is to have 6 machines in its server group, and a group may have 5',
    ])
    const apart = [6, 7, 8].map((number) => machine(number, {}, { antiAffinity: 'none' }))
    expect(await preflight({ machines: apart, answers: { ...groups, ...members(3) } })).toEqual([])
  })

  it('are named with the project, so that its administrator knows whose', async () => {
    const [finding] = await preflight({ answers: compute({ cores: limit(0) }), identity: { projectName: 'team-a' } })
    expect(finding?.remedy).toContain('--cores 2 team-a')
  })
})

import { describe, expect, it } from 'vitest'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { answers, asked, type Case, placed, preflight, said } from './preflight-case.ts'
import { type Answers, FLAVOR, foundation, IMAGE, machine, NETWORK, PUBLIC, SUBNET } from './recorded-cloud.ts'

it('machines for which there is everything and room lead to no finding', async () => {
  const pool = [1, 2, 3].map((number) => machine(number))
  expect(await preflight({ machines: pool, foundation: foundation() })).toEqual([])
})

it('hundreds of machines cost no more requests than one', async () => {
  const many = Array.from({ length: 300 }, (_, number) =>
    machine(number, {
      address: {
        type: 'static',
        address: `10.0.${Math.floor(number / 200)}.${(number % 200) + 20}`,
        prefix: 16,
        gateway: '10.0.0.1',
        nameservers: [],
        searchDomains: [],
      },
    }),
  )
  const one = await asked({ machines: [machine()], foundation: foundation() })
  const all = await asked({ machines: many, foundation: foundation() })
  expect(all.requests.toSorted()).toEqual(one.requests.toSorted())
  expect(one.requests.length).toBeLessThan(20)
})

describe('what a placement names must be there', () => {
  it.each<[string, Case, string]>([
    ['image', placed({ image: 'debain-12' }), 'image debain-12'],
    ['flavor', placed({}, { size: { type: 'flavor', flavor: 'm1.smal' } }), 'flavor m1.smal'],
    ['network', placed({ network: { type: 'existing', network: 'node' } }), 'network node'],
    ['subnet', placed({ network: { type: 'existing', network: 'nodes', subnet: 'v6' } }), 'subnet v6'],
    [
      'external network',
      placed({ network: { type: 'create', cidr: '10.5.0.0/24', nameservers: [], router: 'out' } }),
      'external network out',
    ],
    ['availability zone', placed({ availabilityZone: 'west' }), 'availability zone west'],
    ['keypair', placed({ keypair: 'mine' }), 'keypair mine'],
    ['security group', placed({ securityGroups: ['default', 'web'] }), 'security group web'],
    ['type of the boot volume', placed({ bootVolume: { type: 'ssd' } }, { diskGiB: 20 }), 'volume type ssd'],
    ['type of volumes', placed({ volumeType: 'ssd' }, { disks: [{ sizeGiB: 1 }] }), 'volume type ssd'],
  ])('%s', async (_, one, subject) => {
    const findings = await preflight(one)
    expect(said(findings)).toEqual([`${subject}: does not exist, or the project doesn't see it`])
    expect(findings[0]).toMatchObject({ severity: 'error', remedy: expect.stringMatching(/Did you mean|There is/) })
  })

  it('and be the only one of its name', async () => {
    const images = { images: [IMAGE, { ...IMAGE, id: 'i2' }] }
    expect(said(await preflight(answers({ 'image /images': images })))).toEqual(['image debian-12: is the name of 2'])
  })

  it('all that is missing is told at once', async () => {
    const findings = await preflight(placed({ image: 'a', keypair: 'b', network: { type: 'existing', network: 'c' } }))
    expect(findings.map(({ subject }) => subject).toSorted()).toEqual(['image a', 'keypair b', 'network c'])
  })

  it('but what a service fails to say is an error', async () => {
    const away = new PcgError('unavailable', 'away')
    await expect(preflight(answers({ 'image /images': away }))).rejects.toBe(away)
  })
})

describe('image and flavor', () => {
  it.each([
    ['queued', 'Upload its data'],
    ['saving', 'Wait'],
    ['deactivated', '--activate'],
    ['killed', 'Name another image.'],
  ])('an image that is %s can not be booted from', async (status, remedy) => {
    const [finding, ...others] = await preflight(answers({ 'image /images': { images: [{ ...IMAGE, status }] } }))
    expect(others).toEqual([])
    expect(finding).toMatchObject({
      severity: 'error',
      message: `is ${status}, and machines can be made only from an active one`,
      remedy: expect.stringContaining(remedy),
    })
  })

  const flavor = (changes: object) => ({ 'compute /flavors/detail': { flavors: [{ ...FLAVOR, ...changes }] } })
  const image = (changes: object) => ({ 'image /images': { images: [{ ...IMAGE, ...changes }] } })

  it.each<[string, Answers, string]>([
    ['memory', flavor({ ram: 511 }), 'flavor m1.small: has 511 MiB of memory, and image debian-12 needs 512'],
    ['disk', flavor({ disk: 1 }), 'flavor m1.small: has a disk of 1 GiB, and image debian-12 needs 2'],
    [
      'disk for the file itself',
      image({ size: 10 * 1024 ** 3 + 1 }),
      'flavor m1.small: has a disk of 10 GiB, and image debian-12 needs 11',
    ],
    [
      'disk for what is compressed in it',
      image({ virtual_size: 20 * 1024 ** 3 }),
      'flavor m1.small: has a disk of 10 GiB, and image debian-12 needs 20',
    ],
  ])('a flavor with too little %s is told with both sizes', async (_, changes, expected) => {
    expect(said(await preflight(answers(changes)))).toEqual([expected])
  })

  it('a flavor without a disk is for administrators, and for boot volumes', async () => {
    const none = flavor({ disk: 0 })
    expect(said(await preflight(answers(none)))).toEqual([
      'flavor m1.small: has no disk of its own, and nova lets only administrators boot an image with such a flavor',
    ])
    expect(await preflight({ answers: none, identity: { roles: ['admin'] } })).toEqual([])
    expect(await preflight({ answers: none, ...placed({ bootVolume: {} }, { diskGiB: 2 }) })).toEqual([])
  })

  it('a boot volume must hold the image', async () => {
    expect(await preflight(placed({ bootVolume: {} }, { diskGiB: 1 }))).toEqual([
      {
        severity: 'error',
        subject: 'diskGiB',
        message: 'is 1, and image debian-12 needs 2 GiB',
        remedy: 'Set diskGiB to 2 or more.',
      },
    ])
  })

  it('a machine without a flavor needs one', async () => {
    const one = { machines: [machine(1, { size: { type: 'custom', cpus: 2, memoryMiB: 2048 } })] }
    expect(said(await preflight(one))).toEqual([expect.stringMatching(/^flavor: is missing/)])
  })
})

it('an availability zone that is closed takes nothing', async () => {
  expect(said(await preflight(placed({ availabilityZone: 'old' })))).toEqual([
    'availability zone old: is not available: nova puts nothing into it',
  ])
})

it('user-data is measured as nova does, in base64, and told once', async () => {
  const of = (length: number) => [1, 2].map((number) => machine(number, { userData: 'x'.repeat(length) }))
  expect(await preflight({ machines: of(49_149) })).toEqual([])
  expect(said(await preflight({ machines: of(49_150) }))).toEqual([
    'user-data: is 65536 bytes in base64, and nova takes 65535',
  ])
})

describe('the network', () => {
  const network = (changes: object) =>
    answers({ 'network /networks': { networks: [{ ...NETWORK, ...changes }, PUBLIC] } })

  it('without port security takes no security groups, so no cluster', async () => {
    const open = network({ port_security_enabled: false })
    expect(await preflight(open)).toEqual([])
    expect(said(await preflight({ ...open, foundation: foundation() }))).toEqual([
      'network nodes: has port security switched off, so its ports take no security groups and no virtual IP',
    ])
  })

  it('that is switched off is told', async () => {
    expect(said(await preflight(network({ admin_state_up: false })))).toEqual(['network nodes: is switched off'])
  })

  it('without DHCP is a warning where user-data comes from the metadata service', async () => {
    const subnets = { 'network /subnets': { subnets: [{ ...SUBNET, enable_dhcp: false }] } }
    expect(await preflight(answers(subnets))).toEqual([])
    const findings = await preflight({ ...answers(subnets), ...placed({ userData: 'metadata-service' }) })
    expect(findings).toEqual([expect.objectContaining({ severity: 'warning', subject: 'subnet nodes-v4' })])
  })
})

it('a token without a project is told, and nothing is asked', async () => {
  const { findings, requests } = await asked({ identity: { projectId: undefined } })
  expect(findings).toEqual([expect.objectContaining({ severity: 'error', subject: 'spec.scope' })])
  expect(requests).toEqual([])
})

it('machines of one cluster in two placements are checked in both', async () => {
  const machines = [machine(1), machine(2, {}, { image: 'other' }), machine(3, {}, { image: 'other' })]
  expect(said(await preflight({ machines }))).toEqual(["image other: does not exist, or the project doesn't see it"])
})

import { describe, expect, it } from 'vitest'
import { Names } from '../../../adapters/openstack/names.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { FakeClock } from './client/fake-cloud.ts'
import { type Answers, IMAGE, NETWORK, PROJECT, PUBLIC, recordedCloud, SIGNAL, SUBNET } from './recorded-cloud.ts'

const UUID = '0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f'

function namesOf(answers: Answers = {}) {
  const cloud = recordedCloud({ answers })
  const clock = new FakeClock()
  return { cloud, clock, names: new Names(cloud, clock) }
}

describe('a name', () => {
  it('is found in its service', async () => {
    const { names } = namesOf()
    expect(await names.image('debian-12', SIGNAL)).toMatchObject({
      id: 'i1',
      status: 'active',
      minDisk: 2,
      minRam: 512,
      size: 2 * 1024 ** 3,
      diskFormat: 'qcow2',
    })
    expect(await names.flavor('m1.small', SIGNAL)).toMatchObject({ id: 'f1', vcpus: 2, ram: 2048, disk: 10, swap: 0 })
    expect(await names.network('nodes', SIGNAL)).toMatchObject({ id: 'n1', external: false, portSecurity: true })
    expect(await names.subnet('n1', 'nodes-v4', SIGNAL)).toMatchObject({ id: 's1', cidr: '10.0.0.0/24' })
    expect(await names.externalNetwork('public', SIGNAL)).toMatchObject({ id: 'x1', external: true })
    expect(await names.securityGroup('default', SIGNAL)).toEqual({ id: 'g1', name: 'default' })
    expect(await names.volumeType('fast', SIGNAL)).toMatchObject({ id: 't1' })
    expect(await names.keypair('operators', SIGNAL)).toMatchObject({ name: 'operators' })
    expect(await names.availabilityZone('old', SIGNAL)).toMatchObject({ available: false })
  })

  it('that is an id is one', async () => {
    const { names, cloud } = namesOf({
      [`image /images/${UUID}`]: { ...IMAGE, id: UUID },
      'network /networks': { networks: [{ ...NETWORK, id: UUID, name: 'other' }, NETWORK] },
    })
    expect(await names.image(UUID, SIGNAL)).toMatchObject({ id: UUID })
    expect(await names.network(UUID, SIGNAL)).toMatchObject({ id: UUID, name: 'other' })
    expect(await names.flavor('f1', SIGNAL)).toMatchObject({ name: 'm1.small' })
    expect(cloud.asked).not.toContain('image /images')
  })

  it('that looks like an id may be a name all the same', async () => {
    const { names } = namesOf({ 'image /images': { images: [{ ...IMAGE, name: UUID }] } })
    expect(await names.image(UUID, SIGNAL)).toMatchObject({ id: 'i1' })
  })

  it('of a network inside is none of an external one', async () => {
    await expect(namesOf().names.externalNetwork('nodes', SIGNAL)).rejects.toMatchObject({
      code: 'not-found',
      subject: 'external network nodes',
    })
  })

  it("of a security group is the project's own: an administrator sees others' of the same name", async () => {
    const groups = [
      { id: 'theirs', name: 'default', project_id: 'other' },
      { id: 'ours', name: 'default', project_id: PROJECT },
    ]
    const { names } = namesOf({ 'network /security-groups': { security_groups: groups } })
    expect(await names.securityGroup('default', SIGNAL)).toEqual({ id: 'ours', name: 'default' })
  })
})

describe('what is not there', () => {
  it('is refused with the name that was probably meant', async () => {
    await expect(namesOf().names.image('debain-12', SIGNAL)).rejects.toMatchObject({
      code: 'not-found',
      subject: 'image debain-12',
      message: "image debain-12 does not exist, or the project doesn't see it",
      remedy: 'Did you mean debian-12?',
    })
  })

  it('is refused with the names that there are, if none is near', async () => {
    await expect(namesOf().names.availabilityZone('west', SIGNAL)).rejects.toMatchObject({
      remedy: 'There is nova, old.',
    })
    const none = namesOf({ 'compute /os-keypairs': { keypairs: [] } }).names
    await expect(none.keypair('mine', SIGNAL)).rejects.toMatchObject({
      remedy: 'The project sees none at all: make one, or have one shared with it.',
    })
  })

  it('is no excuse for what a service says otherwise', async () => {
    const { names } = namesOf({ 'image /images': new PcgError('unavailable', 'glance is away') })
    await expect(names.image('debian-12', SIGNAL)).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('where several could be meant', () => {
  it('the ids are listed, of which one is to be written', async () => {
    const { names } = namesOf({ 'image /images': { images: [IMAGE, { ...IMAGE, id: 'i2' }] } })
    await expect(names.image('debian-12', SIGNAL)).rejects.toMatchObject({
      code: 'conflict',
      subject: 'image debian-12',
      remedy: 'Write the id of the one that is meant: i1 or i2.',
    })
  })

  it('the only subnet for IPv4 is the one', async () => {
    const v6 = { ...SUBNET, id: 's6', ip_version: 6, cidr: 'fd00::/64' }
    const { names } = namesOf({ 'network /subnets': { subnets: [v6, SUBNET] } })
    expect(await names.subnet('n1', undefined, SIGNAL)).toMatchObject({ id: 's1' })
  })

  it('two subnets must be told apart', async () => {
    const { names } = namesOf({ 'network /subnets': { subnets: [SUBNET, { ...SUBNET, id: 's2', name: '' }] } })
    await expect(names.subnet('n1', undefined, SIGNAL)).rejects.toMatchObject({
      code: 'conflict',
      message: 'network n1 has 2 IPv4 subnets: nodes-v4 (s1), s2',
      remedy: 'Name one in placement.network.subnet.',
    })
  })

  it('the only external network is the one; of two one must be named', async () => {
    expect(await namesOf().names.externalNetwork(undefined, SIGNAL)).toMatchObject({ id: 'x1' })
    const two = namesOf({ 'network /networks': { networks: [PUBLIC, { ...PUBLIC, id: 'x2', name: 'dmz' }] } }).names
    await expect(two.externalNetwork(undefined, SIGNAL)).rejects.toMatchObject({ code: 'conflict' })
    const none = namesOf({ 'network /networks': { networks: [NETWORK] } }).names
    await expect(none.externalNetwork(undefined, SIGNAL)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('what was found', () => {
  it('is known for a minute, for all who ask', async () => {
    const { names, cloud, clock } = namesOf()
    await Promise.all(Array.from({ length: 100 }, () => names.image('debian-12', SIGNAL)))
    clock.at += 59_000
    await names.image('debian-12', SIGNAL)
    expect(cloud.asked).toEqual(['image /images'])
    clock.at += 1_000
    await names.image('debian-12', SIGNAL)
    expect(cloud.asked).toHaveLength(2)
  })

  it('is forgotten when told so', async () => {
    const { names, cloud } = namesOf()
    await names.flavor('m1.small', SIGNAL)
    names.forget()
    await names.flavor('m1.small', SIGNAL)
    expect(cloud.asked).toHaveLength(2)
  })

  it('of one kind is not taken for another of that name', async () => {
    const { names } = namesOf({ 'compute /os-keypairs': { keypairs: [{ keypair: { name: 'debian-12' } }] } })
    expect(await names.image('debian-12', SIGNAL)).toMatchObject({ id: 'i1' })
    expect(await names.keypair('debian-12', SIGNAL)).toEqual({ id: 'debian-12', name: 'debian-12' })
  })

  it('is not remembered if it failed', async () => {
    let fails = true
    const { names } = namesOf({
      'image /images': () => {
        if (fails) throw new PcgError('unavailable', 'away')
        return { images: [IMAGE] }
      },
    })
    await expect(names.image('debian-12', SIGNAL)).rejects.toMatchObject({ code: 'unavailable' })
    fails = false
    expect(await names.image('debian-12', SIGNAL)).toMatchObject({ id: 'i1' })
  })

  it("survives the one who asked first: nobody's signal ends what others wait for", async () => {
    const { names } = namesOf()
    const impatient = new AbortController()
    const first = names.image('debian-12', impatient.signal)
    const second = names.image('debian-12', SIGNAL)
    impatient.abort()
    await expect(first).rejects.toMatchObject({ code: 'cancelled' })
    expect(await second).toMatchObject({ id: 'i1' })
  })
})

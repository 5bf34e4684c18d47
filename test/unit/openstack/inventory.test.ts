import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { listInventory } from '../../../adapters/openstack/inventory.ts'
import { roleDocument } from '../../../adapters/openstack/role-document.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { FLAVOR, IMAGE, NETWORK, type RecordedOptions, recordedCloud, SIGNAL, SUBNET } from './recorded-cloud.ts'

async function inventory(options: RecordedOptions = {}, kind?: string) {
  const items = await listInventory(recordedCloud(options), SIGNAL)
  return items.filter((item) => kind === undefined || item.kind === kind)
}

describe('the inventory', () => {
  it('has everything that a placement may name, with what one chooses by', async () => {
    expect(await inventory()).toEqual([
      { kind: 'flavor', name: 'm1.small', path: 'm1.small', detail: { id: 'f1', vcpus: 2, ramMiB: 2048, diskGiB: 10 } },
      {
        kind: 'image',
        name: 'debian-12',
        path: 'debian-12',
        detail: {
          id: 'i1',
          status: 'active',
          usable: true,
          minDiskGiB: 2,
          minRamMiB: 512,
          sizeMiB: 2048,
          format: 'qcow2',
        },
      },
      { kind: 'network', name: 'nodes', path: 'nodes', detail: { id: 'n1', external: false, shared: false } },
      { kind: 'external-network', name: 'public', path: 'public', detail: { id: 'x1', shared: false } },
      {
        kind: 'subnet',
        name: 'nodes-v4',
        path: 'nodes/nodes-v4',
        detail: { id: 's1', cidr: '10.0.0.0/24', network: 'nodes', dhcp: true },
      },
      { kind: 'availability-zone', name: 'nova', path: 'nova', detail: { id: 'nova', available: true } },
      { kind: 'availability-zone', name: 'old', path: 'old', detail: { id: 'old', available: false } },
      { kind: 'volume-type', name: 'fast', path: 'fast', detail: { id: 't1', public: true } },
      { kind: 'keypair', name: 'operators', path: 'operators', detail: { id: 'operators', type: 'ssh' } },
      { kind: 'security-group', name: 'default', path: 'default', detail: { id: 'g1' } },
    ])
  })

  it('shows the ids of those whose name is not the only one, and of those that have none', async () => {
    const subnets = [
      SUBNET,
      { ...SUBNET, id: 's2' },
      { ...SUBNET, id: 's3', name: '' },
      { ...SUBNET, id: 's4', network_id: 'x1' },
    ]
    const found = await inventory({ answers: { 'network /subnets': { subnets } } }, 'subnet')
    expect(found.map(({ name, path }) => [name, path])).toEqual([
      ['s1', 'nodes/nodes-v4'],
      ['s2', 'nodes/nodes-v4'],
      ['s3', 'nodes/s3'],
      // The only one of that name on its network.
      ['nodes-v4', 'public/nodes-v4'],
    ])
  })

  it('says of an image that is not active that it can not be used', async () => {
    const queued = { ...IMAGE, status: 'queued', size: null, min_disk: 0, min_ram: 0, disk_format: null }
    const [image] = await inventory({ answers: { 'image /images': { images: [queued] } } }, 'image')
    expect(image?.detail).toEqual({ id: 'i1', status: 'queued', usable: false })
  })

  it('says how many addresses a subnet has left, where the cloud tells', async () => {
    const told = [{ subnet_ip_availability: [{ subnet_id: 's1', total_ips: 253, used_ips: 13 }] }]
    const answers = { 'network /network-ip-availabilities': { network_ip_availabilities: told } }
    expect((await inventory({ answers }, 'subnet'))[0]?.detail.freeAddresses).toBe(240)
    const denied = { 'network /network-ip-availabilities': new PcgError('denied', 'for administrators') }
    expect((await inventory({ answers: denied }, 'subnet'))[0]?.detail).not.toHaveProperty('freeAddresses')
  })

  it('reads every page', async () => {
    const flavors = Array.from({ length: 50 }, (_, index) => ({ ...FLAVOR, id: `f${index}`, name: `m${index}` }))
    expect(await inventory({ answers: { 'compute /flavors/detail': { flavors } } }, 'flavor')).toHaveLength(50)
  })

  it('has server groups with their policy, whichever way nova writes it', async () => {
    const groups = [
      { id: 'a', name: 'a', policy: 'anti-affinity', members: ['1', '2'] },
      { id: 'b', name: 'b', policies: ['affinity'], members: [] },
    ]
    const found = await inventory(
      { answers: { 'compute /os-server-groups': { server_groups: groups } } },
      'server-group',
    )
    expect(found.map(({ detail }) => detail)).toEqual([
      { id: 'a', policy: 'anti-affinity', members: 2 },
      { id: 'b', policy: 'affinity', members: 0 },
    ])
  })

  it('of a cloud without volumes has no volume types', async () => {
    expect(await inventory({ without: ['block-storage'] }, 'volume-type')).toEqual([])
  })

  it('fails as a whole where a service fails: an error is no empty list', async () => {
    const away = new PcgError('unavailable', 'away')
    await expect(inventory({ answers: { 'network /subnets': away } })).rejects.toBe(away)
  })

  it('marks a network that is switched off', async () => {
    const answers = { 'network /networks': { networks: [{ ...NETWORK, admin_state_up: false }] } }
    expect((await inventory({ answers }, 'network'))[0]?.detail).toMatchObject({ up: false })
  })
})

it('docs/openstack-role.md is what the adapter needs', () => {
  expect(readFileSync(new URL('../../../docs/openstack-role.md', import.meta.url), 'utf8')).toBe(roleDocument())
})

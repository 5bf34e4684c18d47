import { describe, expect, it } from 'vitest'
import { listInventory } from '../../../adapters/vsphere/inventory.ts'
import { buildTree, escapeName, type Tree, unescapeName } from '../../../adapters/vsphere/inventory-tree.ts'
import { resolvePlacement } from '../../../adapters/vsphere/placement.ts'
import type { VspherePlacement } from '../../../resources/cluster.ts'
import { PLACEMENT } from './fixtures.ts'

const ROOT = { type: 'Folder', value: 'root' }

const CAPACITY = { numHosts: 3, numCpuCores: 48, totalMemory: String(512 * 1024 ** 3) }

/** Two datacenters with the same names inside, where a name alone may not tell. */
function site(fast: object = { freeSpace: String(5 * 1024 ** 3), capacity: String(9 * 1024 ** 3) }): Tree {
  const objects = ['DC0', 'DC1'].flatMap((dc) => {
    const id = (name: string) => `${dc}-${name}`
    const node = (type: string, name: string, parent: string, values: object = {}) => ({
      ref: { type, value: id(name) },
      values: new Map<string, unknown>(
        Object.entries({ name: name.replace(/^.*:/, ''), parent: refTo(id(parent)), ...values }),
      ),
      missing: new Map(),
    })
    const datacenter = {
      ref: { type: 'Datacenter', value: dc },
      values: new Map<string, unknown>([
        ['name', dc],
        ['parent', ROOT],
        ['vmFolder', { type: 'Folder', value: id('vm') }],
      ]),
      missing: new Map(),
    }
    const top = (name: string) => ({
      ...node('Folder', name, ''),
      values: new Map<string, unknown>([
        ['name', name],
        ['parent', refTo(dc)],
      ]),
    })
    const mounted = {
      datastore: [refTo(id('fast')), refTo(id('slow'))],
      network: [refTo(id('VM Network')), refTo(id('pg'))],
    }
    const owner = (compute: string) => ({ owner: refTo(id(compute)) })
    return [
      datacenter,
      top('vm'),
      top('host'),
      node('Folder', 'prod', 'vm'),
      node('Folder', 'web', 'prod'),
      node('ClusterComputeResource', 'C0', 'host', { ...mounted, summary: CAPACITY }),
      node('ClusterComputeResource', 'C1', 'host', { ...mounted, datastore: [refTo(id('slow'))] }),
      node('ResourcePool', 'c0:Resources', 'C0', owner('C0')),
      node('ResourcePool', 'c1:Resources', 'C1', owner('C1')),
      node('ResourcePool', 'c0:gold', 'c0:Resources', owner('C0')),
      node('ResourcePool', 'c1:gold', 'c1:Resources', owner('C1')),
      node('Datastore', 'fast', 'host', { summary: fast }),
      node('Datastore', 'slow', 'host', { summary: { freeSpace: '0' } }),
      node('Network', 'VM Network', 'host'),
      node('DistributedVirtualPortgroup', 'pg', 'host', {
        'config.key': 'pg-key',
        'config.distributedVirtualSwitch': refTo(id('dvs')),
      }),
      node('DistributedVirtualPortgroup', 'S-DVUplinks-9', 'host'),
      node('DistributedVirtualSwitch', 'dvs', 'host', { uuid: 'switch-uuid' }),
      node('VirtualMachine', 'debian-12', 'prod', { 'config.template': true }),
      node('VirtualMachine', 'a-vm', 'vm', { 'config.template': false }),
    ]
  })
  return buildTree(ROOT, objects)
}

const refTo = (value: string) => ({ type: 'X', value })

function resolve(overrides: Partial<VspherePlacement> = {}) {
  return resolvePlacement(site(), { ...PLACEMENT, ...overrides })
}

function problems(overrides: Partial<VspherePlacement>): string[] {
  const resolution = resolve(overrides)
  return resolution.ok
    ? []
    : resolution.findings.map(({ subject, message, remedy }) => `${subject} ${message} ${remedy}`)
}

describe('a placement', () => {
  it('resolves inside its own datacenter', () => {
    expect(resolve({ datacenter: 'DC1' })).toMatchObject({
      ok: true,
      placement: {
        folder: { value: 'DC1-vm' },
        pool: { ref: { value: 'DC1-c0:Resources' } },
        datastore: { ref: { value: 'DC1-fast' }, freeBytes: 5 * 1024 ** 3 },
        network: { kind: 'standard', name: 'VM Network' },
        template: { ref: { value: 'DC1-debian-12' } },
        isTemplate: true,
      },
    })
  })

  it.each([
    [{ folder: 'prod/web' }, { folder: { value: 'DC0-web' } }],
    [{ resourcePool: 'C1', datastore: 'slow' }, { pool: { ref: { value: 'DC0-c1:Resources' } } }],
    [{ resourcePool: 'C0/gold' }, { pool: { ref: { value: 'DC0-c0:gold' } } }],
    [{ resourcePool: 'C0/Resources/gold' }, { pool: { ref: { value: 'DC0-c0:gold' } } }],
    [{ network: 'pg' }, { network: { kind: 'distributed', portgroupKey: 'pg-key', switchUuid: 'switch-uuid' } }],
    [{ template: 'prod/debian-12' }, { template: { ref: { value: 'DC0-debian-12' } } }],
    [{ template: 'a-vm' }, { isTemplate: false }],
  ])('%j', (overrides, placement) => {
    expect(resolve(overrides)).toMatchObject({ ok: true, placement })
  })

  it('that is ambiguous says by which names it isn’t', () => {
    expect(problems({ resourcePool: 'gold' })).toEqual([
      'resourcePool gold is the name of 2 in datacenter DC0 Write one of: C0/Resources/gold, C1/Resources/gold.',
    ])
  })

  it('that names several things in vain hears of all of them at once', () => {
    expect(problems({ datastore: 'x', network: 'y', template: 'z' })).toEqual([
      'datastore x does not exist in datacenter DC0: there are fast, slow Correct placement.datastore.',
      'network y does not exist in datacenter DC0: there are VM Network, pg Correct placement.network.',
      'template z does not exist in datacenter DC0: there are debian-12 Correct placement.template.',
    ])
  })

  it('on a datastore that is out of use is refused', () => {
    for (const [state, words] of [
      [{ accessible: 'false' }, 'is not accessible'],
      [{ maintenanceMode: 'inMaintenance' }, 'is in maintenance'],
    ] as const) {
      expect(resolvePlacement(site(state), PLACEMENT)).toMatchObject({
        ok: false,
        findings: [{ subject: 'datastore fast', message: words }],
      })
    }
  })

  it('whose datastore the pool’s hosts don’t have is refused', () => {
    expect(problems({ resourcePool: 'C1' })).toEqual([
      expect.stringContaining('datastore fast is not on the hosts of C1'),
    ])
  })
})

it('the inventory gives each thing the name that a placement resolves', () => {
  const tree = site()
  const items = listInventory(tree).filter(({ detail }) => detail.datacenter === 'DC0')
  const namesOf = (kind: string) => items.filter((item) => item.kind === kind).map(({ name }) => name)
  expect(namesOf('folder')).toEqual(['prod', 'prod/web'])
  expect(namesOf('network')).toEqual(['VM Network', 'pg'])
  expect(namesOf('template')).toEqual(['prod/debian-12'])
  expect(namesOf('resource-pool')).toEqual(['C0/gold', 'C1/gold'])
  const detailOf = (name: string) => items.find((item) => item.name === name)?.detail
  expect(detailOf('C0')).toMatchObject({ hosts: 3, cores: 48, memoryGiB: 512 })
  const space = { id: 'DC0-fast', datacenter: 'DC0', type: '', freeGiB: 5, capacityGiB: 9 }
  expect(detailOf('fast')).toEqual(space)
  for (const folder of namesOf('folder')) expect(resolve({ folder }).ok).toBe(true)
  for (const template of namesOf('template')) expect(resolve({ template }).ok).toBe(true)
  for (const resourcePool of namesOf('resource-pool'))
    expect(resolve({ resourcePool, datastore: 'slow' }).ok).toBe(true)
})

it('the inventory says of a datastore what keeps it from being used', () => {
  const detailOf = (summary: object) => listInventory(site(summary)).find(({ name }) => name === 'fast')?.detail
  expect(detailOf({ accessible: 'false' })).toMatchObject({ accessible: false })
  expect(detailOf({ accessible: 'true', maintenanceMode: 'normal' })).not.toHaveProperty('maintenance')
  expect(detailOf({ maintenanceMode: 'inMaintenance' })).toMatchObject({ maintenance: true })
})

it('names with slashes are escaped as vCenter does', () => {
  expect(escapeName('50%/a\\b')).toBe('50%25%2fa%5cb')
  expect(unescapeName(escapeName('50%/a\\b'))).toBe('50%/a\\b')
})

import { describe, expect, it } from 'vitest'
import { poolGoals } from '../../../gateway/clusters/revision.ts'
import { type Cluster, clusterSchema } from '../../../resources/cluster.ts'
import { cluster, openstackCluster, profile } from './fixtures.ts'

const { layers } = profile().spec
const revisions = ({ spec }: Cluster): string[] => poolGoals(spec, layers).map(({ revision }) => revision)
const place = {
  cloud: 'vsphere',
  datacenter: 'DC0',
  resourcePool: 'C0',
  datastore: 'LocalDS_0',
  network: 'VM Network',
  template: 'debian-12',
}
const openstack = openstackCluster()

describe('the revision of machines', () => {
  it('is what earlier releases made of the same cluster, so that an update rolls nothing', () => {
    expect(revisions(cluster())).toEqual(['470dbe39', '0f60a510'])
    const sandbox = cluster()
    const vsphere = clusterSchema.parse({ ...sandbox, spec: { ...sandbox.spec, placement: place } })
    expect(revisions(vsphere)).toEqual(['b68b1fad', 'fb510274'])
  })

  it.each([
    ['whom the cluster lets in', openstackCluster({ access: { ssh: ['192.0.2.0/24'], api: [] } })],
    ['where its floating IP is from', openstackCluster({ endpoint: { type: 'floating-ip', network: 'other' } })],
    ['where its floating IP is from, if that is left out', openstackCluster({ endpoint: { type: 'floating-ip' } })],
    [
      'which floating IP it is',
      openstackCluster({ endpoint: { type: 'floating-ip', network: 'public', address: '203.0.113.7' } }),
    ],
    ['which nameservers its network tells', openstackCluster({ nameservers: ['192.0.2.53'] })],
    ['how many there are', openstackCluster({ workers: 3 })],
  ])('does not depend on %s', (_, other) => {
    expect(revisions(other)).toEqual(revisions(openstack))
  })

  it.each([
    ['port of the API', openstackCluster({ endpoint: { type: 'floating-ip', port: 443 } })],
    [
      'image',
      clusterSchema.parse({
        ...openstack,
        spec: { ...openstack.spec, placement: { ...openstack.spec.placement, image: 'debian-13' } },
      }),
    ],
  ])('depends on the %s', (_, other) => {
    expect(revisions(other)).not.toEqual(revisions(openstack))
  })
})

/** A machine, and what real services (nova 26, neutron 21, cinder 21) answered of one. */
import type { MachineSpec } from '../../../../adapters/adapter.ts'
import { composeObserved, type OpenstackObserved, type Parts } from '../../../../adapters/openstack/machine/observed.ts'
import {
  readMember,
  readPort,
  readServer,
  readVolume,
  type SeenMember,
  type SeenPort,
  type SeenServer,
  type SeenVolume,
} from '../../../../adapters/openstack/machine/seen.ts'
import { gatewayTag, machineTag, markText } from '../../../../adapters/openstack/owner-mark.ts'
import type { OpenstackPlacement } from '../../../../resources/cluster.ts'

export const OWNER = { gateway: 'acme/site-1', cluster: 'prod', machine: '00000000-0000-4000-8000-000000000001' }
export const SERVER = 'f85242da-8be6-4b50-ba43-9e42103a24d8'
export const PORT = '3106e820-dce2-47aa-a9b5-dfc2d2bb485b'
export const VOLUME = 'df3ae636-a6ef-4f97-aad1-ae80e84baf81'

export const PLACEMENT: OpenstackPlacement = {
  cloud: 'openstack',
  image: 'debian-12',
  network: { type: 'existing', network: 'private' },
  securityGroups: [],
  access: { api: [], ssh: [], nodePorts: [] },
  antiAffinity: 'none',
  userData: 'config-drive',
}

export function machine(overrides: Partial<MachineSpec> = {}): MachineSpec {
  return {
    owner: OWNER,
    name: 'prod-workers-1',
    placement: PLACEMENT,
    role: 'worker',
    pool: 'workers',
    size: { type: 'flavor', flavor: 'm1.small' },
    disks: [],
    address: { type: 'dhcp' },
    userData: '#cloud-config\n',
    want: 'present',
    ...overrides,
  }
}

const METADATA = { 'pcg-gateway': OWNER.gateway, 'pcg-cluster': OWNER.cluster, 'pcg-machine': OWNER.machine }

/** GET /servers/detail, microversion 2.93. */
export const SERVER_ANSWER = {
  id: SERVER,
  name: 'prod-workers-1',
  status: 'ACTIVE',
  metadata: METADATA,
  image: { id: '38251619-3887-4d57-9e14-a879cc1799e2' },
  flavor: { vcpus: 1, ram: 2048, disk: 20, ephemeral: 0, swap: 0, original_name: 'm1.small', extra_specs: {} },
  created: '2026-11-22T20:36:02Z',
  updated: '2026-11-22T20:36:05Z',
  addresses: {
    private: [
      { version: 4, addr: '10.77.3.215', 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:4e:48:7c' },
      {
        version: 4,
        addr: '203.0.113.9',
        'OS-EXT-IPS:type': 'floating',
        'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:4e:48:7c',
      },
    ],
  },
  'OS-SRV-USG:launched_at': '2026-11-22T20:36:05.022252',
  'OS-SRV-USG:terminated_at': null,
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:power_state': 1,
  'os-extended-volumes:volumes_attached': [{ id: VOLUME, delete_on_termination: false }],
  locked: false,
  locked_reason: null,
  tags: [machineTag(OWNER), gatewayTag(OWNER.gateway)],
}

/** What nova says of a deleted one to `changes-since`: neither tags nor metadata. */
export const DELETED_ANSWER = {
  ...SERVER_ANSWER,
  status: 'DELETED',
  metadata: {},
  addresses: {},
  tags: [],
  updated: '2026-11-22T20:36:22Z',
  'os-extended-volumes:volumes_attached': [],
  'OS-EXT-STS:vm_state': 'deleted',
}

/** GET /v2.0/ports. */
export const PORT_ANSWER = {
  id: PORT,
  name: 'prod-workers-1',
  network_id: '35b0e423-def9-4e70-9e37-e52b63ed47e6',
  mac_address: 'fa:16:3e:4e:48:7c',
  admin_state_up: true,
  status: 'ACTIVE',
  device_id: SERVER,
  device_owner: 'compute:nova',
  fixed_ips: [{ subnet_id: '33e7c4fc-0425-423c-8475-3f03ce23fe4c', ip_address: '10.77.3.215' }],
  security_groups: ['91b83054-e263-460e-8956-4d71a329b9e4'],
  allowed_address_pairs: [{ mac_address: 'fa:16:3e:4e:48:7c', ip_address: '10.77.9.9' }],
  description: markText(OWNER),
  tags: ['somebody-s', 'pcg-failed.0b3c'],
  created_at: '2026-11-22T20:36:00Z',
}

/** GET /volumes/detail, microversion 3.70. */
export const VOLUME_ANSWER = {
  id: VOLUME,
  status: 'in-use',
  size: 1,
  name: 'prod-workers-1-disk-1',
  created_at: '2026-11-22T20:36:01.212465',
  metadata: { ...METADATA, 'pcg-slot': 'disk-1' },
  attachments: [{ id: VOLUME, server_id: SERVER, device: '/dev/sdb', host_name: null }],
}

/** GET /v2/lbaas/pools/POOL/members, as Octavia's API reference has it. */
export const MEMBER_ANSWER = {
  id: '957a1ace-1bd2-449b-8455-820b6e4b63f3',
  name: 'prod-workers-1',
  address: '10.77.3.215',
  protocol_port: 6443,
  provisioning_status: 'ACTIVE',
  operating_status: 'NO_MONITOR',
  created_at: '2026-11-22T20:40:00',
  tags: [markText(OWNER)],
}

export function server(overrides: Partial<SeenServer> = {}): SeenServer {
  return { ...readServer(SERVER_ANSWER), volumeIds: [], floatingAddresses: [], ...overrides }
}

export function port(overrides: Partial<SeenPort> = {}): SeenPort {
  return { ...readPort(PORT_ANSWER), pairs: [], tags: [], ...overrides }
}

export function volume(overrides: Partial<SeenVolume> = {}): SeenVolume {
  return { ...readVolume(VOLUME_ANSWER), ...overrides }
}

export function member(overrides: Partial<SeenMember> = {}): SeenMember {
  return { ...readMember(MEMBER_ANSWER, 'pool-1'), ...overrides }
}

/** As it should be, but for what is said. */
export function observed(parts: Partial<Parts> = {}, pairs: readonly string[] = []): OpenstackObserved {
  const whole = { servers: [server()], ports: [port()], volumes: [], members: [], ...parts }
  const wanted = { flavor: 'm1.small', securityGroupIds: ['91b83054-e263-460e-8956-4d71a329b9e4'], pairs }
  const found = composeObserved({ owner: OWNER }, whole, wanted)
  if (found === null) throw new Error('nothing is there')
  return found
}

import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { isOwn } from '../../../../adapters/openstack/machine/finding.ts'
import { composeObserved } from '../../../../adapters/openstack/machine/observed.ts'
import { readMember, readPort, readServer, readVolume } from '../../../../adapters/openstack/machine/seen.ts'
import { encodeUserData } from '../../../../adapters/openstack/machine/user-data.ts'
import { changesIn } from '../../../../adapters/openstack/machine/watch.ts'
import {
  DELETED_ANSWER,
  MEMBER_ANSWER,
  OWNER,
  PORT_ANSWER,
  SERVER,
  SERVER_ANSWER,
  server,
  VOLUME,
  VOLUME_ANSWER,
} from './fixtures.ts'

describe('what the services answer is read', () => {
  it('into a machine with its addresses, its objects, and how often it failed', () => {
    const parts = {
      servers: [readServer(SERVER_ANSWER)],
      ports: [readPort(PORT_ANSWER)],
      volumes: [readVolume(VOLUME_ANSWER)],
      members: [readMember(MEMBER_ANSWER, 'pool-1')],
    }
    expect(composeObserved({ owner: OWNER }, parts, undefined)).toMatchObject({
      power: 'on',
      addresses: ['10.77.3.215', '203.0.113.9'],
      objects: [
        { kind: 'Server', id: SERVER, name: 'prod-workers-1', owner: OWNER },
        { kind: 'Member', name: 'prod-workers-1' },
        { kind: 'Volume', id: VOLUME, name: 'prod-workers-1-disk-1' },
        { kind: 'Port', name: 'prod-workers-1' },
      ],
      failures: 1,
    })
    expect(parts.servers[0]).toMatchObject({ flavor: 'm1.small', launched: true, task: undefined, volumeIds: [VOLUME] })
    expect(parts.volumes[0]).toMatchObject({ slot: 1, serverIds: [SERVER], owner: OWNER })
    expect(parts.members[0]).toMatchObject({ port: 6443, poolId: 'pool-1', owner: OWNER })
  })

  it('as nothing where there is nothing', () => {
    expect(
      composeObserved({ owner: OWNER }, { servers: [], ports: [], volumes: [], members: [] }, undefined),
    ).toBeNull()
  })

  it('with nova’s words where a build failed', () => {
    const failed = { ...SERVER_ANSWER, status: 'ERROR', fault: { code: 500, message: 'No valid host was found.' } }
    expect(readServer({ ...failed, 'OS-SRV-USG:launched_at': null })).toMatchObject({
      fault: 'No valid host was found.',
      launched: false,
    })
  })
})

describe('whose a server is', () => {
  it('say its metadata; its tags where those were taken away', () => {
    expect(isOwn(server(), OWNER)).toBe(true)
    expect(isOwn(server({ owner: { ...OWNER, gateway: 'somebody/else' } }), OWNER)).toBe(false)
    expect(isOwn(server({ owner: undefined }), OWNER)).toBe(true)
    expect(isOwn(server({ owner: undefined, tags: [] }), OWNER)).toBe(false)
  })
})

describe('changes among a gateway’s servers', () => {
  const known = () => {
    const found = new Map<string, { machine: string; state: string }>()
    changesIn({ fresh: true, servers: [server()] }, OWNER.gateway, found)
    return found
  }

  it('are told once', () => {
    const found = known()
    expect([...found.values()].map(({ machine }) => machine)).toEqual([OWNER.machine])
    expect(changesIn({ fresh: false, servers: [server()] }, OWNER.gateway, found).size).toBe(0)
    const off = server({ status: 'SHUTOFF' })
    expect([...changesIn({ fresh: false, servers: [off] }, OWNER.gateway, found)]).toEqual([OWNER.machine])
    expect(changesIn({ fresh: false, servers: [off] }, OWNER.gateway, found).size).toBe(0)
  })

  it('know a deleted server, though nova tells no longer whose it was', () => {
    const found = known()
    const deleted = { fresh: false, servers: [readServer(DELETED_ANSWER)] }
    expect([...changesIn(deleted, OWNER.gateway, found)]).toEqual([OWNER.machine])
    expect(changesIn(deleted, OWNER.gateway, found).size).toBe(0)
  })

  it('find out who went while nobody listened', () => {
    expect([...changesIn({ fresh: true, servers: [] }, OWNER.gateway, known())]).toEqual([OWNER.machine])
    expect(changesIn({ fresh: false, servers: [] }, OWNER.gateway, known()).size).toBe(0)
  })

  it('leave out other gateways’ and other people’s servers', () => {
    const theirs = server({ id: 'x', owner: { ...OWNER, gateway: 'somebody/else' } })
    const nobodys = server({ id: 'y', owner: undefined, tags: [] })
    expect(changesIn({ fresh: true, servers: [theirs, nobodys] }, OWNER.gateway, new Map()).size).toBe(0)
  })
})

describe('user-data', () => {
  it('goes as it is, and packed where it would be too long', () => {
    expect(Buffer.from(encodeUserData('#cloud-config\n'), 'base64').toString()).toBe('#cloud-config\n')
    const long = `#cloud-config\n# ${'long '.repeat(30_000)}`
    const packed = encodeUserData(long)
    expect(packed.length).toBeLessThanOrEqual(65_535)
    expect(gunzipSync(Buffer.from(packed, 'base64')).toString()).toBe(long)
  })
})

import { describe, expect, it } from 'vitest'
import type { MachineSpec } from '../../../../adapters/adapter.ts'
import type { OpenstackObserved } from '../../../../adapters/openstack/machine/observed.ts'
import { planMachine } from '../../../../adapters/openstack/machine/plan.ts'
import { machine, member, observed, PLACEMENT, PORT, port, SERVER, server, VOLUME, volume } from './fixtures.ts'

const kinds = (spec: MachineSpec, state: OpenstackObserved | null): string[] =>
  planMachine(spec, state).map(({ kind }) => kind)

const absent = machine({ want: 'absent' })
const withDisk = machine({ disks: [{ sizeGiB: 1 }] })
const bootsFromVolume = machine({
  placement: { ...PLACEMENT, bootVolume: {} },
  diskGiB: 20,
  disks: [{ sizeGiB: 1 }, { sizeGiB: 2 }],
})
const balanced = machine({ serves: { type: 'load-balancer', port: 6443 } })
const virtual = machine({ serves: { type: 'virtual-ip', address: '10.77.9.9' } })

describe('a machine that is wanted', () => {
  it('gets a port, then its server', () => {
    expect(kinds(machine(), null)).toEqual(['create-port', 'create-server'])
  })

  it('gets its volumes before its server, and its place behind the load balancer after it', () => {
    const steps = planMachine({ ...bootsFromVolume, serves: { type: 'load-balancer', port: 6443 } }, null)
    expect(steps.flatMap(({ creates }) => creates)).toEqual([
      { kind: 'Port', name: 'prod-workers-1' },
      { kind: 'Volume', name: 'prod-workers-1-boot' },
      { kind: 'Volume', name: 'prod-workers-1-disk-1' },
      { kind: 'Volume', name: 'prod-workers-1-disk-2' },
      { kind: 'Server', name: 'prod-workers-1' },
      { kind: 'Member', name: 'prod-workers-1' },
    ])
    for (const { summary } of steps) expect(summary).toContain('prod-workers-1')
  })

  it('needs nothing when it is as it should be', () => {
    expect(kinds(machine(), observed())).toEqual([])
    expect(kinds(withDisk, observed({ servers: [server({ volumeIds: [VOLUME] })], volumes: [volume()] }))).toEqual([])
    expect(kinds(balanced, observed({ members: [member()] }))).toEqual([])
    const paired = observed({ ports: [port({ pairs: ['10.77.9.9'] })] }, ['10.77.9.9'])
    expect(kinds(virtual, paired)).toEqual([])
  })

  it('goes on where it was left', () => {
    const begun = { servers: [], ports: [port({ deviceId: '' })] }
    expect(kinds(machine(), observed(begun))).toEqual(['create-server'])
    expect(kinds(withDisk, observed(begun))).toEqual(['create-volume', 'create-server'])
    const free = volume({ serverIds: [] })
    const at = (status: string) => kinds(withDisk, observed({ ...begun, volumes: [{ ...free, status }] }))
    expect(at('available')).toEqual(['create-server'])
    expect(at('creating')).toEqual(['await-volume', 'create-server'])
    expect(at('detaching')).toEqual(['await-volume', 'create-server'])
    expect(at('a-status-of-the-future')).toEqual(['await-volume', 'create-server'])
    expect(at('error')).toEqual(['delete-failed-volume', 'create-volume', 'create-server'])
    expect(at('error_deleting')).toEqual(['delete-volume', 'create-volume', 'create-server'])
  })
})

describe('each status of a server', () => {
  it.each<[string, string[]]>([
    ['ACTIVE', []],
    ['BUILD', ['await-server']],
    ['REBUILD', ['await-server']],
    ['REBOOT', ['await-server']],
    ['HARD_REBOOT', ['await-server']],
    ['PASSWORD', ['await-server']],
    ['MIGRATING', ['await-server']],
    ['RESIZE', ['await-server']],
    ['REVERT_RESIZE', ['await-server']],
    ['UNKNOWN', ['await-server']],
    ['A_STATUS_OF_THE_FUTURE', ['await-server']],
    ['SHUTOFF', ['power-on']],
    ['SUSPENDED', ['power-on']],
    ['PAUSED', ['power-on']],
    ['SHELVED', ['power-on']],
    ['SHELVED_OFFLOADED', ['power-on']],
    ['RESCUE', ['power-on']],
    ['SOFT_DELETED', ['power-on']],
    ['VERIFY_RESIZE', ['confirm-resize']],
    ['ERROR', ['recover-server']],
    ['DELETED', ['delete-server', 'create-server']],
  ])('%s leads to %j', (status, steps) => {
    expect(kinds(machine(), observed({ servers: [server({ status })] }))).toEqual(steps)
    // Whatever it is: it can be deleted.
    expect(kinds(absent, observed({ servers: [server({ status })] }))).toEqual(['delete-server', 'delete-port'])
  })

  it('ERROR of one that never ran is a failed build: it goes, and another is made', () => {
    const failed = observed({ servers: [server({ status: 'ERROR', launched: false })] })
    expect(planMachine(machine(), failed)).toMatchObject([
      { kind: 'delete-failed-server', part: { kind: 'Server', id: SERVER } },
      { kind: 'create-server' },
    ])
  })

  it('is waited out while nova is about something, and snapshots are nothing to wait for', () => {
    const during = (status: string, task: string) => kinds(machine(), observed({ servers: [server({ status, task })] }))
    expect(during('ACTIVE', 'powering-off')).toEqual(['await-server'])
    expect(during('SHUTOFF', 'powering-on')).toEqual(['await-server'])
    expect(during('ACTIVE', 'image_uploading')).toEqual([])
    expect(during('ACTIVE', 'deleting')).toEqual(['delete-server', 'create-server'])
  })
})

describe('drift', () => {
  it('another flavor is resized back, on or off, and what must run for it is powered on before', () => {
    const at = (status: string) => kinds(machine(), observed({ servers: [server({ status, flavor: 'm1.large' })] }))
    expect(at('ACTIVE')).toEqual(['resize', 'confirm-resize'])
    expect(at('SHUTOFF')).toEqual(['resize', 'confirm-resize', 'power-on'])
    expect(at('PAUSED')).toEqual(['power-on', 'resize', 'confirm-resize'])
    expect(at('VERIFY_RESIZE')).toEqual(['revert-resize'])
  })

  it('nothing is resized while the flavor’s name stands for nothing', () => {
    const state = observed({ servers: [server({ flavor: 'm1.large' })] })
    expect(kinds(machine(), { ...state, wanted: undefined })).toEqual([])
  })

  it.each<[string, Partial<Parameters<typeof port>[0]>, string]>([
    ['security groups', { securityGroupIds: [] }, 'security groups'],
    ['further security groups', { securityGroupIds: ['91b83054-e263-460e-8956-4d71a329b9e4', 'x'] }, 'security groups'],
    ['address pairs', { pairs: ['10.0.0.1'] }, 'allowed address pairs'],
  ])('%s of the port are put right', (_, change, words) => {
    const [step, ...others] = planMachine(machine(), observed({ ports: [port(change)] }))
    expect(step).toMatchObject({ kind: 'update-port', summary: expect.stringContaining(words) })
    expect(others).toEqual([])
  })

  it('leaves the project’s default group alone where none is asked for', () => {
    const state = observed({ ports: [port({ securityGroupIds: ['default'] })] })
    const wanted = { flavor: 'm1.small', securityGroupIds: [], pairs: [] }
    expect(kinds(machine(), { ...state, wanted })).toEqual([])
  })

  it('a port or volume that was taken off, or deleted, comes back', () => {
    expect(kinds(machine(), observed({ ports: [port({ deviceId: '' })] }))).toEqual(['attach-port'])
    expect(kinds(machine(), observed({ ports: [] }))).toEqual(['create-port', 'attach-port'])
    const free = volume({ status: 'available', serverIds: [] })
    expect(kinds(withDisk, observed({ volumes: [free] }))).toEqual(['attach-volume'])
    expect(kinds(withDisk, observed())).toEqual(['create-volume', 'attach-volume'])
  })

  it('a member that failed is made anew', () => {
    expect(kinds(balanced, observed({ members: [member({ status: 'ERROR' })] }))).toEqual([
      'remove-member',
      'add-member',
    ])
  })
})

describe('objects that are too many', () => {
  it('go before anything else, and the ones that are used stay', () => {
    const state = observed({
      servers: [server({ id: 'a-older', created: '2026-01-01T00:00:00Z', status: 'ERROR' }), server()],
      ports: [port({ id: 'an-older', deviceId: '', created: '2026-01-01T00:00:00Z' }), port()],
      volumes: [
        volume({ id: 'an-older', created: '2026-01-01T00:00:00', serverIds: [], status: 'available' }),
        volume(),
        volume({ id: 'a-stray', slot: 7, serverIds: [], status: 'available' }),
      ],
    })
    const steps = planMachine(withDisk, state)
    expect(steps.slice(0, 4).map((step) => ('part' in step ? [step.part.kind, step.part.id] : step.kind))).toEqual([
      ['Server', 'a-older'],
      ['Volume', 'an-older'],
      ['Volume', 'a-stray'],
      ['Port', 'an-older'],
    ])
    expect(state.objects[0]?.id).toBe(SERVER)
  })

  it('the oldest stays where none is used, and the lowest id where they are of one age', () => {
    const ports = [
      port({ id: 'c', deviceId: '', created: '2026-01-02T00:00:00Z' }),
      port({ id: 'b', deviceId: '', created: '2026-01-01T00:00:00Z' }),
      port({ id: 'a', deviceId: '', created: '2026-01-01T00:00:00Z' }),
    ]
    for (const order of [ports, ports.toReversed()])
      expect(observed({ servers: [], ports: order }).ports.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  it('are counted among what the machine has', () => {
    const state = observed({ ports: [port(), port({ id: 'other', deviceId: '' })] })
    expect(state.objects.map(({ kind, id }) => [kind, id])).toEqual([
      ['Server', SERVER],
      ['Port', PORT],
      ['Port', 'other'],
    ])
  })
})

describe('a machine that is not wanted', () => {
  it('goes in reverse: its place behind the load balancer, server, volumes, port', () => {
    const state = observed({ volumes: [volume()], members: [member()] })
    expect(planMachine(absent, state).map(({ kind }) => kind)).toEqual([
      'remove-member',
      'delete-server',
      'delete-volume',
      'delete-port',
    ])
    expect(planMachine(absent, null)).toEqual([])
  })

  it('says what is deleted by its id, and writes nothing else of it into the journal', () => {
    const [step] = planMachine(absent, observed())
    expect(step).toEqual({
      kind: 'delete-server',
      part: { kind: 'Server', id: SERVER, name: 'prod-workers-1' },
      summary: `delete server prod-workers-1 (${SERVER})`,
      creates: [],
    })
  })

  it('is itself gone once only its port is left', () => {
    expect(observed().made).toBe(true)
    expect(observed({ servers: [] }).made).toBe(false)
  })
})

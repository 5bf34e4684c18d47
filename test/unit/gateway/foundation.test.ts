import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Journal } from '../../../gateway/journal/journal.ts'
import { QueryAnswers } from '../../../gateway/queries/answer-queries.ts'
import type { LedgerEntry } from '../../../resources/query.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { VIRTUAL_IP } from './fake-openstack.ts'
import { openstackCluster } from './fixtures.ts'
import { failing, OpenstackSite, WHOLE } from './openstack-site.ts'
import { openstackAccount } from './site.ts'

let here: OpenstackSite
beforeEach(() => {
  here = new OpenstackSite()
})
afterEach(() => here.close())

describe('a cluster on a cloud with foundations', () => {
  it('has one before its machines are begun, all of it in the ledger', async () => {
    await here.ready()
    expect(here.pieces()).toEqual(WHOLE)
    const firstMachine = here.cloud.begun.findIndex((step) => step.startsWith('create prod-'))
    expect(here.cloud.begun.slice(0, firstMachine)).toEqual([
      'create-Network',
      'create-SecurityGroup',
      'create-ServerGroup',
      'create-ServerGroup',
      'create-FloatingIP',
    ])
    for (const piece of WHOLE) expect(here.ledger()).toContain(`${piece} present`)
    expect(here.foundation()).toMatchObject({
      phase: 'Ready',
      endpoint: { address: '203.0.113.7', virtualIp: VIRTUAL_IP },
    })
  })

  it('tells of it in its conditions, events and timeline', async () => {
    await here.ready()
    expect(here.condition('Foundation')).toMatchObject({
      status: 'True',
      reason: 'Stands',
      message: 'the API is at 203.0.113.7',
    })
    expect(here.events('FoundationReady')).toEqual([
      'Cluster prod foundation: all of it is there; the API is at 203.0.113.7',
    ])
    expect(here.timeline()).toEqual(expect.arrayContaining(['create-Network started', 'create-Network done']))
    expect(here.timeline().at(-1)).toBe('foundation done')
  })

  it('has its objects in the ledger that is shown, with the name of the cluster', async () => {
    await here.ready(openstackCluster({ workers: 0 }))
    const query = new TextEncoder().encode(JSON.stringify({ type: 'ledger', cluster: 'prod' }))
    const answers = new QueryAnswers(here.site.journal, here.site.orchestrator)
    const answer = await answers.answer(query, new AbortController().signal)
    const { entries }: { entries: LedgerEntry[] } = JSON.parse(new TextDecoder().decode(answer))
    expect(entries).toHaveLength(6)
    expect(entries).toContainEqual(
      expect.objectContaining({ cluster: 'prod', machine: 'prod', account: 'lab', kind: 'Network', state: 'present' }),
    )
  })

  it('looks whether all of it can be made before any of it is: machines and foundation', async () => {
    here.cloud.findings = [{ severity: 'error', subject: 'quota', message: 'no floating IP is left' }]
    await here.start()
    await here.site.until(() => here.site.status()?.phase === 'Failed')
    expect(here.cloud.preflights[0]?.machines.map((machine) => machine.pool)).toEqual(['control-plane', 'workers'])
    expect(here.cloud.preflights[0]?.foundation).toMatchObject({ name: 'prod', want: 'present' })
    expect(here.condition('Preflight')?.message).toContain('no floating IP is left')
    expect(here.cloud.begun).toEqual([])
    expect([here.foundation(), here.ledger(), here.machines()]).toEqual([undefined, [], []])
    here.cloud.findings = []
    await here.site.put(openstackAccount())
    await here.site.ready()
  })

  it('gives its machines the endpoint that was found: floating outside, virtual within', async () => {
    await here.ready(openstackCluster(), { distribution: 'kubeadm' })
    const [master, worker] = ['control-plane', 'worker'].map((role) =>
      [...here.cloud.machineSpecs.values()].find((spec) => spec.role === role),
    )
    expect(master).toMatchObject({
      foundation: here.foundation()?.uid,
      serves: { type: 'virtual-ip', address: VIRTUAL_IP },
    })
    expect(worker?.foundation).toBe(here.foundation()?.uid)
    expect(worker?.serves).toBeUndefined()
    expect(master?.userData).toContain('controlPlaneEndpoint: "203.0.113.7:6443"')
    expect(master?.userData).toContain(`certSANs: ["203.0.113.7","${VIRTUAL_IP}"]`)
    expect(master?.userData).toContain(`value: "${VIRTUAL_IP}"`)
    expect(worker?.userData).toContain('apiServerEndpoint: "203.0.113.7:6443"')
  })

  it('sends a load balancer to the port of the API server, and has no virtual IP then', async () => {
    const endpoint = { type: 'load-balancer', port: 443 }
    await here.ready(openstackCluster({ endpoint }), { distribution: 'kubeadm' })
    const master = [...here.cloud.machineSpecs.values()].find((spec) => spec.role === 'control-plane')
    expect(master?.serves).toEqual({ type: 'load-balancer', port: 6443 })
    expect(master?.userData).toContain('controlPlaneEndpoint: "203.0.113.7:443"')
    expect(master?.userData).toContain('bindPort: 6443')
    expect(master?.userData).not.toContain('path: /etc/pcg/kube-vip')
  })

  it('waits for no endpoint where it brings its own', async () => {
    await here.ready(openstackCluster({ endpoint: { type: 'external', address: 'api.example.com' } }))
    expect(here.foundation()).toMatchObject({ phase: 'Ready', endpoint: null })
    expect(here.condition('Foundation')).toMatchObject({ status: 'True', message: '' })
  })

  it('has the intent and the object in the journal before a call that may create it', async () => {
    const before: unknown[] = []
    await here.ready(openstackCluster(), {
      wrap: (adapter) => ({
        ...adapter,
        foundations: adapter.foundations && {
          ...adapter.foundations,
          start: async (step, spec, context) => {
            const written = Journal.open(join(here.site.folder, 'state.db'), systemClock)
            const { running } = written.foundations.get(spec.owner.machine) ?? {}
            const intended = written.ledger.of(spec.owner.machine).filter((row) => row.state === 'intended')
            before.push([running?.step.kind, running?.token, ...intended.map((row) => row.kind)])
            written.close()
            return (
              adapter.foundations?.start(step, spec, context) ?? { kind: 'unknown', message: 'there are foundations' }
            )
          },
        },
      }),
    })
    expect(before).toEqual(
      ['Network', 'SecurityGroup', 'ServerGroup', 'ServerGroup', 'FloatingIP'].map((kind) => [
        `create-${kind}`,
        null,
        kind,
      ]),
    )
  })
})

describe('while a cluster lives', () => {
  it('follows a change of what is let in, and leaves the machines alone', async () => {
    await here.ready()
    const before = here.machines()
    here.cloud.begun.length = 0
    await here.site.put(openstackCluster({ access: { ssh: ['192.0.2.0/24'] } }))
    await here.site.until(() => here.cloud.of('SecurityGroup')[0]?.detail.includes('ssh 192.0.2.0/24') ?? false)
    await here.site.ready()
    expect(here.cloud.begun).toEqual(['update-SecurityGroup'])
    expect(here.events('FoundationReady').at(-1)).toBe('Cluster prod foundation: it is as asked for again')
    expect(here.machines()).toEqual(before)
    expect(here.events('Drifted')).toEqual([])
  })

  it('says nothing of a change that takes no step', async () => {
    await here.ready()
    const cluster = openstackCluster({ endpoint: { type: 'floating-ip', network: 'other' } })
    await here.site.put(cluster)
    await here.site.until(() => here.site.status()?.observedGeneration === 4)
    await here.site.ready()
    expect(here.events('FoundationReady')).toHaveLength(1)
    expect(here.timeline().filter((line) => line === 'foundation done')).toHaveLength(1)
  })

  it('is not Ready for a new generation before its foundation is', async () => {
    await here.ready()
    here.cloud.answer = failing(
      'update-SecurityGroup',
      { kind: 'retryable', fault: 'busy', message: 'busy', afterMs: 40 },
      2,
    )
    await here.site.put(openstackCluster({ access: { ssh: ['192.0.2.0/24'] } }))
    await here.site.until(() => here.site.status()?.observedGeneration === 4)
    expect(here.site.status()?.phase).toBe('Updating')
    await here.site.ready()
    expect(here.cloud.of('SecurityGroup')[0]?.detail).toContain('ssh 192.0.2.0/24')
  })

  it("makes a new pool's part before its machines, and keeps a former one's until they are gone", async () => {
    await here.ready(openstackCluster({ pools: ['old'] }))
    here.cloud.begun.length = 0
    await here.site.put(openstackCluster({ pools: ['new'] }))
    await here.site.until(
      () => !here.pieces().includes('ServerGroup prod-old') && here.site.status()?.phase === 'Ready',
    )
    const at = (what: RegExp): number => here.cloud.begun.findIndex((step) => what.test(step))
    expect(at(/^create-ServerGroup/)).toBeLessThan(at(/^create prod-new/))
    expect(at(/^delete prod-old/)).toBeLessThan(at(/^delete-ServerGroup/))
    expect(here.machines().some((name) => name.startsWith('prod-new'))).toBe(true)
  })

  it('heals what somebody took away, when it looks again', async () => {
    await here.ready()
    here.cloud.remove('SecurityGroup')
    here.site.orchestrator.listed('lab', [])
    await here.site.until(() => here.events('Healed').length > 0)
    expect(here.pieces()).toEqual(WHOLE)
    expect(here.events('Drifted')).toEqual([
      'Cluster prod foundation: changed outside; healing: create SecurityGroup prod-nodes',
    ])
    await here.site.ready()
  })

  it('only tells of it where the policy is to alert, and makes machines all the same', async () => {
    await here.ready(openstackCluster({ driftPolicy: 'alert' }))
    here.cloud.remove('SecurityGroup')
    here.site.orchestrator.listed('lab', [])
    await here.site.until(() => here.condition('Foundation')?.reason === 'ChangedOutside')
    expect(here.site.status()?.phase).toBe('Degraded')
    expect(here.condition('Foundation')?.message).toBe('create SecurityGroup prod-nodes')
    expect(here.condition('Drifted')).toMatchObject({ status: 'True', message: 'foundation' })
    await here.site.put(openstackCluster({ driftPolicy: 'alert', workers: 2 }))
    await here.site.until(() => here.machines().length === 3)
    expect(here.pieces()).not.toContain('SecurityGroup prod-nodes')
  })

  it('looks again when a machine on it does not get on', async () => {
    await here.ready(openstackCluster({ workers: 0 }))
    let taken = false
    here.cloud.answer = (kind, when) => {
      if (when !== 'before' || kind !== 'create') return undefined
      if (!taken) {
        taken = true
        here.cloud.remove('ServerGroup')
        here.site.pass(60_000)
      }
      return here.cloud.of('ServerGroup').length === 2
        ? undefined
        : { kind: 'retryable', fault: 'connection', message: 'prod has no server group', afterMs: 20 }
    }
    await here.site.put(openstackCluster({ workers: 1 }))
    await here.site.until(() => here.machines().length === 2 && here.site.status()?.phase === 'Ready')
    expect(here.pieces()).toEqual(WHOLE)
  })

  it('is not called done for what was asked for before, where something else was while it was looked at', async () => {
    const next = openstackCluster({ access: { ssh: ['192.0.2.0/24'] } })
    let asked = false
    await here.ready(openstackCluster(), {
      wrap: (adapter) => ({
        ...adapter,
        foundations: adapter.foundations && {
          ...adapter.foundations,
          observe: async (spec, context) => {
            const observed = (await adapter.foundations?.observe(spec, context)) ?? null
            if (observed?.endpoint == null || asked) return observed
            asked = true
            await here.site.put(next)
            await here.site.until(() => JSON.stringify(here.foundation()?.spec).includes('192.0.2.0/24'))
            return observed
          },
        },
      }),
    })
    await here.site.until(() => here.cloud.of('SecurityGroup')[0]?.detail.includes('192.0.2.0/24') ?? false)
    expect(here.events('FoundationReady')).toHaveLength(1)
    expect(here.events('Drifted')).toEqual([])
  })

  it('warns when the floating IP is another, and its machines keep theirs', async () => {
    await here.ready()
    const before = here.machines()
    here.cloud.remove('FloatingIP')
    here.cloud.nextAddress = '203.0.113.9'
    here.site.orchestrator.listed('lab', [])
    await here.site.until(() => here.events('EndpointMoved').length > 0)
    await here.site.ready()
    expect(here.events('EndpointMoved')).toEqual([
      expect.stringMatching(/address was 203\.0\.113\.7 and is 203\.0\.113\.9 now; .* keep 203\.0\.113\.7/),
    ])
    expect(here.machines()).toEqual(before)
    expect(here.condition('Foundation')?.message).toBe('the API is at 203.0.113.9')
  })

  it('is looked at again with each list of what is ours, and its objects are nobody else’s', async () => {
    await here.ready()
    const before = here.cloud.observations
    const [network] = here.cloud.of('Network')
    if (network === undefined) throw new Error('there is a network')
    const stray = { ...network, id: 'os-stray', owner: { ...network.owner, machine: crypto.randomUUID() } }
    here.site.orchestrator.listed('lab', [network, stray])
    await here.site.until(() => here.cloud.observations > before && here.events('Orphan').length > 0)
    expect(here.events('Orphan')).toEqual([expect.stringContaining('os-stray')])
  })
})

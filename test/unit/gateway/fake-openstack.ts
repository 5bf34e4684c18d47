/**
 * An OpenStack as far as the gateway is concerned: its machines are a sandbox's, and clusters stand on a network, a security
 * group, a server group for each pool, and what their endpoint needs.
 */
import type {
  Adapter,
  AdapterContext,
  ExternalObject,
  FoundationObserved,
  FoundationSpec,
  MachineSpec,
  Outcome,
  Step,
} from '../../../adapters/adapter.ts'
import type { Finding } from '../../../resources/query.ts'
import { systemClock } from '../../../runtime/clock.ts'

interface Piece extends ExternalObject {
  /** A rule, as a security group has it; an address. */
  detail: string
  building: boolean
}

interface FakeObserved extends FoundationObserved {
  readonly pieces: readonly Piece[]
}

interface Wanted {
  readonly kind: string
  readonly name: string
  readonly detail: string
}

export const VIRTUAL_IP = '10.1.0.5'

export class FakeOpenstack {
  readonly pieces = new Map<string, Piece>()
  /** Each object that was ever made, by name. */
  readonly made: string[] = []
  /** Steps as they were begun, `create-Network`, and for machines `create NAME`. */
  readonly begun: string[] = []
  readonly machineSpecs = new Map<string, MachineSpec>()
  readonly preflights: { machines: readonly MachineSpec[]; foundation: FoundationSpec | undefined }[] = []
  findings: Finding[] = []
  observations = 0
  /** Answers in the place of the cloud, before anything is done or after it. */
  answer: (step: string, when: 'before' | 'after') => Outcome | undefined = () => undefined
  /** How often a running step must be polled. */
  polls = 1
  /** What the next floating IP or load balancer gets. */
  nextAddress = '203.0.113.7'
  #nextId = 1
  #polled = 0

  of(kind: string): Piece[] {
    return [...this.pieces.values()].filter((piece) => piece.kind === kind)
  }

  /** What somebody else does. */
  remove(kind: string): void {
    for (const [key, piece] of this.pieces) if (piece.kind === kind) this.pieces.delete(key)
  }

  wrap(adapter: Adapter): Adapter {
    return {
      ...adapter,
      cloud: 'openstack',
      preflight: async (machines, context, foundation) => {
        this.preflights.push({ machines, foundation })
        return [...this.findings, ...(await adapter.preflight(machines.map(asSandbox), context))]
      },
      plan: (spec, observed) => adapter.plan(asSandbox(spec), observed),
      observe: (spec, context) => adapter.observe(asSandbox(spec), context),
      start: async (step, spec, context) => {
        this.begun.push(`${step.kind} ${spec.name}`)
        this.machineSpecs.set(spec.name, spec)
        return this.answer(step.kind, 'before') ?? adapter.start(step, asSandbox(spec), context)
      },
      poll: async (token, context) =>
        token.startsWith('piece:') ? this.#poll(token, context) : adapter.poll(token, context),
      owned: async function* (this: FakeOpenstack, gateway: string, context: Parameters<Adapter['owned']>[1]) {
        yield* this.pieces.values()
        yield* adapter.owned(gateway, context)
      }.bind(this),
      foundations: {
        plan: (spec, observed) => plan(spec, observed as FakeObserved | null),
        observe: async (spec) => this.#observe(spec),
        start: async (step, spec) => this.#start(step, spec),
      },
    }
  }

  #observe({ owner }: FoundationSpec): FakeObserved | null {
    this.observations++
    const pieces = [...this.pieces.values()].filter((piece) => piece.owner.machine === owner.machine)
    if (pieces.length === 0) return null
    const given = pieces.find(
      ({ kind, building }) => ['FloatingIP', 'LoadBalancer', 'Port'].includes(kind) && !building,
    )
    const virtualIp = given?.kind === 'LoadBalancer' ? null : VIRTUAL_IP
    return {
      objects: pieces.map(({ kind, id, name, owner: mark }) => ({ kind, id, name, owner: mark })),
      endpoint: given === undefined ? null : { address: given.detail, virtualIp },
      pieces: pieces.map((piece) => ({ ...piece })),
    }
  }

  #start(step: Step, spec: FoundationSpec): Outcome {
    this.begun.push(step.kind)
    const refused = this.answer(step.kind, 'before')
    if (refused !== undefined) return refused
    const outcome = this.#do(step, spec)
    return this.answer(step.kind, 'after') ?? outcome
  }

  #do({ kind, summary }: Step, spec: FoundationSpec): Outcome {
    const [verb = '', what = ''] = kind.split('-')
    const name = summary.split(' ')[2] ?? ''
    const key = `${spec.owner.machine} ${what} ${name}`
    if (verb === 'delete') {
      this.pieces.delete(key)
      return { kind: 'done' }
    }
    const wanted = wantedOf(spec).find((piece) => piece.kind === what && piece.name === name)
    if (wanted === undefined) return { kind: 'fatal', reason: 'Nonsense', message: `no ${key}`, remedy: 'none' }
    const known = this.pieces.get(key)
    const given = what === 'FloatingIP' || what === 'LoadBalancer'
    if (known === undefined) {
      this.made.push(`${what} ${name}`)
      const detail = given ? this.nextAddress : wanted.detail
      this.pieces.set(key, { ...wanted, detail, id: `os-${this.#nextId++}`, owner: spec.owner, building: given })
    } else if (!given) known.detail = wanted.detail
    return given ? { kind: 'running', token: `piece:${key}` } : { kind: 'done' }
  }

  async #poll(token: string, { signal }: AdapterContext): Promise<Outcome> {
    await systemClock.sleep(2, signal)
    const piece = this.pieces.get(token.slice('piece:'.length))
    if (piece === undefined) return { kind: 'unknown', message: 'no such piece' }
    this.#polled++
    if (this.#polled < this.polls) return { kind: 'running', token, progress: this.#polled / this.polls }
    this.#polled = 0
    piece.building = false
    return { kind: 'done' }
  }
}

function plan(spec: FoundationSpec, observed: FakeObserved | null): Step[] {
  const there = observed?.pieces ?? []
  const step = (verb: string, { kind, name }: { kind: string; name: string }): Step => ({
    kind: `${verb}-${kind}`,
    summary: `${verb} ${kind} ${name}`,
    creates: verb === 'create' ? [{ kind, name }] : [],
  })
  if (spec.want === 'absent') return [...there].reverse().map((piece) => step('delete', piece))
  const wanted = wantedOf(spec)
  const same = (a: Wanted) => (b: Wanted) => a.kind === b.kind && a.name === b.name
  const surplus = there.filter((piece) => !wanted.some(same(piece)))
  return [
    ...wanted.flatMap((piece) => {
      const found = there.find(same(piece))
      if (found === undefined || found.building) return [step('create', piece)]
      return piece.detail === '' || found.detail === piece.detail ? [] : [step('update', piece)]
    }),
    ...surplus.map((piece) => step('delete', piece)),
  ]
}

function wantedOf({ name, placement, endpoint, pools }: FoundationSpec): Wanted[] {
  if (placement.cloud !== 'openstack') throw new Error('not for this cloud')
  const { api, ssh, nodePorts } = placement.access
  const rules = `api ${api} ssh ${ssh} nodePorts ${nodePorts}`
  const pieces: Wanted[] = [
    { kind: 'Network', name, detail: '' },
    { kind: 'SecurityGroup', name: `${name}-nodes`, detail: rules },
    ...pools.map((pool) => ({ kind: 'ServerGroup', name: `${name}-${pool.name}`, detail: '' })),
  ]
  switch (endpoint.type) {
    case 'virtual-ip':
      return [...pieces, { kind: 'Port', name: `${name}-vip`, detail: endpoint.address }]
    case 'floating-ip':
      return [...pieces, { kind: 'FloatingIP', name: `${name}-fip`, detail: '' }]
    case 'load-balancer':
      return [...pieces, { kind: 'LoadBalancer', name: `${name}-lb`, detail: '' }]
    case 'external':
      return pieces
  }
}

function asSandbox(spec: MachineSpec): MachineSpec {
  return {
    ...spec,
    placement: { cloud: 'sandbox', zone: 'zone-a' },
    size: { type: 'custom', cpus: 2, memoryMiB: 2_048 },
  }
}

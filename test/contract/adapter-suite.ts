import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type {
  Adapter,
  AdapterContext,
  MachineSpec,
  MachineUid,
  Observed,
  Outcome,
  Step,
} from '../../adapters/adapter.ts'
import type { Placement } from '../../resources/cluster.ts'
import { contextOf, drive, follow, ownedBy } from './drive.ts'
import { Watcher } from './watcher.ts'

/** What a cloud must lend to the suite. */
export interface AdapterHarness {
  /** A fresh client of the same cloud, as after a crash of the gateway. The suite closes it. */
  adapter(): Adapter
  /** A client that can't reach its cloud, as when the network is down. The suite closes it. */
  unreachable(): Adapter
  /** A machine that the cloud can make, wanted present; with a name and uid of its own each time. */
  spec(overrides?: Partial<MachineSpec>): MachineSpec
  /** A placement that asks for something that isn't there, and what that is called. */
  readonly misplaced: { readonly placement: Placement; readonly missing: string }
  /** Whose mark the machines of `spec()` carry. */
  readonly gateway: string
  /** What somebody else does in the cloud, behind the gateway's back. */
  readonly outside: {
    powerOff(machine: MachineUid): Promise<void>
    remove(machine: MachineUid): Promise<void>
    /** To another number of CPUs, on or off. */
    resize(machine: MachineUid): Promise<void>
  }
  close(): Promise<void>
}

/** Holds an adapter to each promise at the head of `adapters/adapter.ts`. */
export function describeAdapter(name: string, setup: () => Promise<AdapterHarness>): void {
  describe(`the ${name} adapter`, () => {
    let harness: AdapterHarness
    const opened: Adapter[] = []

    beforeAll(async () => {
      harness = await setup()
    })
    afterAll(async () => {
      await Promise.all(opened.map((adapter) => adapter.close()))
      await harness.close()
    })

    function fresh(): Adapter {
      const adapter = harness.adapter()
      opened.push(adapter)
      return adapter
    }

    function unreachable(): Adapter {
      const adapter = harness.unreachable()
      opened.push(adapter)
      return adapter
    }

    /** A machine's spec; whatever becomes of the test, the machine is deleted after it. */
    function machine(overrides: Partial<MachineSpec> = {}): MachineSpec {
      const spec = harness.spec(overrides)
      onTestFinished(async () => {
        await drive(fresh(), { ...spec, want: 'absent' }, AbortSignal.timeout(60_000))
      })
      return spec
    }

    async function present(spec: MachineSpec, signal: AbortSignal): Promise<Observed> {
      const observed = await drive(fresh(), spec, signal)
      if (observed === null) throw new Error(`${spec.name} is not there`)
      return observed
    }

    async function objectsOf(spec: MachineSpec, signal: AbortSignal) {
      const all = await ownedBy(fresh(), spec.owner.gateway, signal)
      return all.filter(({ owner }) => owner.machine === spec.owner.machine)
    }

    describe('the life of a machine', () => {
      it('leads from nothing to a running machine as asked, and back to nothing', async ({ signal }) => {
        const spec = machine()
        const adapter = fresh()
        expect(await adapter.observe(spec, contextOf(signal))).toBeNull()
        expect(adapter.plan(spec, null).flatMap(({ creates }) => creates)).not.toEqual([])

        const observed = await present(spec, signal)
        expect(observed.power).toBe('on')
        expect(observed.objects[0]).toMatchObject({ name: spec.name, owner: spec.owner })
        expect(adapter.plan(spec, observed)).toEqual([])
        expect(await objectsOf(spec, signal)).toHaveLength(observed.objects.length)

        const absent: MachineSpec = { ...spec, want: 'absent' }
        expect(await drive(fresh(), absent, signal)).toBeNull()
        expect(await objectsOf(spec, signal)).toEqual([])
        expect(adapter.plan(absent, null)).toEqual([])
      })

      it('deletes a machine that is still being made, and leaves nothing', async ({ signal }) => {
        const spec = machine()
        const adapter = fresh()
        const [step] = adapter.plan(spec, null)
        if (step === undefined) throw new Error('no step makes the machine')
        await adapter.start(step, spec, contextOf(signal))
        expect(await drive(fresh(), { ...spec, want: 'absent' }, signal)).toBeNull()
        expect(await objectsOf(spec, signal)).toEqual([])
      })

      it('says in words what each step does, and puts no secret into one', async ({ signal }) => {
        const spec = machine({ userData: '#cloud-config\n# a-secret-of-the-cluster\n' })
        const seen: Step[] = []
        const onStep = (step: Step) => void seen.push(step)
        await drive(fresh(), spec, signal, { onStep })
        await drive(fresh(), { ...spec, want: 'absent' }, signal, { onStep })
        for (const step of seen) {
          expect(step.summary).toContain(spec.name)
          expect(JSON.parse(JSON.stringify(step))).toEqual(step)
          expect(JSON.stringify(step)).not.toContain('a-secret-of-the-cluster')
        }
      })
    })

    describe('promise 1: the mark from the first moment', () => {
      it('sees a machine as soon as it is being made, without its token', async ({ signal }) => {
        const spec = machine()
        const adapter = fresh()
        const [step] = adapter.plan(spec, null)
        if (step === undefined) throw new Error('no step makes the machine')
        await adapter.start(step, spec, contextOf(signal))
        expect(await fresh().observe(spec, contextOf(signal))).not.toBeNull()
      })

      it('owned() gives all that is ours, and only that', async ({ signal }) => {
        const [first, second] = [machine(), machine()]
        const ours = harness.gateway
        const foreign = machine({ owner: { ...harness.spec().owner, gateway: 'somebody/else' } })
        await Promise.all([first, second, foreign].map((spec) => present(spec, signal)))

        const machines = new Set((await ownedBy(fresh(), ours, signal)).map(({ owner }) => owner.machine))
        expect(machines).toContain(first.owner.machine)
        expect(machines).toContain(second.owner.machine)
        expect(machines).not.toContain(foreign.owner.machine)
        const theirs = await ownedBy(fresh(), 'somebody/else', signal)
        expect(theirs.map(({ owner }) => owner)).toContainEqual(foreign.owner)
      })

      it('never takes a machine of the same name for its own', async ({ signal }) => {
        const spec = machine()
        await present(spec, signal)
        const namesake = harness.spec({ name: spec.name })
        expect(await fresh().observe(namesake, contextOf(signal))).toBeNull()
      })
    })

    describe('promise 2: an error is thrown', () => {
      it.for<[string, (adapter: Adapter, spec: MachineSpec, context: AdapterContext) => Promise<unknown>]>([
        ['observe', (adapter, spec, context) => adapter.observe(spec, context)],
        ['owned', (adapter, spec, context) => Array.fromAsync(adapter.owned(spec.owner.gateway, context))],
        ['inventory', (adapter, _spec, context) => adapter.inventory(context)],
        ['preflight', (adapter, spec, context) => adapter.preflight([spec], context)],
      ])('%s throws when the cloud cannot be reached', async ([, call], { signal }) => {
        await expect(call(unreachable(), harness.spec(), contextOf(signal))).rejects.toThrow()
      })

      it('start says that the connection failed when the cloud cannot be reached', async ({ signal }) => {
        const spec = harness.spec()
        const adapter = unreachable()
        const [step] = adapter.plan(spec, null)
        if (step === undefined) throw new Error('no step makes the machine')
        const outcome = await adapter.start(step, spec, contextOf(signal))
        expect(outcome).toMatchObject({ kind: 'retryable', fault: 'connection' })
      })

      it('a task that the cloud does not know is unknown', async ({ signal }) => {
        expect(await fresh().poll('task-that-never-was', contextOf(signal))).toMatchObject({ kind: 'unknown' })
      })
    })

    describe('promise 3: a step may be started again', () => {
      it('with a fresh client after each start, and makes one machine', async ({ signal }) => {
        const spec = machine()
        const observed = await driveWithCrashes(spec, signal)
        expect(observed?.power).toBe('on')
        expect(await objectsOf(spec, signal)).toHaveLength(observed?.objects.length ?? -1)

        expect(await driveWithCrashes({ ...spec, want: 'absent' }, signal)).toBeNull()
        expect(await objectsOf(spec, signal)).toEqual([])
      })

      it('by two clients at once, and makes one machine', async ({ signal }) => {
        const spec = machine()
        const [first, second] = [fresh(), fresh()]
        for (let observed = await first.observe(spec, contextOf(signal)); ; ) {
          const step = first.plan(spec, observed)[0]
          if (step === undefined) break
          const outcomes = await Promise.all([first, second].map((one) => one.start(step, spec, contextOf(signal))))
          await Promise.all(outcomes.map((outcome) => follow(fresh(), outcome, contextOf(signal))))
          observed = await first.observe(spec, contextOf(signal))
        }
        const observed = await first.observe(spec, contextOf(signal))
        expect(observed?.power).toBe('on')
        expect(await objectsOf(spec, signal)).toHaveLength(observed?.objects.length ?? -1)
      })

      /** Forgets everything after each start, even the token, as a crash would that came before it was journalled. */
      async function driveWithCrashes(spec: MachineSpec, signal: AbortSignal): Promise<Observed | null> {
        for (let round = 0; round < 60; round += 1) {
          const observed = await fresh().observe(spec, contextOf(signal))
          const step = fresh().plan(spec, observed)[0]
          if (step === undefined) return observed
          await fresh().start(step, spec, contextOf(signal))
          await follow(fresh(), await fresh().start(step, spec, contextOf(signal)), contextOf(signal))
        }
        throw new Error(`${spec.name} did not get to ${spec.want}`)
      }
    })

    describe('promise 4: whatever waits ends when its signal aborts', () => {
      it.for<[string, (adapter: Adapter, spec: MachineSpec, context: AdapterContext) => Promise<unknown>]>([
        ['verify', (adapter, _spec, context) => adapter.verify(context)],
        ['inventory', (adapter, _spec, context) => adapter.inventory(context)],
        ['preflight', (adapter, spec, context) => adapter.preflight([spec], context)],
        ['observe', (adapter, spec, context) => adapter.observe(spec, context)],
        ['owned', (adapter, spec, context) => Array.fromAsync(adapter.owned(spec.owner.gateway, context))],
        ['watch', (adapter, spec, context) => Array.fromAsync(adapter.watch(spec.owner.gateway, context))],
      ])('%s rejects', async ([, call]) => {
        await expect(call(fresh(), harness.spec(), contextOf(AbortSignal.abort()))).rejects.toThrow()
      })

      it('a watch that waits for news rejects', { timeout: 20_000 }, async () => {
        const controller = new AbortController()
        const watching = Array.fromAsync(fresh().watch('nobody/here', contextOf(controller.signal)))
        setTimeout(() => controller.abort(), 200)
        await expect(watching).rejects.toThrow()
      })

      it('a poll that follows a task rejects', { timeout: 20_000 }, async ({ signal }) => {
        const spec = machine()
        const adapter = fresh()
        const outcome = await firstThatRuns(adapter, spec, signal)
        expect(outcome.kind).toBe('running')
        if (outcome.kind !== 'running') return
        const controller = new AbortController()
        const polling = adapter.poll(outcome.token, contextOf(controller.signal))
        controller.abort()
        await expect(polling).rejects.toThrow()
      })
    })

    /** Some steps are done at once: goes on to the first that takes its time. */
    async function firstThatRuns(adapter: Adapter, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
      for (;;) {
        const [step] = adapter.plan(spec, await adapter.observe(spec, contextOf(signal)))
        if (step === undefined) throw new Error('no step takes its time')
        const outcome = await adapter.start(step, spec, contextOf(signal))
        if (outcome.kind !== 'done') return outcome
      }
    }

    describe('promise 5: already so is success', () => {
      it('for each step that was just carried out', async ({ signal }) => {
        const spec = machine()
        const again = async (step: Step, wanted: MachineSpec) =>
          expect(await follow(fresh(), await fresh().start(step, wanted, contextOf(signal)), contextOf(signal))).toBe(
            true,
          )
        const before = await drive(fresh(), spec, signal, { onStep: (step) => again(step, spec) })
        expect(await objectsOf(spec, signal)).toHaveLength(before?.objects.length ?? -1)
        const absent: MachineSpec = { ...spec, want: 'absent' }
        expect(await drive(fresh(), absent, signal, { onStep: (step) => again(step, absent) })).toBeNull()
      })
    })

    describe('before anything is spent', () => {
      it('verify finds nothing wrong where nothing is', async ({ signal }) => {
        const findings = await fresh().verify(contextOf(signal))
        expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
      })

      it('inventory offers something to choose from', async ({ signal }) => {
        const items = await fresh().inventory(contextOf(signal))
        expect(items.length).toBeGreaterThan(0)
        for (const item of items)
          expect(item).toMatchObject({ kind: expect.stringMatching(/./), name: expect.stringMatching(/./) })
      })

      it('preflight passes what can be made', async ({ signal }) => {
        const findings = await fresh().preflight([harness.spec(), harness.spec()], contextOf(signal))
        expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
      })

      it('preflight names what a placement asks for in vain, with the remedy', async ({ signal }) => {
        const { placement, missing } = harness.misplaced
        const findings = await fresh().preflight([harness.spec({ placement })], contextOf(signal))
        const error = findings.find(({ severity }) => severity === 'error')
        expect(`${error?.subject} ${error?.message}`).toContain(missing)
        expect(error?.remedy).toMatch(/./)
      })
    })

    describe('plan', () => {
      it('is pure: the same for the same, and nothing given to it changes', async ({ signal }) => {
        const spec = freeze(machine())
        const adapter = fresh()
        const observed = freeze(await present(spec, signal))
        for (const want of ['present', 'absent'] as const)
          for (const state of [null, observed])
            expect(adapter.plan({ ...spec, want }, state)).toEqual(fresh().plan({ ...spec, want }, state))
      })
    })

    describe('drift', () => {
      it.for<'powerOff' | 'remove' | 'resize'>(['powerOff', 'remove', 'resize'])(
        'is seen after %s by somebody else, and healed',
        async (hand, { signal }) => {
          const spec = machine()
          await present(spec, signal)
          await harness.outside[hand](spec.owner.machine)

          const drifted = await fresh().observe(spec, contextOf(signal))
          expect(fresh().plan(spec, drifted)).not.toEqual([])
          const healed = await present(spec, signal)
          expect(healed.power).toBe('on')
          expect(await objectsOf(spec, signal)).toHaveLength(healed.objects.length)
        },
      )

      it.for<'powerOff' | 'remove' | 'resize'>(['powerOff', 'remove', 'resize'])(
        'is pushed to who watches after %s by somebody else',
        { timeout: 30_000 },
        async (hand, { signal }) => {
          const spec = machine()
          const watcher = new Watcher(fresh(), spec.owner.gateway)
          onTestFinished(() => watcher.stop())
          await present(spec, signal)
          await watcher.quiet(spec.owner.machine)

          await harness.outside[hand](spec.owner.machine)
          const change = await watcher.next(spec.owner.machine)
          // What the change says of the machine, or what the cloud says when asked for it, needs mending.
          const observed =
            change.observed === undefined ? await fresh().observe(spec, contextOf(signal)) : change.observed
          expect(fresh().plan(spec, observed)).not.toEqual([])
        },
      )
    })
  })
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(freeze)
  }
  return value
}

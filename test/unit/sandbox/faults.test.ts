import { afterEach, describe, expect, it } from 'vitest'
import type { SandboxCloud } from '../../../adapters/sandbox/cloud.ts'
import { drive } from '../../contract/drive.ts'
import { CONTEXT, machine, sandbox } from './fixtures.ts'

const clouds: SandboxCloud[] = []
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.close()))
})

function faulty(outcome: string, random: () => number, step?: string) {
  const made = sandbox({ faults: [{ outcome, probability: 0.5, ...(step && { step }) }] }, undefined, random)
  clouds.push(made.cloud)
  return made.adapter
}

async function startCreate(adapter: ReturnType<typeof faulty>, spec = machine()) {
  const [step] = adapter.plan(spec, null)
  if (step === undefined) throw new Error('no step')
  return { outcome: await adapter.start(step, spec, CONTEXT), observed: await adapter.observe(spec, CONTEXT) }
}

describe('a fault of the account', () => {
  it.each<[string, object]>([
    ['retryable', { kind: 'retryable', fault: 'busy' }],
    ['capacity', { kind: 'retryable', fault: 'capacity' }],
    ['fatal', { kind: 'fatal', remedy: expect.stringContaining('spec.faults[0]') }],
    ['credentials', { kind: 'credentials' }],
  ])('%s stops the step before anything is done', async (outcome, expected) => {
    const started = await startCreate(faulty(outcome, () => 0.4))
    expect(started.outcome).toMatchObject(expected)
    expect(started.observed).toBeNull()
  })

  it('unknown loses the reply of a step that was carried out, or of one that was not', async () => {
    const carriedOut = await startCreate(faulty('unknown', () => 0.4))
    expect(carriedOut.outcome.kind).toBe('unknown')
    expect(carriedOut.observed).not.toBeNull()
    const draws = [0.4, 0.6]
    const lost = await startCreate(faulty('unknown', () => draws.shift() ?? 0))
    expect(lost.outcome.kind).toBe('unknown')
    expect(lost.observed).toBeNull()
  })

  it('strikes as often as its probability says, and only its step', async () => {
    expect((await startCreate(faulty('fatal', () => 0.6))).outcome.kind).toBe('running')
    expect((await startCreate(faulty('fatal', () => 0.4, 'delete'))).outcome.kind).toBe('running')
  })

  it('that passes is got over by trying again', async () => {
    let draw = 0
    const adapter = faulty('unknown', () => {
      draw += 0.17
      return draw % 1
    })
    const spec = machine()
    expect(await drive(adapter, spec, CONTEXT.signal)).toMatchObject({ power: 'on' })
    expect(await drive(adapter, { ...spec, want: 'absent' }, CONTEXT.signal)).toBeNull()
  })
})

describe('a full sandbox', () => {
  it('says so before anything is made, and when it is', async () => {
    const { cloud, adapter } = sandbox({ capacity: 1 })
    clouds.push(cloud)
    const [first, second] = [machine(), machine()]
    expect(await adapter.preflight([first], CONTEXT)).toEqual([])
    expect(await adapter.preflight([first, second], CONTEXT)).toEqual([
      expect.objectContaining({ severity: 'error', message: 'has room for 1 more machines, and 2 are wanted' }),
    ])
    await drive(adapter, first, CONTEXT.signal)
    expect((await startCreate(adapter, second)).outcome).toMatchObject({ kind: 'retryable', fault: 'capacity' })
    // What is there already needs no more room.
    expect(await adapter.preflight([first], CONTEXT)).toEqual([])
  })
})

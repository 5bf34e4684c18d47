/** Takes the steps of a machine or a foundation one by one, and shows what came of each. */
import type { Adapter, FoundationSpec, MachineSpec, Outcome, Step } from '../../adapters/adapter.ts'
import { contextOf, follow } from './drive.ts'

export async function untilEnd(adapter: Adapter, first: Outcome, signal: AbortSignal): Promise<Outcome> {
  let outcome = first
  while (outcome.kind === 'running') outcome = await adapter.poll(outcome.token, contextOf(signal))
  return outcome
}

/**
 * Takes steps until nothing is left to do, or one is fatal (or ends as `stopAt` says); without waiting in between.
 * Gives the outcomes but `done`; `seen` gets the kinds of the steps.
 */
export async function untilStuck(
  adapter: Adapter,
  spec: MachineSpec,
  signal: AbortSignal,
  seen: string[] = [],
  stopAt: Outcome['kind'] = 'fatal',
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let round = 0; round < 60; round += 1) {
    const [step] = adapter.plan(spec, await adapter.observe(spec, contextOf(signal)))
    if (step === undefined) return outcomes
    seen.push(step.kind)
    const outcome = await untilEnd(adapter, await adapter.start(step, spec, contextOf(signal)), signal)
    if (outcome.kind !== 'done') outcomes.push(outcome)
    if (outcome.kind === stopAt || outcome.kind === 'fatal') return outcomes
  }
  throw new Error(`${spec.name} did not get anywhere`)
}

export function untilRetryable(adapter: Adapter, spec: MachineSpec, signal: AbortSignal): Promise<Outcome[]> {
  return untilStuck(adapter, spec, signal, [], 'retryable')
}

/** Takes steps until the next one makes such an object. */
export async function untilStep(adapter: Adapter, spec: MachineSpec, kind: string, signal: AbortSignal): Promise<Step> {
  for (;;) {
    const [step] = adapter.plan(spec, await adapter.observe(spec, contextOf(signal)))
    if (step === undefined) throw new Error(`nothing makes a ${kind}`)
    if (step.creates.some((each) => each.kind === kind)) return step
    await untilEnd(adapter, await adapter.start(step, spec, contextOf(signal)), signal)
  }
}

export async function driveFoundation(adapter: Adapter, spec: FoundationSpec, signal: AbortSignal): Promise<void> {
  const { foundations } = adapter
  if (foundations === null) throw new Error('OpenStack has foundations')
  for (let round = 0; round < 40; round += 1) {
    const [step] = foundations.plan(spec, await foundations.observe(spec, contextOf(signal)))
    if (step === undefined) return
    await follow(adapter, await foundations.start(step, spec, contextOf(signal)), contextOf(signal))
  }
  throw new Error(`${spec.name} did not get anywhere`)
}

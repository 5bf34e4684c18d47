import type {
  Adapter,
  AdapterContext,
  ExternalObject,
  MachineSpec,
  Observed,
  Outcome,
  Step,
} from '../../adapters/adapter.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'

/** More rounds than any machine needs: an adapter that never gets there fails instead of hanging. */
const MAX_ROUNDS = 60
const RETRY_MS = 100

export interface DriveOptions {
  /** Called after each step that is carried out. */
  readonly onStep?: (step: Step) => void | Promise<void>
}

export function contextOf(signal: AbortSignal): AdapterContext {
  return { signal, log: silentLog }
}

/** Runs a machine to its goal as the smallest step runner would: observe, plan, one step, again. Gives what is observed in the end. */
export async function drive(
  adapter: Adapter,
  spec: MachineSpec,
  signal: AbortSignal,
  options: DriveOptions = {},
): Promise<Observed | null> {
  const context = contextOf(signal)
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const observed = await adapter.observe(spec, context)
    const step = adapter.plan(spec, observed)[0]
    if (step === undefined) return observed
    if (await follow(adapter, await adapter.start(step, spec, context), context)) await options.onStep?.(step)
  }
  throw new Error(`${spec.name} did not get to ${spec.want} in ${MAX_ROUNDS} steps`)
}

/** Follows an outcome to its end. True if the step is done; false if the machine must be observed before anything else. */
export async function follow(adapter: Adapter, first: Outcome, context: AdapterContext): Promise<boolean> {
  let outcome = first
  while (outcome.kind === 'running') outcome = await adapter.poll(outcome.token, context)
  switch (outcome.kind) {
    case 'done':
      return true
    case 'unknown':
      return false
    case 'retryable':
      await systemClock.sleep(Math.min(outcome.afterMs ?? RETRY_MS, 1_000), context.signal)
      return false
    case 'fatal':
    case 'credentials':
      throw new Error(`${outcome.kind}: ${outcome.message}`)
  }
}

/** Everything outside with this gateway's mark. */
export async function ownedBy(adapter: Adapter, gateway: string, signal: AbortSignal): Promise<ExternalObject[]> {
  return Array.fromAsync(adapter.owned(gateway, contextOf(signal)))
}

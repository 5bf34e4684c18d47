import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import type { Foundations } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import type { Names } from '../names.ts'
import type { OpenstackFoundation } from './foundation-observed.ts'
import type { FoundationStep } from './foundation-step.ts'
import { LastLooks } from './last-looks.ts'
import { observeFoundation } from './observe.ts'
import { planFoundation } from './plan.ts'
import { ServerGroups } from './server-groups.ts'
import { startFoundationStep } from './steps.ts'
import type { World } from './world.ts'

export interface FoundationsOptions {
  readonly cloud: OpenstackCloud
  readonly names: Names
  readonly clock: Clock
  readonly log: Log
}

/** What clusters share in an OpenStack project. Tokens of its steps are for `pollBalancer`. */
export function createFoundations({
  cloud,
  names,
  clock,
}: FoundationsOptions): Foundations<FoundationStep, OpenstackFoundation> {
  const world: World = { cloud, names, clock, serverGroups: new ServerGroups(cloud, clock) }
  const looks = new LastLooks(clock)
  return {
    plan: planFoundation,
    async observe(spec, { signal }) {
      const observed = await observeFoundation(world, spec, signal)
      looks.note(spec, observed)
      return observed
    },
    async start(step, spec, context) {
      const outcome = await startFoundationStep(world, step, spec, looks.take(spec), context)
      looks.begun(spec, outcome)
      return outcome
    },
  }
}

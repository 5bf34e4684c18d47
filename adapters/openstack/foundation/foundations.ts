import type { Clock } from '../../../runtime/clock.ts'
import type { Log } from '../../../runtime/log.ts'
import type { Foundations } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import type { Names } from '../names.ts'
import type { OpenstackFoundation } from './foundation-observed.ts'
import type { FoundationStep } from './foundation-step.ts'
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
  return {
    plan: planFoundation,
    observe: (spec, { signal }) => observeFoundation(world, spec, signal),
    start: (step, spec, context) => startFoundationStep(world, step, spec, context),
  }
}

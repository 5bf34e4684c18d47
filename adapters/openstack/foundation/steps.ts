/**
 * Begins each kind of step: the only place that changes a foundation.
 *
 * 1. A step is begun on what was seen just before, and acts only if it is still to be done: so what stands is adopted, and what
 *    carries no mark isn't touched.
 */
import type { AdapterContext, FoundationSpec, Outcome } from '../../adapter.ts'
import { outcomeOf } from '../outcomes.ts'
import { deleteObject, disassociateFloatingIp, disconnectRouter } from './deletion-steps.ts'
import { associateFloatingIp, createFloatingIp, setVipPort } from './endpoint-steps.ts'
import type { OpenstackFoundation } from './foundation-observed.ts'
import { type FoundationStep, sameStep } from './foundation-step.ts'
import { createSecurityGroup, createServerGroup, updateRules } from './group-steps.ts'
import type { Look } from './last-looks.ts'
import {
  awaitLoadBalancer,
  createHealthMonitor,
  createListener,
  createLoadBalancer,
  createPool,
  deleteListener,
  updateListener,
} from './load-balancer-steps.ts'
import { connectRouter, createNetwork, createRouter, createSubnet, updateSubnet } from './network-steps.ts'
import { NOTHING } from './nothing.ts'
import { observeFoundation } from './observe.ts'
import { planFoundation } from './plan.ts'
import { standingOf } from './standing.ts'
import { DONE } from './step-outcome.ts'
import type { World } from './world.ts'

/**
 * Throws only when cancelled: everything else is an outcome.
 * @param look what was seen just before, where nothing speaks against beginning on it
 */
export async function startFoundationStep(
  world: World,
  step: FoundationStep,
  spec: FoundationSpec,
  look: Look | undefined,
  { signal }: AdapterContext,
): Promise<Outcome> {
  const forget = () => {
    // What was found a minute ago may be what no longer is so.
    world.names.forget()
    world.serverGroups.forget()
  }
  try {
    const { observed: seen } = look ?? { observed: await observeFoundation(world, spec, signal) }
    const observed = seen ?? NOTHING
    // Invariant 1.
    if (!planFoundation(spec, observed).some((each) => sameStep(each, step))) return DONE
    const outcome = await begin(world, step, spec, observed, signal)
    if (outcome.kind === 'fatal') forget()
    return outcome
  } catch (error) {
    forget()
    signal.throwIfAborted()
    return outcomeOf(error, { step: step.kind, words: step.summary })
  } finally {
    if (step.kind === 'create-server-group' || step.kind === 'delete') world.serverGroups.forget()
  }
}

function begin(
  world: World,
  step: FoundationStep,
  spec: FoundationSpec,
  observed: OpenstackFoundation,
  signal: AbortSignal,
): Promise<Outcome> {
  const standing = standingOf(spec, observed)
  switch (step.kind) {
    case 'create-network':
      return createNetwork(world, spec, signal)
    case 'create-subnet':
      return createSubnet(world, spec, standing, signal)
    case 'update-subnet':
      return updateSubnet(world, spec, standing, signal)
    case 'create-router':
      return createRouter(world, spec, signal)
    case 'connect-router':
      return connectRouter(world, spec, standing, signal)
    case 'create-security-group':
      return createSecurityGroup(world, spec, step.part, observed, standing, signal)
    case 'update-rules':
      return updateRules(world, spec, step.part, observed, standing, signal)
    case 'create-server-group':
      return createServerGroup(world, spec, step.pool, signal)
    case 'create-vip-port':
    case 'update-vip-port':
      return setVipPort(world, spec, standing, signal)
    case 'create-load-balancer':
      return createLoadBalancer(world, spec, standing, signal)
    case 'await-load-balancer':
      return Promise.resolve(awaitLoadBalancer(standing))
    case 'create-listener':
      return createListener(world, spec, observed, standing, signal)
    case 'update-listener':
      return updateListener(world, spec, step.id, observed, standing, signal)
    case 'delete-listener':
      return deleteListener(world, spec, step.id, standing, signal)
    case 'create-pool':
      return createPool(world, spec, standing, signal)
    case 'create-health-monitor':
      return createHealthMonitor(world, spec, standing, signal)
    case 'create-floating-ip':
      return createFloatingIp(world, spec, standing, signal)
    case 'associate-floating-ip':
      return associateFloatingIp(world, spec, standing, signal)
    case 'disassociate-floating-ip':
      return disassociateFloatingIp(world, step.id, signal)
    case 'disconnect-router':
      return disconnectRouter(world, spec, step.id, observed, signal)
    case 'delete':
      return deleteObject(world, spec, step.object, step.id, signal)
    default:
      return step satisfies never
  }
}

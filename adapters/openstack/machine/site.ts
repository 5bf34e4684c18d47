/** What a machine stands on in its cloud, by the names of its placement and the mark of its foundation. */
import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { MachineSpec } from '../../adapter.ts'
import { faultOf } from '../client/openstack-fault.ts'
import type { Ground } from '../foundation/ground.ts'
import type { NamedFlavor } from '../named.ts'
import type { Names } from '../names.ts'
import type { Protection, Wanted } from './observed.ts'

/** Machines of one cluster are made by the hundred, and stand on the same. */
const FRESH_MS = 30_000
const MAX_KNOWN = 1_000

export interface SiteOptions {
  readonly names: Names
  readonly clock: Clock
  groundOf(spec: MachineSpec, signal: AbortSignal): Promise<Ground>
}

export class Site {
  readonly names: Names
  readonly #options: SiteOptions
  readonly #grounds = new Map<string, { readonly at: number; readonly ground: Ground }>()

  constructor(options: SiteOptions) {
    this.#options = options
    this.names = options.names
  }

  async ground(spec: MachineSpec, signal: AbortSignal): Promise<Ground> {
    const { clock, groundOf } = this.#options
    const { owner, foundation, placement, role, pool, serves } = spec
    const key = JSON.stringify([owner.gateway, owner.cluster, foundation, placement, role, pool, serves?.type])
    const known = this.#grounds.get(key)
    if (known !== undefined && clock.now() - known.at < FRESH_MS) return known.ground
    const ground = await groundOf(spec, signal)
    if (this.#grounds.size >= MAX_KNOWN) this.#grounds.clear()
    this.#grounds.set(key, { at: clock.now(), ground })
    return ground
  }

  flavor({ size, name }: MachineSpec, signal: AbortSignal): Promise<NamedFlavor> {
    if (size.type === 'flavor') return this.names.flavor(size.flavor, signal)
    throw new PcgError('invalid', `${name} asks for CPUs and memory, and OpenStack has flavors`, {
      subject: 'flavor',
      remedy: 'Give the pool a flavor in place of cpus and memoryMiB.',
    })
  }

  async protection(spec: MachineSpec, signal: AbortSignal): Promise<Protection> {
    const { securityGroupIds } = await this.ground(spec, signal)
    const named = await Promise.all(
      placementOf(spec).securityGroups.map((name) => this.names.securityGroup(name, signal)),
    )
    // A foundation without groups for its nodes is one on a network without port security: any address may be used there.
    const open = spec.foundation !== undefined && securityGroupIds.length === 0
    return {
      securityGroupIds: [...new Set([...securityGroupIds, ...named.map(({ id }) => id)])],
      pairs: spec.serves?.type === 'virtual-ip' && !open ? [spec.serves.address] : [],
    }
  }

  /** Undefined where a name stands for nothing: then there is nothing to compare with, and whatever is to be made says so. */
  async wanted(spec: MachineSpec, signal: AbortSignal): Promise<Wanted | undefined> {
    try {
      const [flavor, protection] = await Promise.all([this.flavor(spec, signal), this.protection(spec, signal)])
      return { flavor: flavor.name, ...protection }
    } catch (error) {
      const missing =
        error instanceof PcgError && ['not-found', 'conflict', 'invalid', 'unavailable'].includes(error.code)
      // What a service answered, or didn't, is another thing than what isn't there.
      if (missing && faultOf(error) === undefined && error.subject !== undefined) return undefined
      throw error
    }
  }

  /** What was found a moment ago may be what no longer is so. */
  forget(): void {
    this.#grounds.clear()
    this.names.forget()
  }
}

export function placementOf({ placement }: MachineSpec): OpenstackPlacement {
  if (placement.cloud === 'openstack') return placement
  throw new PcgError('invalid', `a placement in ${placement.cloud} is not for OpenStack`, { subject: 'placement' })
}

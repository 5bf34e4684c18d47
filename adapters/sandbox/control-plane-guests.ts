/**
 * What the guests of control planes do after their boot: they ask the gateway who leaves the cluster, as the timer of real
 * ones does, and report those as left.
 *
 * Invariants
 * 1. Of a cluster's guests one asks at a time, since a fleet of control planes lives in this process: the next one each time,
 *    but whom the gateway gives something to do goes on. So an idle cluster costs a request each `askMs`.
 */
import type { AdapterDependencies } from '../adapter.ts'
import type { GuestNetwork } from './guest.ts'
import type { SandboxVm } from './vm.ts'

export interface ControlPlaneOptions {
  readonly dependencies: AdapterDependencies
  readonly network: GuestNetwork
  /** Between two questions of a cluster, in ms; may change. */
  readonly askMs: () => number
  readonly signal: AbortSignal
}

export class ControlPlaneGuests {
  readonly #options: ControlPlaneOptions
  /** By cluster: its control plane's guests that are up. Who asks next stands first. */
  readonly #clusters = new Map<string, Set<SandboxVm>>()

  constructor(options: ControlPlaneOptions) {
    this.#options = options
  }

  /** The guest has booted; ignored if it is not of a control plane. */
  up(vm: SandboxVm): void {
    if (!vm.asks || vm.phoneHome === null) return
    const key = keyOf(vm)
    const known = this.#clusters.get(key)
    if (known !== undefined) {
      known.add(vm)
      return
    }
    const guests = new Set([vm])
    this.#clusters.set(key, guests)
    const { dependencies, signal } = this.#options
    this.#serve(key, guests).catch((cause: unknown) => {
      if (!signal.aborted) dependencies.log.error({ cluster: key, err: cause }, 'sandbox control plane failed')
    })
  }

  down(vm: SandboxVm): void {
    this.#clusters.get(keyOf(vm))?.delete(vm)
  }

  /** Until none of the cluster's guests is up any more. */
  async #serve(key: string, guests: Set<SandboxVm>): Promise<void> {
    const { dependencies, askMs, signal } = this.#options
    const { clock, log } = dependencies
    let waitMs = spread(askMs())
    while (true) {
      await clock.sleep(waitMs, signal)
      const [vm] = guests
      if (vm === undefined) break
      waitMs = spread(askMs())
      try {
        const againSeconds = await this.#turn(vm)
        if (againSeconds !== null) waitMs = Math.min(waitMs, againSeconds * 1_000)
        else if (guests.delete(vm)) guests.add(vm)
      } catch (cause) {
        signal.throwIfAborted()
        log.debug({ vm: vm.id, err: cause }, 'sandbox guest: the gateway could not be asked')
        if (guests.delete(vm)) guests.add(vm)
      }
    }
    this.#clusters.delete(key)
  }

  async #turn({ phoneHome }: SandboxVm): Promise<number | null> {
    if (phoneHome === null) return null
    const { network, signal } = this.#options
    const { leaving, againSeconds } = await network.ask(phoneHome, signal)
    for (const { name } of leaving) await network.left(phoneHome, name, signal)
    return againSeconds
  }
}

/** As the real timer's `RandomizedDelaySec`: clusters that came up together don't ask together. */
function spread(ms: number): number {
  return ms * (1 + Math.random() / 3)
}

function keyOf({ owner }: SandboxVm): string {
  return `${owner.gateway} ${owner.cluster}`
}

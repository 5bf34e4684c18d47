/**
 * What was seen of foundations just now, so that a step that is begun on it needn't ask the cloud for the same once more: that
 * would be half of all that making one asks.
 *
 * Invariants
 * 1. A look serves one step, which is begun for the very spec that it was made for, and soon after it.
 * 2. No look serves after a step of which it isn't known what became of it, nor before this process knows of any that went well:
 *    what is still under way in the cloud would not be in it, and would be made twice.
 */
import type { Clock } from '../../../runtime/clock.ts'
import type { FoundationSpec, MachineUid, Outcome } from '../../adapter.ts'
import type { OpenstackFoundation } from './foundation-observed.ts'

/** What lies between is the writing of a journal. */
const FRESH_MS = 2_000

export interface Look {
  /** Null where nothing was there. */
  readonly observed: OpenstackFoundation | null
}

export class LastLooks {
  readonly #clock: Clock
  readonly #looks = new Map<MachineUid, Look & { readonly at: number; readonly spec: string }>()
  /** Those whose last step went well. */
  readonly #calm = new Set<MachineUid>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(spec: FoundationSpec, observed: OpenstackFoundation | null): void {
    const { machine } = spec.owner
    for (const [uid, { at }] of this.#looks) if (!this.#isFresh(at)) this.#looks.delete(uid)
    // Invariant 2.
    if (!this.#calm.has(machine)) return
    this.#looks.set(machine, { at: this.#clock.now(), spec: JSON.stringify(spec), observed })
  }

  /** The look that a step may be begun on; undefined where it has to look itself. */
  take(spec: FoundationSpec): Look | undefined {
    const { machine } = spec.owner
    const look = this.#looks.get(machine)
    // Invariant 1. Until it is said how the step began, nothing is known of it.
    this.#looks.delete(machine)
    this.#calm.delete(machine)
    if (look === undefined || !this.#isFresh(look.at) || look.spec !== JSON.stringify(spec)) return undefined
    return look
  }

  /** How a step of it began. */
  begun({ owner }: FoundationSpec, { kind }: Outcome): void {
    if (kind === 'done' || kind === 'running') this.#calm.add(owner.machine)
    else this.#calm.delete(owner.machine)
  }

  #isFresh(at: number): boolean {
    const age = this.#clock.now() - at
    return age >= 0 && age < FRESH_MS
  }
}

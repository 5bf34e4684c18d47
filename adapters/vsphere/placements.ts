/** Resolved placements, read once for all machines that share one. */
import type { VspherePlacement } from '../../resources/cluster.ts'
import type { Clock } from '../../runtime/clock.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { abortable } from './abortable.ts'
import type { TemplateDetails } from './clone-spec.ts'
import { readDevices } from './devices.ts'
import { readTree, type Tree } from './inventory-tree.ts'
import type { MoRef } from './moref.ts'
import { type ResolvedPlacement, resolvePlacement } from './placement.ts'
import { retrieveObject } from './properties.ts'
import type { Session } from './session.ts'
import { ref } from './soap-value.ts'

/** The inventory of a site changes seldom, and vCenter refuses what is no longer there. */
const FRESH_MS = 60_000
const READ_TIMEOUT_MS = 120_000

export interface Place {
  readonly placement: ResolvedPlacement
  readonly template: TemplateDetails
}

export class Placements {
  readonly #session: Session
  readonly #clock: Clock
  readonly #places = new Map<string, { readonly at: number; readonly place: Promise<Place> }>()
  #tree: { readonly at: number; readonly tree: Promise<Tree> } | undefined

  constructor(session: Session, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  /** Throws `not-found` with a detail for each name that doesn't resolve. */
  find(wanted: VspherePlacement, signal: AbortSignal): Promise<Place> {
    const key = JSON.stringify(wanted)
    const now = this.#clock.now()
    const known = this.#places.get(key)
    if (known !== undefined && now - known.at < FRESH_MS) return abortable(known.place, signal)
    // Shared by all who ask, so no single one's signal may end it.
    const place = this.#read(wanted, AbortSignal.timeout(READ_TIMEOUT_MS))
    this.#places.set(key, { at: now, place })
    place.catch(() => this.#places.delete(key))
    return abortable(place, signal)
  }

  /** Forgets what it knows: something of it is no longer so. */
  forget(): void {
    this.#places.clear()
    this.#tree = undefined
  }

  async #read(wanted: VspherePlacement, signal: AbortSignal): Promise<Place> {
    const resolution = resolvePlacement(await this.#recentTree(signal), wanted)
    if (!resolution.ok) {
      const [first] = resolution.findings
      throw new PcgError('not-found', `${first?.subject} ${first?.message}`, {
        subject: first?.subject ?? 'placement',
        remedy: first?.remedy ?? 'Correct the placement.',
        details: resolution.findings.map(({ subject, message, remedy }) => ({
          subject,
          message,
          ...(remedy === undefined ? {} : { remedy }),
        })),
      })
    }
    return {
      placement: resolution.placement,
      template: await readTemplate(this.#session, resolution.placement.template.ref, signal),
    }
  }

  #recentTree(signal: AbortSignal): Promise<Tree> {
    const now = this.#clock.now()
    if (this.#tree === undefined || now - this.#tree.at >= FRESH_MS) {
      const tree = readTree(this.#session, signal)
      this.#tree = { at: now, tree }
      tree.catch(() => {
        this.#tree = undefined
      })
    }
    return this.#tree.tree
  }
}

export async function readTemplate(session: Session, vm: MoRef, signal: AbortSignal): Promise<TemplateDetails> {
  const values = await retrieveObject(session, vm, ['config.hardware.device', 'snapshot'], signal)
  return {
    devices: readDevices(values.get('config.hardware.device')),
    snapshot: ref(values.get('snapshot'), 'currentSnapshot'),
  }
}

/**
 * Which machine of a control plane takes others out of the cluster, whom, and how.
 *
 * Invariants
 * 1. Of a cluster's machines one acts at a time, until it hasn't asked for a while or is to leave itself.
 * 2. Nothing here need survive a restart: whoever acts then finds done what was done, and patience begins anew.
 */
import type { MachineUid } from '../../adapters/adapter.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Duties, Leaver } from '../bootstrap/phone-home.ts'
import { canTakeOut, type Departure, DRAIN_PATIENCE_MS, LEAVE_PATIENCE_MS } from './departure.ts'
import type { MachineRecord } from './machine-record.ts'

/** Longer than a turn of `join-wanted.sh` takes, with every call in it at its time limit. */
const LEASE_MS = 4 * 60_000
/** How many a machine is given at once: it drains them side by side, and each takes a kubectl. */
const BATCH = 8
/** While its cluster changes, the one that acts asks so often; the others as always. */
const AGAIN_SECONDS = 10

const NO_DUTIES: Duties = { leaving: [], againSeconds: null }

interface Desk {
  actor: MachineUid
  untilMs: number
  progressMs: number
  /** When each leaver was first given to an actor. */
  readonly given: Map<MachineUid, number>
}

export class DepartureDesk {
  readonly #clock: Clock
  readonly #beganMs: number
  readonly #desks = new Map<string, Desk>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#beganMs = clock.now()
  }

  /** What the machine that asks is to do for its cluster, which has these machines. */
  dutiesOf(asker: MachineRecord, machines: readonly MachineRecord[]): Duties {
    if (!machines.some(changes)) {
      this.#desks.delete(asker.cluster)
      return NO_DUTIES
    }
    if (!canTakeOut(asker)) return NO_DUTIES
    const desk = this.#take(asker, machines)
    if (desk === null) return NO_DUTIES
    const leaving = machines
      .filter(isLeaving)
      .sort((a, b) => a.departure.since.localeCompare(b.departure.since) || a.uid.localeCompare(b.uid))
      .slice(0, BATCH)
      .map((machine) => this.#leaver(machine, desk))
    return { leaving, againSeconds: AGAIN_SECONDS }
  }

  /** A machine has left: those that wait behind it may wait on. */
  progressed(cluster: string): void {
    const desk = this.#desks.get(cluster)
    if (desk !== undefined) desk.progressMs = this.#clock.now()
  }

  /** When anything of the cluster's departures last got on, ms since 1970; at least when the gateway began. */
  progressMs(cluster: string): number {
    return this.#desks.get(cluster)?.progressMs ?? this.#beganMs
  }

  /** Invariant 1. */
  #take(asker: MachineRecord, machines: readonly MachineRecord[]): Desk | null {
    const nowMs = this.#clock.now()
    const untilMs = nowMs + LEASE_MS
    const desk = this.#desks.get(asker.cluster)
    if (desk === undefined) {
      this.#forgetOld(nowMs)
      const fresh: Desk = { actor: asker.uid, untilMs, progressMs: this.#beganMs, given: new Map() }
      this.#desks.set(asker.cluster, fresh)
      return fresh
    }
    const { actor } = desk
    const acts = desk.untilMs > nowMs && machines.some((machine) => machine.uid === actor && canTakeOut(machine))
    if (acts && actor !== asker.uid) return null
    desk.actor = asker.uid
    desk.untilMs = untilMs
    return desk
  }

  /** Those of clusters that are gone, or have nobody left to ask. */
  #forgetOld(nowMs: number): void {
    for (const [cluster, { untilMs }] of this.#desks)
      if (untilMs + LEAVE_PATIENCE_MS < nowMs) this.#desks.delete(cluster)
  }

  #leaver({ uid, name, role, departure }: Leaving, { given }: Desk): Leaver {
    const nowMs = this.#clock.now()
    const since = given.get(uid) ?? nowMs
    given.set(uid, since)
    return { name, role, how: departure.drain && nowMs - since < DRAIN_PATIENCE_MS ? 'drain' : 'remove' }
  }
}

type Leaving = MachineRecord & { readonly departure: Departure & { readonly state: 'asked' } }

function isLeaving(record: MachineRecord): record is Leaving {
  return record.want === 'absent' && record.departure.state === 'asked'
}

/** Whether its cluster's control plane may soon be needed: it comes, or goes. */
function changes(record: MachineRecord): boolean {
  if (record.want === 'absent') return record.departure.state === 'none' || record.departure.state === 'asked'
  return record.phase === 'Pending' || record.phase === 'Provisioning' || record.phase === 'Booting'
}

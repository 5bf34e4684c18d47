import type { Observed } from '../../adapters/adapter.ts'
import type { MachineRecord } from './machine-record.ts'

/** How far a machine is in leaving its Kubernetes cluster, which comes before anything of it is deleted. */
export type Departure =
  /** No Kubernetes of the gateway's making runs on it. */
  | { readonly state: 'unneeded' }
  | { readonly state: 'none' }
  /** Another machine of the control plane is to take it out. `drain`: it runs, and so may have pods to be moved. */
  | { readonly state: 'asked'; readonly since: string; readonly drain: boolean; readonly trouble: string | null }
  | { readonly state: 'left'; readonly at: string }
  /** It goes without. */
  | { readonly state: 'skipped'; readonly reason: string }

/** How long a machine's deletion waits for its departure, counted from when anything of its cluster's departures got on. */
export const LEAVE_PATIENCE_MS = 10 * 60_000
/** How long pods may take to find another place; then the node goes with those that it has, well within the patience. */
export const DRAIN_PATIENCE_MS = 5 * 60_000

export interface Surroundings {
  /** Whether its cluster is to stay; of one that is deleted as a whole nobody takes leave. */
  readonly clusterStays: boolean
  /** Whether another machine can take it out. */
  readonly helper: boolean
  /** When anything of its cluster's departures last got on, or the gateway began. */
  readonly progressMs: number
  readonly nowMs: number
}

export type DepartureDecision =
  | { readonly decision: 'ask-departure'; readonly departure: Departure & { readonly state: 'asked' } }
  | { readonly decision: 'await-departure'; readonly leftMs: number }
  | { readonly decision: 'skip-departure'; readonly reason: string }

/** What must come before a machine that is not wanted is deleted; null if nothing (any more). Pure. */
export function decideDeparture(
  record: MachineRecord,
  observed: Observed | null,
  { clusterStays, helper, progressMs, nowMs }: Surroundings,
): DepartureDecision | null {
  const { departure } = record
  switch (departure.state) {
    case 'unneeded':
    case 'left':
    case 'skipped':
      return null
    case 'none': {
      if (!clusterStays || !mayHaveJoined(record)) return null
      if (!helper) {
        // Before there was a control plane nobody can have joined it.
        if (record.phoneHome.state !== 'ready') return null
        return { decision: 'skip-departure', reason: 'no other control-plane machine is there to take it out' }
      }
      const drain = observed?.power === 'on' && record.phoneHome.state === 'ready'
      const since = new Date(nowMs).toISOString()
      return { decision: 'ask-departure', departure: { state: 'asked', since, drain, trouble: null } }
    }
    case 'asked': {
      if (!clusterStays) return null
      const leftMs = Math.max(Date.parse(departure.since), progressMs) + LEAVE_PATIENCE_MS - nowMs
      if (leftMs > 0) return { decision: 'await-departure', leftMs }
      const minutes = LEAVE_PATIENCE_MS / 60_000
      const said = departure.trouble === null ? 'no control-plane machine has answered' : departure.trouble
      return { decision: 'skip-departure', reason: `not within ${minutes} minutes: ${said}` }
    }
    default:
      return departure satisfies never
  }
}

/** Whether it can take others out of the cluster: it is of its control plane, and stays. */
export function canTakeOut(record: MachineRecord): boolean {
  return record.role === 'control-plane' && record.want === 'present' && record.phoneHome.state === 'ready'
}

/** One that has booted may be a member even if it never got ready: of etcd too, whose majority counts it. */
function mayHaveJoined(record: MachineRecord): boolean {
  return record.bootingSince !== null || record.phoneHome.state !== 'waiting'
}

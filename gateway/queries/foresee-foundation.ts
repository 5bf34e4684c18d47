import type { Adapter, AdapterContext } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import type { PlanEntry } from '../../resources/query.ts'
import { createFoundation, type FoundationRecord, specOf } from '../foundations/foundation-record.ts'
import type { Orchestrator } from '../orchestrator.ts'

export interface ForeseenFoundation {
  /** What the cluster's machines will stand on; null where they need nothing. */
  readonly foundation: FoundationRecord | null
  /** What is done for that; empty if nothing. */
  readonly entries: readonly PlanEntry[]
}

/** What becomes of a cluster's foundation. Observes it, if there is one. */
export async function foreseeFoundation(
  cluster: Cluster,
  orchestrator: Orchestrator,
  { adapter, context }: { adapter: Adapter; context: AdapterContext },
): Promise<ForeseenFoundation> {
  const { foundations } = adapter
  if (foundations === null) return { foundation: null, entries: [] }
  const { name } = cluster.metadata
  const entry = (action: PlanEntry['action'], reason: string, steps: readonly string[]): PlanEntry[] =>
    steps.length === 0 ? [] : [{ action, kind: 'Foundation', name, reason, steps }]
  const known = orchestrator.foundations.of(name)
  if (known === undefined) {
    const foundation = createFoundation(cluster, orchestrator.owner)
    const steps = foundations.plan(specOf(foundation), null).map((step) => step.summary)
    return { foundation, entries: entry('create', foundation.cause, steps) }
  }
  const changed = orchestrator.foundations.changed(cluster, [])
  if (changed === undefined) return { foundation: known, entries: [] }
  const observed = await foundations.observe(specOf(changed), context)
  const steps = foundations.plan(specOf(changed), observed).map((step) => step.summary)
  return { foundation: changed, entries: entry('change', `cluster ${name} asks for something else`, steps) }
}

import type { Cluster, ClusterStatus } from '../../resources/cluster.ts'
import type { Report } from '../../resources/report.ts'
import { type Clock, timestamp } from '../../runtime/clock.ts'
import type { Desired } from '../journal/desired-table.ts'
import type { Journal } from '../journal/journal.ts'
import { clusterStatus, type Hindrance } from './cluster-status.ts'
import type { PoolGoal } from './plan-cluster.ts'

/** What a cluster is measured by, and what is in its way. */
export interface ClusterGoal {
  readonly pools: readonly PoolGoal[]
  readonly profileGeneration: number | null
  readonly hindrance: Hindrance
}

/** Tells how a cluster stands, when that has changed. */
export class ClusterReporter {
  readonly #journal: Journal
  readonly #clock: Clock

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal
    this.#clock = clock
  }

  /** Resolves once the status, if it is another, and its events are on disk. */
  async report({ resource, generation, want }: Desired<Cluster>, goal: ClusterGoal): Promise<void> {
    const { name } = resource.metadata
    const before = this.#journal.clusters.get(name).status
    const machines = this.#journal.machines.ofCluster(name)
    const status = clusterStatus({
      ...goal,
      generation,
      deleting: want === 'absent',
      machines,
      foundation: this.#journal.foundations.ofCluster(name)[0] ?? null,
      before,
      now: timestamp(this.#clock),
    })
    if (JSON.stringify(status) === JSON.stringify(before)) return
    const write = this.#journal.clusters.update(name, (record) => ({ ...record, status }))
    await this.#journal.write(write, [{ type: 'status', kind: 'Cluster', name, status }, ...news(name, before, status)])
  }
}

/** What is worth an event between two statuses. */
function news(name: string, before: ClusterStatus | null, status: ClusterStatus): Report[] {
  const events: Report[] = []
  if (status.phase !== before?.phase)
    events.push({
      type: 'event',
      kind: 'Cluster',
      name,
      severity: 'info',
      reason: status.phase,
      message: messageOf(status, 'Ready') ?? '',
    })
  const obstacle = messageOf(status, 'Preflight', 'False')
  if (obstacle !== undefined && obstacle !== (before ? messageOf(before, 'Preflight', 'False') : undefined))
    events.push({
      type: 'event',
      kind: 'Cluster',
      name,
      severity: 'error',
      reason: 'PreflightFailed',
      message: obstacle,
    })
  return events
}

function messageOf({ conditions }: ClusterStatus, type: string, value?: 'False'): string | undefined {
  return conditions.find((condition) => condition.type === type && (value === undefined || condition.status === value))
    ?.message
}

import type { MachineUid } from '../../adapters/adapter.ts'
import type { Cluster } from '../../resources/cluster.ts'
import { canonicalText } from '../clusters/revision.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineRecord } from '../machines/machine-record.ts'
import type { FoundationChanges } from './foundation-changes.ts'
import { type FoundationRecord, foundationFor } from './foundation-record.ts'

export interface ClusterFoundationsOptions {
  readonly journal: Journal
  readonly changes: FoundationChanges
  /** Has the foundation looked at. */
  readonly enqueue: (uid: MachineUid) => void
}

/** What a cluster's worker does with the cluster's foundation. */
export class ClusterFoundations {
  readonly #options: ClusterFoundationsOptions

  constructor(options: ClusterFoundationsOptions) {
    this.#options = options
  }

  of(cluster: string): FoundationRecord | undefined {
    return this.#options.journal.foundations.ofCluster(cluster)[0]
  }

  /** As the cluster's foundation would be with the cluster as given; undefined if it has none, or nothing would change. */
  changed(cluster: Cluster, machines: readonly MachineRecord[]): FoundationRecord | undefined {
    const record = this.of(cluster.metadata.name)
    if (record === undefined) return undefined
    const spec = foundationFor(cluster, { owner: record.spec.owner.gateway, uid: record.uid, machines })
    return canonicalText(spec) === canonicalText(record.spec) ? undefined : { ...record, spec }
  }

  /** Stores it, and has it made. */
  async begin(record: FoundationRecord): Promise<void> {
    await this.#options.changes.insert(record)
    this.#options.enqueue(record.uid)
  }

  /** Has the foundation, if there is one, brought to what the cluster asks for by now. */
  async follow(cluster: Cluster): Promise<void> {
    const { journal, changes, enqueue } = this.#options
    const changed = this.changed(cluster, journal.machines.ofCluster(cluster.metadata.name))
    if (changed === undefined) return
    await changes.apply(changed.uid, (newest) => ({
      ...newest,
      spec: changed.spec,
      phase: 'Provisioning',
      stage: 'waiting for its turn',
      cause: `cluster ${cluster.metadata.name} asks for something else`,
      failures: 0,
      // What was in the way may have been what is asked for otherwise now.
      conditions: newest.conditions.filter((condition) => condition.type !== 'Progressing'),
    }))
    enqueue(changed.uid)
  }

  /** Has it deleted. */
  async remove(record: FoundationRecord, cause: string): Promise<void> {
    const { changes, enqueue } = this.#options
    if (record.want === 'absent') return
    await changes.apply(record.uid, (newest) => ({
      ...newest,
      want: 'absent',
      cause,
      phase: 'Deleting',
      stage: 'waiting for its turn',
    }))
    enqueue(record.uid)
  }

  /** Drops it from the journal and the ledger; the cloud is not asked. */
  async forget(record: FoundationRecord): Promise<void> {
    await this.#options.changes.remove(record, [])
  }
}

import type { Adapter, Outcome } from '../../../adapters/adapter.ts'
import type { FoundationRecord } from '../../../gateway/foundations/foundation-record.ts'
import type { Cluster } from '../../../resources/cluster.ts'
import type { Condition } from '../../../resources/condition.ts'
import { FakeOpenstack } from './fake-openstack.ts'
import { openstackCluster, profile } from './fixtures.ts'
import { OWNER, openstackAccount, Site } from './site.ts'

/** What the foundation of `openstackCluster()` is made of. */
export const WHOLE = [
  'FloatingIP prod-fip',
  'Network prod',
  'SecurityGroup prod-nodes',
  'ServerGroup prod-control-plane',
  'ServerGroup prod-workers',
]

export interface StartOptions {
  readonly distribution?: 'none' | 'kubeadm'
  readonly wrap?: (adapter: Adapter) => Adapter
}

/** A site with an account of a cloud with foundations, and its cluster `prod`. */
export class OpenstackSite {
  readonly cloud = new FakeOpenstack()
  #site: Site | null = null

  get site(): Site {
    if (this.#site === null) throw new Error('the site has not started')
    return this.#site
  }

  /** Starts the gateway, and has it make the cluster. */
  async start(cluster: Cluster = openstackCluster(), options: StartOptions = {}): Promise<void> {
    await this.startEmpty(options.wrap)
    await this.create(cluster, options.distribution)
  }

  async startEmpty(wrap: (adapter: Adapter) => Adapter = (adapter) => adapter): Promise<void> {
    this.#site = await Site.start((adapter) => wrap(this.cloud.wrap(adapter)))
  }

  create(cluster: Cluster, distribution: 'none' | 'kubeadm' = 'none'): Promise<void> {
    return this.site.put(openstackAccount(), profile({ distribution }), cluster)
  }

  async ready(...given: Parameters<OpenstackSite['start']>): Promise<void> {
    await this.start(...given)
    await this.site.ready()
  }

  /** Resolves when the cluster is gone. */
  gone(): Promise<void> {
    return this.site.until(() => this.site.journal.desired.get('Cluster', 'prod') === undefined)
  }

  close(): Promise<void> {
    return this.site.close()
  }

  foundation(): FoundationRecord | undefined {
    return [...this.site.journal.foundations.all()][0]
  }

  condition(type: string): Condition | undefined {
    return this.site.status()?.conditions.find((one) => one.type === type)
  }

  pieces(): string[] {
    return [...this.cloud.pieces.values()].map(({ kind, name }) => `${kind} ${name}`).sort()
  }

  ledger(): string[] {
    return this.site.journal.ledger.all().map(({ kind, name, state }) => `${kind} ${name} ${state}`)
  }

  machines(): string[] {
    return this.site.machines().map((machine) => machine.name)
  }

  /** Of anything: objects in the cloud, machines, rows of the ledger. */
  leftovers(): unknown[] {
    return [this.pieces(), this.site.cloud.list(OWNER), this.ledger(), this.machines(), this.foundation() ?? []].flat()
  }

  events(reason: string): string[] {
    return this.site
      .reports()
      .flatMap((report) =>
        report.type === 'event' && report.reason === reason ? [`${report.kind} ${report.name} ${report.message}`] : [],
      )
  }

  timeline(): string[] {
    return this.site
      .reports()
      .flatMap((report) =>
        report.type === 'timeline' && report.machine === 'prod'
          ? [`${report.entry.stage} ${report.entry.outcome}`]
          : [],
      )
  }
}

/** An answer of the cloud in the place of a step, so many times. */
export function failing(step: string, outcome: Outcome, times = 1): FakeOpenstack['answer'] {
  let left = times
  return (kind, when) => {
    if (when !== 'before' || kind !== step || left === 0) return undefined
    left--
    return outcome
  }
}

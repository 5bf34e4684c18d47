import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Adapter } from '../../../adapters/adapter.ts'
import { createSandboxAdapter } from '../../../adapters/sandbox/adapter.ts'
import { SandboxCloud } from '../../../adapters/sandbox/cloud.ts'
import { type LeftReport, startPhoneHome, type Wanted } from '../../../gateway/bootstrap/phone-home.ts'
import { Journal } from '../../../gateway/journal/journal.ts'
import type { MachineRecord } from '../../../gateway/machines/machine-record.ts'
import { Orchestrator } from '../../../gateway/orchestrator.ts'
import { PhoneHomeJournal } from '../../../gateway/phone-home-journal.ts'
import { type CloudAccount, cloudAccountSchema } from '../../../resources/cloud-account.ts'
import type { ClusterStatus } from '../../../resources/cluster.ts'
import type { Command } from '../../../resources/command.ts'
import type { Report } from '../../../resources/report.ts'
import type { Kind, Resource } from '../../../resources/resource.ts'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'

export const OWNER = 'acme/site-1'

/** A sandbox account whose machines are there in milliseconds. */
export function account(over: Partial<CloudAccount['spec']> = {}): CloudAccount {
  return cloudAccountSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name: 'lab' },
    spec: {
      cloud: 'sandbox',
      gateway: 'site-1',
      latencyMs: { create: 5, power: 2, boot: 5, delete: 5, ask: 60_000 },
      ...over,
    },
  })
}

/** A gateway's orchestrator over a sandbox, without a tunnel: commands are journalled as the inbox would. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'pcg-site-'))
  readonly cloud = new SandboxCloud({ clock: systemClock, log: silentLog })
  readonly made: Adapter[] = []
  journal: Journal
  #orchestrator: Orchestrator
  #closePhoneHome: () => Promise<void> = () => Promise.resolve()
  #intake: PhoneHomeJournal | null = null
  #generation = 0
  #aheadMs = 0

  /** The system's, and ahead of it by what was let pass. */
  readonly clock: Clock = { ...systemClock, now: () => systemClock.now() + this.#aheadMs }

  /** Stands between the orchestrator and the sandbox, where a test wants to. */
  readonly #wrap: (adapter: Adapter) => Adapter

  private constructor(wrap: (adapter: Adapter) => Adapter) {
    this.#wrap = wrap
    this.journal = Journal.open(join(this.folder, 'state.db'), this.clock)
    this.#orchestrator = this.#compose('', '')
  }

  static async start(wrap: (adapter: Adapter) => Adapter = (adapter) => adapter): Promise<Site> {
    const site = new Site(wrap)
    await site.#begin()
    return site
  }

  get orchestrator(): Orchestrator {
    return this.#orchestrator
  }

  async put(...resources: readonly Resource[]): Promise<void> {
    for (const resource of resources) await this.#command((generation) => ({ type: 'put', generation, resource }))
  }

  async delete(kind: Kind, name: string, type: 'delete' | 'forget' = 'delete'): Promise<void> {
    await this.#command((generation) => ({ type, generation, kind, name }))
  }

  machines(): MachineRecord[] {
    return [...this.journal.machines.all()]
  }

  status(cluster = 'prod'): ClusterStatus | null {
    return this.journal.clusters.get(cluster).status
  }

  reports(): Report[] {
    return this.journal.outbox.read(0, 100_000).map((event) => JSON.parse(new TextDecoder().decode(event.payload)))
  }

  /** Stops and starts anew from the journal, as after a restart; the cloud goes on. */
  async restart(): Promise<void> {
    await this.#end()
    this.journal = Journal.open(join(this.folder, 'state.db'), this.clock)
    await this.#begin()
  }

  /** As if so much time had passed: whatever waits looks again. */
  pass(ms: number): void {
    this.#aheadMs += ms
    for (const { uid } of this.machines()) this.#orchestrator.machineChanged(uid)
  }

  /** What a control-plane machine is told when it asks. */
  async ask(record: MachineRecord): Promise<Wanted | 'refused' | undefined> {
    return this.#intake?.joinWanted(record.uid, record.phoneHomeTokenHash)
  }

  /** A control-plane machine tells what became of one that was to leave. */
  async tell(record: MachineRecord, report: LeftReport): Promise<'accepted' | 'refused' | undefined> {
    return this.#intake?.left(record.uid, record.phoneHomeTokenHash, report)
  }

  /** Resolves when `holds` does; rejects after a time that no healthy run takes, telling how things stand. */
  async until(holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 15_000
    while (!holds()) {
      if (Date.now() > deadline)
        throw new Error(
          `never came about; ${JSON.stringify({ status: this.status(), machines: this.machines().map(({ name, phase, stage, conditions }) => ({ name, phase, stage, conditions })) }, null, 1)}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  ready(cluster = 'prod'): Promise<void> {
    return this.until(() => this.status(cluster)?.phase === 'Ready')
  }

  async close(): Promise<void> {
    await this.#end()
    await this.cloud.close()
    rmSync(this.folder, { recursive: true })
  }

  async #begin(): Promise<void> {
    const intake = Promise.withResolvers<PhoneHomeJournal>()
    const phoneHome = await startPhoneHome({
      host: '127.0.0.1',
      port: 0,
      folder: join(this.folder, 'phone-home'),
      sink: {
        report: async (...report) => (await intake.promise).report(...report),
        joinWanted: async (...asked) => (await intake.promise).joinWanted(...asked),
        left: async (...report) => (await intake.promise).left(...report),
      },
      log: silentLog,
      clock: systemClock,
    })
    this.#closePhoneHome = () => phoneHome.close()
    this.#orchestrator = this.#compose(phoneHome.url, phoneHome.authority)
    const { changes, departures } = this.#orchestrator
    this.#intake = new PhoneHomeJournal({
      journal: this.journal,
      changes,
      departures,
      machineChanged: (uid) => this.#orchestrator.machineChanged(uid),
      clock: this.clock,
    })
    intake.resolve(this.#intake)
    this.#orchestrator.start()
  }

  async #end(): Promise<void> {
    await this.#orchestrator.close()
    await this.#closePhoneHome()
    this.journal.close()
  }

  #compose(url: string, authority: string): Orchestrator {
    return new Orchestrator({
      journal: this.journal,
      owner: OWNER,
      createAdapter: async ({ spec }) => {
        if (spec.cloud !== 'sandbox') throw new Error('this site has a sandbox alone')
        const adapter = this.#wrap(
          createSandboxAdapter(spec, { cloud: this.cloud, clock: systemClock, log: silentLog }),
        )
        this.made.push(adapter)
        return adapter
      },
      phoneHome: { url, authority },
      boundary: () => undefined,
      clock: this.clock,
      log: silentLog,
    })
  }

  async #command(command: (generation: number) => Command): Promise<void> {
    this.#generation++
    const payload = new TextEncoder().encode(JSON.stringify(command(this.#generation)))
    await this.journal.accept([
      { sequence: this.journal.lastDelivery() + 1, messageId: `m${this.#generation}`, traceId: '', payload },
    ])
  }
}

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
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
const QUICK = { create: 5, power: 2, boot: 5, delete: 5, ask: 60_000 }

/** A sandbox account whose machines are there in milliseconds. */
export function account(over: Partial<CloudAccount['spec']> = {}): CloudAccount {
  return cloudAccountSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name: 'lab' },
    spec: {
      cloud: 'sandbox',
      gateway: 'site-1',
      latencyMs: QUICK,
      ...over,
    },
  })
}

/** An account of a cloud with foundations; `credentials` says by which ones. */
export function openstackAccount(credentials = 'first'): CloudAccount {
  return cloudAccountSchema.parse({
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name: 'lab' },
    spec: {
      cloud: 'openstack',
      gateway: 'site-1',
      authUrl: 'https://keystone.example:5000',
      scope: { projectId: 'p' },
      sealed: `pcg-hpke-v1.a.b.${credentials}`,
    },
  })
}

const STATE_FILES = ['state.db', 'state.db-wal']

/** What stands between the orchestrator and the sandbox. */
export type Wrap = (adapter: Adapter, account: CloudAccount) => Adapter

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
  /** Where to die, and what then tells that it came to that. */
  #crash: { readonly point: string; readonly died: PromiseWithResolvers<void> } | null = null
  /** Each boundary that was passed. */
  readonly boundaries: string[] = []
  /** Rises with each start: what an older one still does, it no longer does to the cloud. */
  #life = 0
  #dead = false

  /** The system's, and ahead of it by what was let pass. */
  readonly clock: Clock = { ...systemClock, now: () => systemClock.now() + this.#aheadMs }

  /** Stands between the orchestrator and the sandbox, where a test wants to. */
  readonly #wrap: Wrap

  private constructor(wrap: Wrap) {
    this.#wrap = wrap
    this.journal = Journal.open(join(this.folder, 'state.db'), this.clock)
    this.#orchestrator = this.#compose('', '')
  }

  static async start(wrap: Wrap = (adapter) => adapter): Promise<Site> {
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

  /** Stops and starts anew from the journal, as after a restart; the cloud goes on. `meanwhile` may journal commands. */
  async restart(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    await this.#end()
    this.journal = Journal.open(join(this.folder, 'state.db'), this.clock)
    await meanwhile()
    await this.#begin()
  }

  /** Dies at the boundary, once it is come to: nothing that is not on disk then is ever known again. */
  dieAt(point: string): Promise<void> {
    const died = Promise.withResolvers<void>()
    this.#crash = { point, died }
    return died.promise
  }

  /** Starts from what was on disk when it died. */
  async revive(): Promise<void> {
    await this.#end()
    for (const file of STATE_FILES) rmSync(join(this.folder, file), { force: true })
    for (const file of STATE_FILES)
      if (existsSync(join(this.folder, 'crash', file)))
        copyFileSync(join(this.folder, 'crash', file), join(this.folder, file))
    this.#dead = false
    this.journal = Journal.open(join(this.folder, 'state.db'), this.clock)
    await this.#begin()
  }

  #boundary(point: string): void {
    this.#assertAlive(this.#life)
    this.boundaries.push(point)
    if (this.#crash?.point !== point) return
    const { died } = this.#crash
    this.#crash = null
    rmSync(join(this.folder, 'crash'), { recursive: true, force: true })
    mkdirSync(join(this.folder, 'crash'))
    for (const file of STATE_FILES)
      if (existsSync(join(this.folder, file))) copyFileSync(join(this.folder, file), join(this.folder, 'crash', file))
    this.#dead = true
    died.resolve()
    this.#assertAlive(this.#life)
  }

  #assertAlive(life: number): void {
    if (this.#dead || life !== this.#life) throw new Error('the gateway is dead')
  }

  /** The dead call no cloud. */
  #mortal(adapter: Adapter): Adapter {
    const life = this.#life
    const mortal =
      <A extends unknown[], T>(call: (...given: A) => Promise<T>) =>
      async (...given: A): Promise<T> => {
        this.#assertAlive(life)
        return call(...given)
      }
    const { foundations } = adapter
    return {
      ...adapter,
      start: mortal(adapter.start),
      observe: mortal(adapter.observe),
      poll: mortal(adapter.poll),
      foundations: foundations && {
        plan: foundations.plan,
        observe: mortal(foundations.observe),
        start: mortal(foundations.start),
      },
    }
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
    this.#life++
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
      createAdapter: async (resource) => {
        const { spec } = resource
        const sandbox = spec.cloud === 'sandbox' ? spec : account().spec
        if (sandbox.cloud !== 'sandbox' || spec.cloud === 'vsphere') throw new Error('this site has no vCenter')
        const adapter = this.#mortal(
          this.#wrap(
            createSandboxAdapter(sandbox, { cloud: this.cloud, clock: systemClock, log: silentLog }),
            resource,
          ),
        )
        this.made.push(adapter)
        return adapter
      },
      shareSession: async (a, b) => sealedOf(a) === sealedOf(b),
      phoneHome: { url, authority },
      boundary: (point) => this.#boundary(point),
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

function sealedOf({ spec }: CloudAccount): string {
  return spec.cloud === 'sandbox' ? '' : spec.sealed
}

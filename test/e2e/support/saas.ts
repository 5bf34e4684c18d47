import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningBroker, startBroker } from '../../../broker/compose.ts'
import type { Item } from '../../../cli/api-types.ts'
import { Client } from '../../../cli/client.ts'
import { readContext } from '../../../cli/config.ts'
import type { ClusterStatus } from '../../../resources/cluster.ts'
import type { GatewayStatus } from '../../../resources/gateway.ts'
import type { MachineStatus } from '../../../resources/machine.ts'
import { type Resource, resourceSchema } from '../../../resources/resource.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createLog } from '../../../runtime/log.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { GatewayProcess, type GatewayProcessOptions } from './gateway-process.ts'

const PATIENCE_MS = 60_000
const NEVER = new AbortController().signal

/** A broker in this process, its tenant's client, and gateways in processes of their own. */
export class Saas {
  readonly folder = mkdtempSync(join(tmpdir(), 'pcg-e2e-'))
  readonly gateways: GatewayProcess[] = []
  #broker: RunningBroker | null = null
  #client: Client | null = null

  static async start(): Promise<Saas> {
    const saas = new Saas()
    await saas.startBroker()
    const context = await readContext(join(saas.#brokerFolder, 'admin.json'))
    saas.#client = new Client(context)
    return saas
  }

  get client(): Client {
    if (this.#client === null) throw new Error('the broker was not started')
    return this.#client
  }

  get broker(): RunningBroker {
    if (this.#broker === null) throw new Error('the broker was not started')
    return this.#broker
  }

  /** On the ports of the first start, if there was one. */
  async startBroker(): Promise<void> {
    const portOf = (address: string | undefined): number => (address === undefined ? 0 : Number(new URL(address).port))
    const last = this.#broker
    this.#broker = await startBroker({
      stateDir: this.#brokerFolder,
      api: { host: '127.0.0.1', port: portOf(last?.apiUrl) },
      tunnel: { host: '127.0.0.1', port: portOf(last === null ? undefined : `tcp://${last.tunnelAddress}`) },
      names: ['127.0.0.1'],
      log: createLog({
        level: 'debug',
        pretty: false,
        process: 'broker',
        destination: join(this.folder, 'broker.log'),
      }),
      clock: systemClock,
      heartbeatMs: 1_000,
    })
  }

  /** A gateway that is enrolled and attached. */
  async gateway(
    name: string,
    token?: (token: string) => string,
    options: Partial<GatewayProcessOptions> = {},
  ): Promise<GatewayProcess> {
    await this.apply({ apiVersion: 'pcg/v1', kind: 'Gateway', metadata: { name } })
    const issued = await this.client.joinToken(name, undefined, NEVER)
    const gateway = new GatewayProcess({
      stateDir: join(this.folder, name),
      token: token === undefined ? issued.token : token(issued.token),
      ...options,
    })
    this.gateways.push(gateway)
    await gateway.start()
    await this.until(async () => (await this.gatewayStatus(name)).phase === 'Connected')
    return gateway
  }

  /** The public half of the gateway's sealing key. */
  async sealingKey(gateway: string): Promise<Uint8Array> {
    return Buffer.from((await this.gatewayStatus(gateway)).sealingKey ?? '', 'base64')
  }

  async apply(...resources: readonly unknown[]): Promise<void> {
    await this.client.apply(
      resources.map((resource): Resource => resourceSchema.parse(resource)),
      false,
      NEVER,
    )
  }

  async gatewayStatus(name: string): Promise<GatewayStatus> {
    return statusOf<GatewayStatus>(await this.client.get('Gateway', name, NEVER)) ?? { phase: 'Pending' }
  }

  /** Null once the cluster is gone. */
  async cluster(name: string): Promise<ClusterStatus | null> {
    const item = await absentAsNull(this.client.get('Cluster', name, NEVER))
    return item === null ? null : statusOf<ClusterStatus>(item)
  }

  async machines(cluster: string): Promise<(MachineStatus & { name: string })[]> {
    const items = await this.client.list('Machine', NEVER, { cluster })
    return items.flatMap((item) => ('kind' in item ? [{ ...(item.status as MachineStatus), name: item.name }] : []))
  }

  async ready(cluster: string, patienceMs = PATIENCE_MS): Promise<void> {
    await this.until(
      async () => (await this.cluster(cluster))?.phase === 'Ready',
      () => this.#story(cluster),
      patienceMs,
    )
  }

  async gone(cluster: string, patienceMs = PATIENCE_MS): Promise<void> {
    await this.until(
      async () => (await absentAsNull(this.client.get('Cluster', cluster, NEVER))) === null,
      () => this.#story(cluster),
      patienceMs,
    )
  }

  /** Resolves when `holds` does; rejects after a time that no healthy run takes, with the story if there is one. */
  async until(
    holds: () => Promise<boolean>,
    story: () => Promise<string> = async () => '',
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    const deadline = Date.now() + patienceMs
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`never came about ${await story()}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.kill()))
    this.#client?.close()
    await this.#broker?.close()
    rmSync(this.folder, { recursive: true })
  }

  get #brokerFolder(): string {
    return join(this.folder, 'broker')
  }

  async #story(cluster: string): Promise<string> {
    const [status, machines, events] = await Promise.all([
      this.cluster(cluster),
      this.machines(cluster),
      this.client.events({ limit: 30 }, NEVER),
    ])
    return JSON.stringify(
      { status, machines, events: events.map((event) => `${event.name} ${event.reason} ${event.message}`) },
      null,
      1,
    )
  }
}

function statusOf<T>(item: Item): T | null {
  return item.status as T | null
}

async function absentAsNull<T>(got: Promise<T>): Promise<T | null> {
  try {
    return await got
  } catch (cause) {
    if (cause instanceof PcgError && cause.code === 'not-found') return null
    throw cause
  }
}

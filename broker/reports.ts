/**
 * Takes what gateways report into the store.
 *
 * Invariants
 * 1. A gateway is heard only on what is its own: its accounts, its clusters and their machines, and what it was sent.
 * 2. `gone` takes away only what was to be deleted, and machines: a gateway can't delete on its own.
 * 3. A report that can't be used is dropped, with a line in the log; it never holds up those behind it.
 */
import type { MachineStatus } from '../resources/machine.ts'
import type { Report } from '../resources/report.ts'
import type { ReportedKind, ResourceKey } from '../resources/resource.ts'
import type { Log } from '../runtime/log.ts'
import { type GatewayIdentity, gatewayKey } from '../tunnel/identity.ts'
import type { DesiredState } from './desired-state.ts'
import { machineStatusSchema } from './report-schema.ts'
import { gatewayOf } from './routing.ts'
import type { BrokerStore } from './store/broker-store.ts'

export interface ReportWriterOptions {
  readonly store: BrokerStore
  readonly desired: DesiredState
  readonly log: Log
}

export class ReportWriter {
  readonly #store: BrokerStore
  readonly #desired: DesiredState
  readonly #log: Log

  constructor(options: ReportWriterOptions) {
    this.#store = options.store
    this.#desired = options.desired
    this.#log = options.log
  }

  /** Only inside a transaction. @param time ISO 8601, when the gateway said it */
  write(from: GatewayIdentity, report: Report, time: string): void {
    switch (report.type) {
      case 'status':
        this.#status(from, report, time)
        return
      case 'gone':
        this.#gone(from, report, time)
        return
      case 'event':
        if (this.#owns(from, report)) this.#event(from, report, time)
        return
      case 'timeline':
        if (this.#owns(from, { kind: 'Cluster', name: report.cluster }))
          this.#store.machines.append(from.tenant, report.cluster, report.machine, report.entry)
        return
    }
  }

  #status(from: GatewayIdentity, { kind, name, status }: Extract<Report, { type: 'status' }>, time: string): void {
    if (kind !== 'Machine') {
      if (kind !== 'Gateway' && this.#owns(from, { kind, name }))
        this.#store.resources.setStatus(from.tenant, { kind, name }, status, time)
      return
    }
    const parsed = machineStatusSchema.safeParse(status)
    if (!parsed.success) {
      this.#log.warn({ gateway: gatewayKey(from), machine: name }, 'a machine status is not understood')
      return
    }
    const before = this.#store.machines.get(from.tenant, name)
    if (before !== undefined && before.cluster !== parsed.data.cluster && !this.#owns(from, { kind, name })) return
    if (this.#owns(from, { kind: 'Cluster', name: parsed.data.cluster }))
      this.#store.machines.put(from.tenant, name, parsed.data as MachineStatus, time)
  }

  #gone(from: GatewayIdentity, { kind, name, left }: Extract<Report, { type: 'gone' }>, time: string): void {
    const key: ResourceKey = { kind, name }
    if (!this.#owns(from, key)) return
    if (left.length > 0)
      this.#event(
        from,
        {
          kind,
          name,
          severity: 'warning',
          reason: 'LeftBehind',
          message: `forgotten; these are left in the cloud: ${left.join(', ')}`.slice(0, 20_000),
        },
        time,
      )
    if (kind === 'Machine') {
      this.#store.machines.remove(from.tenant, name)
      this.#store.events.addGone(from.tenant, key, { left })
      return
    }
    const found = this.#store.resources.get(from.tenant, kind, name)
    if (found?.deleting != null) this.#desired.finish(from.tenant, key, left)
  }

  #event(from: GatewayIdentity, event: Omit<Extract<Report, { type: 'event' }>, 'type'>, time: string): void {
    const { kind, name, severity, reason, message, traceId = '' } = event
    this.#store.events.add(from.tenant, { time, kind, name, severity, reason, message, gateway: from.gateway, traceId })
  }

  #owns(from: GatewayIdentity, { kind, name }: { kind: ReportedKind; name: string }): boolean {
    const view = this.#desired.view(from.tenant)
    if (kind === 'Machine') {
      const cluster = this.#store.machines.get(from.tenant, name)?.cluster
      return cluster !== undefined && this.#owns(from, { kind: 'Cluster', name: cluster })
    }
    const found = view.get(kind, name)
    if (found === undefined) return false
    const owner = gatewayOf(found.resource, view)
    return owner === undefined ? view.held({ kind, name }, from.gateway) !== undefined : owner === from.gateway
  }
}

import type { Clock } from '../../runtime/clock.ts'
import { BrokerDatabase } from './broker-database.ts'
import { EventStore } from './event-store.ts'
import { GatewayStore } from './gateway-store.ts'
import { MachineStore } from './machine-store.ts'
import { ResourceStore } from './resource-store.ts'
import { TenantStore } from './tenant-store.ts'

/** Everything that the broker keeps, each part on the same database, so that one transaction may span them. */
export interface BrokerStore {
  readonly database: BrokerDatabase
  readonly tenants: TenantStore
  readonly resources: ResourceStore
  readonly machines: MachineStore
  readonly events: EventStore
  readonly gateways: GatewayStore
}

/** @param path a file, made if need be and readable by its owner only; or `:memory:` */
export function openStore(path: string, clock: Clock): BrokerStore {
  const database = new BrokerDatabase(path)
  return {
    database,
    tenants: new TenantStore(database, clock),
    resources: new ResourceStore(database),
    machines: new MachineStore(database),
    events: new EventStore(database),
    gateways: new GatewayStore(database),
  }
}

/** Everything in a project that bears a gateway's mark: complete, or it throws. */
import type { ExternalObject } from '../adapter.ts'
import type { OpenstackCloud } from './client/cloud.ts'
import { listAll } from './listing.ts'
import { readPort, readServer, readVolume } from './machine/seen.ts'

export async function* ownedObjects(
  cloud: OpenstackCloud,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  for (const value of await listAll(cloud, 'compute', '/servers/detail', 'servers', {}, signal)) {
    const { id, name, owner } = readServer(value)
    if (owner?.gateway === gateway) yield { kind: 'Server', id, name, owner }
  }
  for (const value of await listAll(cloud, 'network', '/ports', 'ports', {}, signal)) {
    const { id, name, owner } = readPort(value)
    if (owner?.gateway === gateway) yield { kind: 'Port', id, name, owner }
  }
  for (const value of await listAll(cloud, 'block-storage', '/volumes/detail', 'volumes', {}, signal)) {
    const { id, name, owner } = readVolume(value)
    if (owner?.gateway === gateway) yield { kind: 'Volume', id, name, owner }
  }
}

/** Changes of one gateway's machines, from the feed of all servers. */
import type { Change, MachineUid } from '../../adapter.ts'
import { cancelled } from '../client/cancellation.ts'
import { gatewayTag, machineOfTags } from '../owner-mark.ts'
import type { SeenServer } from './seen.ts'
import type { ServerBatch, ServerFeed } from './server-feed.ts'

interface Known {
  readonly machine: MachineUid
  readonly state: string
}

/** Begins with every machine of the gateway, so that nothing is missed between a listing and the watch. Ends by rejecting. */
export async function* watchMachines(feed: ServerFeed, gateway: string, signal: AbortSignal): AsyncGenerator<Change> {
  const queue: ServerBatch[] = []
  let wake = () => {}
  const stop = feed.watch(gateway, (batch) => {
    // A fresh batch holds all there is: what waits before it is out of date.
    if (batch.fresh) queue.length = 0
    queue.push(batch)
    wake()
  })
  const known = new Map<string, Known>()
  try {
    for (;;) {
      if (signal.aborted) throw cancelled(signal)
      const batch = queue.shift()
      if (batch !== undefined) {
        for (const machine of changesIn(batch, gateway, known)) yield { machine }
        continue
      }
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(cancelled(signal))
        signal.addEventListener('abort', abort, { once: true })
        wake = () => {
          signal.removeEventListener('abort', abort)
          resolve()
        }
      })
    }
  } finally {
    stop()
  }
}

/** Whose servers are not as they were known to be; `known` is brought up to date. */
export function changesIn(batch: ServerBatch, gateway: string, known: Map<string, Known>): Set<MachineUid> {
  const changed = new Set<MachineUid>()
  const there = new Set(batch.servers.map(({ id }) => id))
  const gone = batch.fresh ? [...known.keys()].filter((id) => !there.has(id)) : []
  for (const server of batch.servers) {
    const before = known.get(server.id)
    if (server.status === 'DELETED') {
      if (before !== undefined) gone.push(server.id)
      continue
    }
    const machine = machineOf(server, gateway)
    if (machine === undefined) continue
    const state = stateOf(server)
    if (before?.state === state) continue
    known.set(server.id, { machine, state })
    changed.add(machine)
  }
  for (const id of gone) {
    const before = known.get(id)
    known.delete(id)
    if (before !== undefined) changed.add(before.machine)
  }
  return changed
}

function machineOf({ owner, tags }: SeenServer, gateway: string): MachineUid | undefined {
  if (owner !== undefined) return owner.gateway === gateway ? owner.machine : undefined
  // Somebody took its metadata away, and not its tags.
  if (!tags.includes(gatewayTag(gateway))) return undefined
  return machineOfTags(tags)
}

function stateOf({ status, task, updated, flavor, floatingAddresses, locked }: SeenServer): string {
  return JSON.stringify([status, task, updated, flavor, floatingAddresses, locked])
}

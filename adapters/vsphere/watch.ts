/** Changes of one gateway's machines, from the feed of all VMs. */
import { backoffMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Change, MachineUid, OwnerMark } from '../adapter.ts'
import { cancelled, throwIfAborted } from './abortable.ts'
import type { Feed, VmBatch } from './feed.ts'
import { OBSERVED_PATHS, readObserved } from './observed.ts'
import { MARK_QUERY, readMark } from './owned.ts'
import { retrieveObjects } from './properties.ts'
import type { Session } from './session.ts'
import { readVms } from './vm-records.ts'

const RETRY = { firstMs: 500, maxMs: 30_000, factor: 2 }

export interface WatchOptions {
  readonly session: Session
  readonly feed: Feed
  readonly clock: Clock
  readonly log: Log
}

/** Begins with every machine of the gateway, so that nothing is missed between a listing and the watch. */
export async function* watchMachines(
  options: WatchOptions,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<Change> {
  const queue: VmBatch[] = []
  let wake = () => {}
  const stop = options.feed.watchVms((batch) => {
    // A fresh batch holds all there is: what waits before it is out of date.
    if (batch.fresh) queue.length = 0
    queue.push(batch)
    wake()
  })
  const ours = new Map<string, OwnerMark>()
  try {
    for (;;) {
      throwIfAborted(signal)
      const batch = queue[0]
      if (batch === undefined) {
        await new Promise<void>((resolve, reject) => {
          const abort = () => reject(cancelled(signal))
          signal.addEventListener('abort', abort, { once: true })
          wake = () => {
            signal.removeEventListener('abort', abort)
            resolve()
          }
        })
        continue
      }
      const changes = await changesOf(options, gateway, ours, batch, signal)
      if (queue[0] === batch) queue.shift()
      yield* changes
    }
  } finally {
    stop()
  }
}

/** What the batch means for the gateway's machines; asks again, however often, where vCenter doesn't answer. */
async function changesOf(
  options: WatchOptions,
  gateway: string,
  ours: Map<string, OwnerMark>,
  batch: VmBatch,
  signal: AbortSignal,
): Promise<Change[]> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await readChanges(options.session, gateway, ours, batch, signal)
    } catch (err) {
      throwIfAborted(signal)
      options.log.debug({ err, failures }, 'changed VMs could not be read')
      await options.clock.sleep(backoffMs(RETRY, failures), signal)
    }
  }
}

async function readChanges(
  session: Session,
  gateway: string,
  ours: Map<string, OwnerMark>,
  batch: VmBatch,
  signal: AbortSignal,
): Promise<Change[]> {
  const marked = await readVms(session, batch.changed, MARK_QUERY, signal)
  const mine = marked.flatMap((vm) => {
    const owner = readMark(vm)
    return owner?.gateway === gateway ? [{ vm: { type: 'VirtualMachine', value: vm.ref }, owner }] : []
  })
  const read = await retrieveObjects(
    session,
    mine.map(({ vm }) => vm),
    [{ type: 'VirtualMachine', paths: OBSERVED_PATHS }],
    signal,
  )
  const there = new Set(batch.changed.map(({ value }) => value))
  const gone = batch.fresh
    ? [...ours.keys()].filter((value) => !there.has(value))
    : batch.left.map(({ value }) => value)
  const changes = new Map<MachineUid, Change>()
  for (const value of gone) {
    const owner = ours.get(value)
    if (owner === undefined) continue
    ours.delete(value)
    changes.set(owner.machine, { machine: owner.machine, observed: null })
  }
  const owners = new Map(mine.map(({ vm, owner }) => [vm.value, owner]))
  for (const { ref: vm, values } of read) {
    const owner = owners.get(vm.value)
    if (owner === undefined) continue
    ours.set(vm.value, owner)
    changes.set(owner.machine, { machine: owner.machine, observed: readObserved(vm, values, owner) })
  }
  return [...changes.values()]
}

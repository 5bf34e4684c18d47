/**
 * What changes in a vCenter, by one outstanding WaitForUpdatesEx for all who want to know: who follow tasks, and who watch VMs.
 *
 * Invariants
 * 1. At most one WaitForUpdatesEx is outstanding.
 * 2. After the connection or session was lost everything is read afresh, and watchers are told so (`fresh`): they compare.
 * 3. A watcher gets batches in order, and none is dropped while it is subscribed.
 */
import { backoffMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { cancelled, throwIfAborted } from './abortable.ts'
import { type MoRef, soapRef } from './moref.ts'
import { createContainerView, propertySet, throughView, type Wanted } from './properties.ts'
import type { Session } from './session.ts'
import { field, flag, list, ref, text } from './soap-value.ts'
import { TASK_PATHS } from './tasks.ts'
import { faultOf } from './vim-fault.ts'

const WAIT_SECONDS = 20
const WAIT_TIMEOUT_MS = 60_000
/** Progress is told no more often than this; an end at once. */
const PROGRESS_MS = 1_000
const RETRY = { firstMs: 500, maxMs: 30_000, factor: 2 }

/** What of a VM is worth telling: its configuration, its power, where it is reached. */
const VM_PATHS = [
  'name',
  'runtime.powerState',
  'config.instanceUuid',
  'config.changeVersion',
  'config.hardware.numCPU',
  'config.hardware.memoryMB',
  'guest.ipAddress',
] as const

export interface VmBatch {
  /** `changed` is all that there is; who isn't in it is gone. */
  readonly fresh: boolean
  readonly changed: readonly MoRef[]
  readonly left: readonly MoRef[]
}

export interface Following {
  /** The task's properties once it has ended or got on; undefined if nothing came in time, or it is gone. */
  news(withinMs: number, signal: AbortSignal): Promise<ReadonlyMap<string, unknown> | undefined>
  release(): void
}

interface FollowedTask {
  readonly ref: MoRef
  followers: number
  readonly values: Map<string, unknown>
  readonly waiting: Set<() => void>
}

interface OpenFeed {
  readonly collector: MoRef
  readonly tasks: MoRef
  readonly vms: MoRef | undefined
}

export interface FeedOptions {
  readonly session: Session
  readonly clock: Clock
  readonly log: Log
}

export class Feed {
  readonly #options: FeedOptions
  readonly #closing = new AbortController()
  readonly #followed = new Map<string, FollowedTask>()
  readonly #watchers = new Set<(batch: VmBatch) => void>()
  #reopen = new AbortController()
  #open: OpenFeed | undefined
  /** All VMs there are, once the open feed has told them. */
  #vms: Map<string, MoRef> | undefined
  #running: Promise<void> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
  }

  follow(task: MoRef): Following {
    const known = this.#followed.get(task.value)
    const followed = known ?? { ref: task, followers: 0, values: new Map(), waiting: new Set() }
    followed.followers += 1
    if (known === undefined) {
      this.#followed.set(task.value, followed)
      void this.#modifyTasks({ add: [task] })
    }
    this.#start()
    return {
      news: (withinMs, signal) => newsOf(followed, withinMs, signal),
      release: () => {
        followed.followers -= 1
        if (followed.followers > 0) return
        this.#followed.delete(task.value)
        void this.#modifyTasks({ remove: [task] })
      },
    }
  }

  /** Batches from now on, beginning with a fresh one. Returns how to end it. */
  watchVms(watcher: (batch: VmBatch) => void): () => void {
    this.#watchers.add(watcher)
    if (this.#vms !== undefined) watcher({ fresh: true, changed: [...this.#vms.values()], left: [] })
    // One that is open without VMs is opened anew; one that is just being opened gives all there is by itself.
    else if (this.#open !== undefined && this.#open.vms === undefined) this.#reopen.abort()
    this.#start()
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  #start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const closing = this.#closing.signal
    let failures = 0
    while (!closing.aborted) {
      this.#reopen = new AbortController()
      const signal = AbortSignal.any([closing, this.#reopen.signal])
      try {
        const open = await this.#openFeed(signal)
        failures = 0
        this.#open = open
        for (const { ref: task } of this.#followed.values()) await this.#modify(open.tasks, { add: [task] }, signal)
        // Who began to watch while it was opened is served by opening it again.
        if (open.vms !== undefined || this.#watchers.size === 0) await this.#follow(open, signal)
      } catch (err) {
        if (closing.aborted) break
        if (this.#reopen.signal.aborted) continue
        failures += 1
        log.debug({ err, failures }, 'the feed of vCenter changes was lost')
        await clock.sleep(backoffMs(RETRY, failures), closing).catch(() => undefined)
      } finally {
        const open = this.#open
        this.#open = undefined
        this.#vms = undefined
        // Logging out ends what the session made.
        if (open !== undefined && !closing.aborted) await this.#destroy(open)
      }
    }
  }

  async #openFeed(signal: AbortSignal): Promise<OpenFeed> {
    const { session } = this.#options
    const { content } = await session.current(signal)
    const make = async (operation: string, on: MoRef, args: object): Promise<MoRef> => {
      const made = ref(await session.read(operation, on, args, { signal }))
      if (made === undefined) throw new TypeError(`${operation} answered nothing`)
      return made
    }
    const collector = await make('CreatePropertyCollector', content.propertyCollector, {})
    const tasks = await make('CreateListView', content.viewManager, { obj: [] })
    // A filter for each type: vCenter's simulator fails on a deleted object that another type's properties don't fit.
    const filter = async (view: MoRef, wanted: Wanted) => {
      const spec = { propSet: propertySet([wanted]), objectSet: [throughView(view)] }
      await make('CreateFilter', collector, { spec, partialUpdates: false })
    }
    await filter(tasks, { type: 'Task', paths: TASK_PATHS })
    if (this.#watchers.size === 0) return { collector, tasks, vms: undefined }
    const vms = await createContainerView(session, content.viewManager, content.rootFolder, ['VirtualMachine'], signal)
    await filter(vms, { type: 'VirtualMachine', paths: VM_PATHS })
    return { collector, tasks, vms }
  }

  /** Until it fails. */
  async #follow(open: OpenFeed, signal: AbortSignal): Promise<void> {
    const { session } = this.#options
    let version = ''
    let fresh = open.vms !== undefined
    let changed = new Map<string, MoRef>()
    let left = new Map<string, MoRef>()
    for (;;) {
      const options = { maxWaitSeconds: WAIT_SECONDS }
      const set = await session.read(
        'WaitForUpdatesEx',
        open.collector,
        { version, options },
        { signal, timeoutMs: WAIT_TIMEOUT_MS },
      )
      throwIfAborted(signal)
      if (set === undefined) continue
      version = text(set, 'version') ?? version
      for (const update of list(set, 'filterSet').flatMap((filter) => list(filter, 'objectSet'))) {
        const object = ref(update, 'obj')
        const gone = text(update, 'kind') === 'leave'
        if (object?.type === 'Task') this.#taskChanged(object, gone, update)
        if (object?.type !== 'VirtualMachine') continue
        changed.delete(object.value)
        left.delete(object.value)
        ;(gone ? left : changed).set(object.value, object)
      }
      if (flag(set, 'truncated') === true) continue
      if (open.vms !== undefined) {
        this.#vms ??= new Map()
        for (const [value, vm] of changed) this.#vms.set(value, vm)
        for (const value of left.keys()) this.#vms.delete(value)
      }
      if (fresh || changed.size > 0 || left.size > 0) {
        const batch = { fresh, changed: [...changed.values()], left: [...left.values()] }
        for (const watcher of this.#watchers) watcher(batch)
      }
      fresh = false
      changed = new Map()
      left = new Map()
    }
  }

  #taskChanged(task: MoRef, gone: boolean, update: unknown): void {
    const followed = this.#followed.get(task.value)
    if (followed === undefined) return
    if (gone) followed.values.clear()
    for (const change of list(update, 'changeSet')) {
      const name = text(change, 'name')
      if (name !== undefined) followed.values.set(name, field(change, 'val'))
    }
    for (const wake of [...followed.waiting]) wake()
  }

  async #modifyTasks(change: { readonly add?: readonly MoRef[]; readonly remove?: readonly MoRef[] }): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    await this.#modify(open.tasks, change, this.#closing.signal).catch((err: unknown) =>
      this.#options.log.debug({ err }, 'a task could not be followed'),
    )
  }

  async #modify(
    tasks: MoRef,
    { add = [], remove = [] }: { readonly add?: readonly MoRef[]; readonly remove?: readonly MoRef[] },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const args = { add: add.map(soapRef), remove: remove.map(soapRef) }
      await this.#options.session.read('ModifyListView', tasks, args, { signal })
    } catch (error) {
      // A task that vCenter has forgotten: whoever polls it finds that out.
      if (faultOf(error)?.type !== 'ManagedObjectNotFound') throw error
    }
  }

  async #destroy(open: OpenFeed): Promise<void> {
    const { session } = this.#options
    const signal = AbortSignal.timeout(5_000)
    const drop = (operation: string, on: MoRef) => session.read(operation, on, {}, { signal }).catch(() => undefined)
    await drop('DestroyPropertyCollector', open.collector)
    await drop('DestroyView', open.tasks)
    if (open.vms !== undefined) await drop('DestroyView', open.vms)
  }
}

function hasEnded(task: FollowedTask): boolean {
  const state = task.values.get('info.state')
  return state === 'success' || state === 'error'
}

function newsOf(
  task: FollowedTask,
  withinMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown> | undefined> {
  if (signal.aborted) return Promise.reject(cancelled(signal))
  if (hasEnded(task)) return Promise.resolve(task.values)
  const progress = task.values.get('info.progress')
  const gotOn = () => task.values.get('info.progress') !== progress
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      clearInterval(soon)
      task.waiting.delete(look)
      signal.removeEventListener('abort', abort)
      finish()
    }
    const look = () => {
      if (hasEnded(task)) settle(() => resolve(task.values))
      else if (task.values.size === 0) settle(() => resolve(undefined))
    }
    const abort = () => settle(() => reject(cancelled(signal)))
    const timer = setTimeout(() => settle(() => resolve(undefined)), withinMs)
    const soon = setInterval(() => {
      if (gotOn()) settle(() => resolve(task.values))
    }, PROGRESS_MS)
    task.waiting.add(look)
    signal.addEventListener('abort', abort, { once: true })
  })
}

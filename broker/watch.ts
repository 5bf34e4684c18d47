/**
 * A tenant's watch: what is there, then what changes.
 *
 * It reads from the store whatever has a newer revision than what it told last, rather than queueing changes: a slow reader costs no
 * memory, and may miss states that were over before it came to them.
 *
 * Invariants
 * 1. Lines come in the order of their revisions (after those of what was there at the beginning).
 * 2. Nothing that changed behind the reader's revision is left out, except states that were over.
 */

import type { TimelineEntry } from '../resources/machine.ts'
import type { ReportedKind } from '../resources/resource.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { type EventItem, eventItem, type Items, type MachineItem, machineItem, type ResourceItem } from './items.ts'
import type { BrokerStore } from './store/broker-store.ts'

/** `id` is the revision to go on behind. */
export type WatchLine =
  | { readonly type: 'item'; readonly id: number; readonly item: ResourceItem | MachineItem }
  | {
      readonly type: 'gone'
      readonly id: number
      readonly kind: ReportedKind
      readonly name: string
      /** What was forgotten with it, and is still in the cloud. */
      readonly left: readonly string[]
    }
  | { readonly type: 'event'; readonly id: number; readonly event: EventItem }
  | {
      readonly type: 'timeline'
      readonly id: number
      readonly machine: string
      readonly cluster: string
      readonly entry: TimelineEntry
    }
  /** All that was there has been told. */
  | { readonly type: 'synced'; readonly id: number }
  /** The watch still stands. */
  | { readonly type: 'ping' }

export interface WatchOptions {
  readonly store: BrokerStore
  readonly items: Items
  readonly tenant: string
  /** Go on behind this revision; else begin with all that is there. */
  readonly after: number | undefined
  /** Milliseconds of silence before a ping. */
  readonly pingMs: number
  /** Ends the watch. */
  readonly signal: AbortSignal
}

const PAGE = 500

interface Change {
  readonly revision: number
  line(): WatchLine | Promise<WatchLine>
}

/** Throws `conflict` at once if it can't go on behind `after`. Ends when the signal aborts. */
export function watch(options: WatchOptions): AsyncGenerator<WatchLine, void, void> {
  const { store, tenant, after } = options
  if (after !== undefined && (after > store.database.revision() || after < store.events.forgottenThrough(tenant)))
    throw new PcgError(
      'conflict',
      `the watch can't go on behind ${after}: what was deleted since then is no longer known`,
      {
        subject: 'after',
        remedy: 'Watch without `after`, and forget what is not told again.',
      },
    )
  return lines(options)
}

async function* lines(options: WatchOptions): AsyncGenerator<WatchLine, void, void> {
  const { store, tenant, after, pingMs, signal } = options
  const alarm = new Alarm(pingMs)
  const stop = store.database.onChanged(tenant, () => alarm.ring())
  const end = () => alarm.ring()
  signal.addEventListener('abort', end)
  try {
    const start = after ?? store.database.revision()
    if (after === undefined) yield* pages(0, signal, (from) => itemsIn(options, from, start))
    let cursor = start
    let synced = false
    while (!signal.aborted) {
      // So slow a reader that deletions were forgotten before it came to them has to begin anew.
      if (cursor < store.events.forgottenThrough(tenant)) return
      for await (const line of pages(cursor, signal, (from) => changesBehind(options, from))) {
        if ('id' in line) cursor = line.id
        yield line
      }
      if (signal.aborted) return
      if (!synced) yield { type: 'synced', id: cursor }
      synced = true
      if (!(await alarm.wait())) yield { type: 'ping' }
    }
  } finally {
    stop()
    signal.removeEventListener('abort', end)
    alarm.cancel()
  }
}

async function* pages(
  after: number,
  signal: AbortSignal,
  read: (after: number) => Change[],
): AsyncGenerator<WatchLine, void, void> {
  let cursor = after
  while (!signal.aborted) {
    const page = read(cursor)
    for (const change of page) {
      if (signal.aborted) return
      yield await change.line()
      cursor = change.revision
    }
    if (page.length < PAGE) return
  }
}

/** The items whose revisions are behind `after` and up to `through`. */
function itemsIn({ store, items, tenant }: WatchOptions, after: number, through: number): Change[] {
  return inOrder([
    ...store.resources.changed(tenant, after, through, PAGE).map(
      (found): Change => ({
        revision: found.revision,
        line: async () => ({ type: 'item', id: found.revision, item: await items.of(tenant, found) }),
      }),
    ),
    ...store.machines.changed(tenant, after, through, PAGE).map(
      (found): Change => ({
        revision: found.revision,
        line: () => ({ type: 'item', id: found.revision, item: machineItem(found) }),
      }),
    ),
  ])
}

function changesBehind(options: WatchOptions, after: number): Change[] {
  const { store, tenant } = options
  return inOrder([
    ...itemsIn(options, after, Number.MAX_SAFE_INTEGER),
    ...store.events.gone(tenant, after, PAGE).map(
      ({ revision, kind, name, left }): Change => ({
        revision,
        line: () => ({ type: 'gone', id: revision, kind, name, left }),
      }),
    ),
    ...store.events.changed(tenant, after, PAGE).map(
      (event): Change => ({
        revision: event.revision,
        line: () => ({ type: 'event', id: event.revision, event: eventItem(event) }),
      }),
    ),
    ...store.machines.changedTimelines(tenant, after, PAGE).map(
      ({ revision, machine, cluster, entry }): Change => ({
        revision,
        line: () => ({ type: 'timeline', id: revision, machine, cluster, entry }),
      }),
    ),
  ])
}

/** Each source gave its first `PAGE`, so the first `PAGE` of all of them are complete. */
function inOrder(changes: Change[]): Change[] {
  return changes.sort((a, b) => a.revision - b.revision).slice(0, PAGE)
}

/** Wakes a sleeper; a ring while nobody sleeps is kept for the next one. */
class Alarm {
  readonly #limitMs: number
  #rung = false
  #wake: ((rung: boolean) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  ring(): void {
    this.#rung = true
    this.#settle(true)
  }

  /** Resolves with true when it rings, with false after the limit. */
  async wait(): Promise<boolean> {
    if (!this.#rung) {
      const rung = await new Promise<boolean>((resolve) => {
        this.#wake = resolve
        this.#timer = setTimeout(() => this.#settle(false), this.#limitMs)
      })
      if (!rung) return false
    }
    this.#rung = false
    return true
  }

  cancel(): void {
    this.#settle(false)
  }

  #settle(rung: boolean): void {
    clearTimeout(this.#timer)
    this.#wake?.(rung)
    this.#wake = undefined
  }
}

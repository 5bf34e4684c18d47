import type { Change, MachineUid } from '../adapter.ts'

/**
 * Changes as they happen, until the signal aborts; then it rejects. For a reader that falls behind only the newest change of
 * each machine is kept, so a slow one costs no memory. `subscribe` returns how to stop.
 */
export async function* changesUntil(
  subscribe: (listener: (change: Change) => void) => () => void,
  signal: AbortSignal,
): AsyncIterable<Change> {
  const waiting = new Map<MachineUid, Change>()
  let wake = () => {}
  const stop = subscribe((change) => {
    waiting.set(change.machine, change)
    wake()
  })
  const aborted = () => wake()
  signal.addEventListener('abort', aborted)
  try {
    while (true) {
      signal.throwIfAborted()
      if (waiting.size === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      for (const [machine, change] of waiting) {
        waiting.delete(machine)
        yield change
        signal.throwIfAborted()
      }
    }
  } finally {
    signal.removeEventListener('abort', aborted)
    stop()
  }
}

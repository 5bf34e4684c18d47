import { PcgError } from './pcg-error.ts'

export interface Cancellation {
  /** What a call that the signal ended rejects with; code `cancelled`. */
  cancelled(signal: AbortSignal): PcgError
  throwIfAborted(signal: AbortSignal): void
  /** `promise`, or a rejection as soon as the signal aborts; what the promise waits for goes on. */
  abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T>
}

/** @param what is cancelled, for people: `the call to vCenter` */
export function cancellation(what: string): Cancellation {
  const cancelled = (signal: AbortSignal): PcgError =>
    new PcgError('cancelled', `${what} was cancelled`, { cause: signal.reason })
  return {
    cancelled,
    throwIfAborted(signal) {
      if (signal.aborted) throw cancelled(signal)
    },
    abortable(promise, signal) {
      if (signal.aborted) {
        promise.catch(() => undefined)
        return Promise.reject(cancelled(signal))
      }
      return new Promise((resolve, reject) => {
        const abort = () => reject(cancelled(signal))
        signal.addEventListener('abort', abort, { once: true })
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
      })
    },
  }
}

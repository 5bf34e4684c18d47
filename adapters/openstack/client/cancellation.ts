import { PcgError } from '../../../runtime/pcg-error.ts'

export function cancelled(signal: AbortSignal): PcgError {
  return new PcgError('cancelled', 'the call to OpenStack was cancelled', { cause: signal.reason })
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled(signal)
}

/** `promise`, or a rejection as soon as the signal aborts; what the promise waits for goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined)
    return Promise.reject(cancelled(signal))
  }
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(cancelled(signal))
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

import { createLog, type Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { Host } from './host.ts'

export interface ServiceOptions {
  readonly name: string
  readonly logLevel: string
  readonly supervised?: boolean
}

export interface RunningService {
  /** Where it listens, and who it is. */
  readonly ready: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** The line by which a supervised process tells its parent that it is up. */
export const READY_PREFIX = 'ready '

/**
 * Runs a broker or gateway until the signal, and closes it then. Supervised, it also ends when stdin does: a parent that dies,
 * however it dies, closes its end of the pipe.
 */
export async function runService(
  host: Host,
  options: ServiceOptions,
  start: (log: Log, signal: AbortSignal) => Promise<RunningService>,
): Promise<void> {
  const log = createLog({
    level: options.logLevel,
    pretty: host.err.isTerminal,
    process: options.name,
    destination: 2,
  })
  const signal = options.supervised === true ? AbortSignal.any([host.signal, endOfInput(host)]) : host.signal
  const service = await start(log, signal).catch((cause: unknown) => {
    throw startFailure(cause)
  })
  log.info(service.ready, 'ready')
  if (options.supervised === true) host.out.write(`${READY_PREFIX}${JSON.stringify(service.ready)}\n`)
  await aborted(signal)
  log.info('stopping')
  await service.close()
  // A parent may keep its end of the pipe open, which must not keep us.
  host.in.stream.destroy()
}

/** An address that can't be listened on is the user's to change; Node names it only in its own words. */
function startFailure(thrown: unknown): unknown {
  const cause = thrown instanceof PcgError ? thrown.cause : thrown
  if (!(cause instanceof Error) || !('code' in cause) || !('port' in cause)) return thrown
  const address = `${'address' in cause ? cause.address : ''}:${cause.port}`
  const options = {
    subject: address,
    cause,
    remedy: 'Give another address: `--help` shows by which option; or end what listens there.',
  }
  if (cause.code === 'EADDRINUSE')
    return new PcgError('conflict', 'another process listens on this address already', options)
  if (cause.code === 'EACCES') return new PcgError('denied', 'this user may not listen on this port', options)
  if (cause.code === 'EADDRNOTAVAIL') return new PcgError('invalid', 'this machine has no such address', options)
  return thrown
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function endOfInput(host: Host): AbortSignal {
  const ended = new AbortController()
  const abort = (): void => ended.abort(new PcgError('cancelled', 'the parent process ended'))
  for (const event of ['end', 'close', 'error']) host.in.stream.once(event, abort)
  host.in.stream.resume()
  return ended.signal
}

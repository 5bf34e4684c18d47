import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { ServerTls } from './server-certificate.ts'

const CHECK_MS = 86_400_000

export interface RotationOptions {
  /** The certificate that serves from now on: the one that is there, or a new one when it is time (`openServerCertificate`). */
  readonly open: () => Promise<ServerTls>
  readonly current: ServerTls
  /** Told when it is another one. */
  readonly renewed: (tls: ServerTls) => void
  readonly clock: Clock
  readonly log: Log
}

/**
 * Looks once a day whether a server's certificate is to be renewed, so that it needs no restart for that; a day on which that fails
 * (a full disk) is logged, and the next one tries again. Returns how to end it, which resolves when nothing is under way any more.
 */
export function startRotation(options: RotationOptions): () => Promise<void> {
  const { open, renewed, clock, log } = options
  const ending = new AbortController()
  let current = options.current

  async function check(): Promise<void> {
    try {
      const next = await open()
      if (next.cert === current.cert) return
      renewed(next)
      current = next
      log.info('the server certificate was renewed')
    } catch (cause) {
      log.error({ err: cause }, 'the server certificate could not be renewed; it is tried again in a day')
    }
  }

  const running = (async () => {
    while (true) {
      await clock.sleep(CHECK_MS, ending.signal)
      await check()
    }
  })().catch((cause: unknown) => {
    if (!ending.signal.aborted) log.error({ err: cause }, 'the server certificate is no longer looked after')
  })
  return async () => {
    ending.abort()
    await running
  }
}

/**
 * The gateway's end of the tunnel: keeps one stream to the broker attached, for as long as the process lives.
 *
 * Invariants
 * 1. One try or stream at a time; between two there is always a wait (link-policy.ts), so never a hot loop.
 * 2. The local clock decides nothing but whether the broker's certificate counts: renewals go by the broker's clock.
 * 3. A failed renewal leaves the certificate, its key and the stream as they are.
 */
import { backoffMs } from '../runtime/backoff.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { dialBroker, renew } from './enrol.ts'
import type { Welcome } from './gen/pcg/tunnel/v1/tunnel.ts'
import { openChannel } from './grpc-channel.ts'
import { gatewayKey } from './identity.ts'
import type { Credentials, IdentityStore } from './identity-store.ts'
import {
  CLOCK_TOLERANCE_MS,
  DEFAULT_TIMING,
  type LinkEnd,
  type LinkHistory,
  type LinkTiming,
  nextMove,
} from './link-policy.ts'
import type { Answers, Inbox, LinkState, Outbox } from './link-ports.ts'
import { LinkStream } from './link-stream.ts'
import { sleepLong } from './long-sleep.ts'
import { DIAL_TIMEOUT_MS } from './protocol.ts'
import { renewalDelayMs } from './renewal-schedule.ts'

export interface LinkOptions {
  readonly identityStore: IdentityStore
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly answers: Answers
  /** The gateway's HPKE public key, raw. */
  readonly sealingKey: Uint8Array
  readonly version: string
  readonly log: Log
  readonly clock: Clock
  /** Called at each change. */
  readonly onState: (state: LinkState) => void
  readonly timing?: LinkTiming
  /** Of each dial, and of the wait for Welcome, ms. */
  readonly dialTimeoutMs?: number
  /** In [0, 1). */
  readonly random?: () => number
}

export interface Link {
  state(): LinkState
  /** Leaves in good order: what was received is journalled and acknowledged first. */
  close(): Promise<void>
}

/** Between failed renewals while the old certificate still serves. */
const RENEWAL_BACKOFF = { firstMs: 60_000, maxMs: 3_600_000, factor: 2 } as const

export function startLink(options: LinkOptions): Link {
  const running = new RunningLink(options)
  return { state: () => running.state, close: () => running.close() }
}

class RunningLink {
  readonly #options: LinkOptions
  readonly #timing: LinkTiming
  readonly #timeoutMs: number
  readonly #random: () => number
  readonly #closing = new AbortController()
  readonly #done: Promise<void>
  #state: LinkState = { phase: 'connecting', failures: 0 }
  #lastEpoch = 0

  constructor(options: LinkOptions) {
    this.#options = options
    this.#timing = options.timing ?? DEFAULT_TIMING
    this.#timeoutMs = options.dialTimeoutMs ?? DIAL_TIMEOUT_MS
    this.#random = options.random ?? Math.random
    this.#done = this.#run()
  }

  get state(): LinkState {
    return this.#state
  }

  async close(): Promise<void> {
    this.#closing.abort(new PcgError('cancelled', 'the gateway is closing'))
    await this.#done
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#closing
    let history: LinkHistory = { failures: 0, renewFirst: false }
    while (!signal.aborted) {
      const { end, credentials } = await this.#once(history)
      if (signal.aborted) break
      const move = nextMove(end, {
        history,
        timing: this.#timing,
        certificate: credentials,
        localNowMs: clock.now(),
        random: this.#random,
      })
      history = move.history
      if (end.kind === 'failed') {
        const { error } = end
        log.warn(
          {
            ...(error.code === 'internal' ? { err: error } : {}),
            code: error.code,
            reason: error.message,
            remedy: error.remedy,
            failures: history.failures,
            waitMs: move.waitMs,
          },
          end.doing === 'attach' ? 'tunnel is down' : 'certificate could not be renewed',
        )
      }
      this.#change(move.state)
      await sleepLong(clock, move.waitMs, signal).catch(() => {})
    }
    this.#change({ phase: 'closed' })
  }

  /** One try: renew if that comes first, attach, and stay attached as long as it lasts. Never throws. */
  async #once(history: LinkHistory): Promise<{ end: LinkEnd; credentials: Credentials | null }> {
    let credentials: Credentials | null = null
    let doing: 'attach' | 'renew' = 'attach'
    try {
      credentials = await this.#credentials()
      if (history.renewFirst) {
        doing = 'renew'
        const renewal = await this.#renew(credentials)
        if (!renewal.ok) return { end: { ...renewal, kind: 'failed', doing, uptimeMs: 0 }, credentials }
        credentials = renewal.credentials
        doing = 'attach'
      }
      return { end: await this.#attach(credentials), credentials }
    } catch (cause) {
      const end: LinkEnd = { kind: 'failed', doing, error: PcgError.from(cause), brokerNowMs: undefined, uptimeMs: 0 }
      return { end, credentials }
    }
  }

  async #credentials(): Promise<Credentials> {
    const credentials = await this.#options.identityStore.read()
    if (credentials !== null) return credentials
    throw new PcgError('invalid', 'this gateway is not enrolled', {
      remedy: 'Make a join token for it at the broker, and run `pcg enroll` with that.',
    })
  }

  #renew(credentials: Credentials): ReturnType<typeof renew> {
    const { identityStore, clock } = this.#options
    return renew({ credentials, identityStore, clock, timeoutMs: this.#timeoutMs, signal: this.#closing.signal })
  }

  async #attach(credentials: Credentials): Promise<LinkEnd> {
    const { clock } = this.#options
    const { signal } = this.#closing
    const socket = await dialBroker({ credentials, clock, timeoutMs: this.#timeoutMs, signal })
    const over = new AbortController()
    let renewed = false
    const stream = new LinkStream({
      ...this.#options,
      channel: openChannel(socket, credentials.broker),
      lastEpoch: this.#lastEpoch,
      welcomeTimeoutMs: this.#timeoutMs,
      welcomed: (welcome) => {
        this.#welcomed(welcome, credentials)
        void this.#keepCertificate(credentials, welcome.nowMs, over.signal).then((done) => {
          if (!done) return
          renewed = true
          stream.leave()
        })
      },
    })
    const onClosing = (): void => stream.leave()
    signal.addEventListener('abort', onClosing)
    if (signal.aborted) stream.leave()
    try {
      const end = await stream.ended
      switch (end.kind) {
        case 'left':
          return renewed ? { kind: 'renewed' } : { kind: 'drained', afterMs: 0, reason: 'closing' }
        case 'drained':
          return end
        case 'failed':
          return { ...end, doing: 'attach' }
      }
    } finally {
      signal.removeEventListener('abort', onClosing)
      over.abort()
    }
  }

  #welcomed(welcome: Welcome, credentials: Credentials): void {
    const { clock, log } = this.#options
    this.#lastEpoch = welcome.epoch
    const clockOffsetMs = welcome.nowMs - clock.now()
    const fields = { gateway: gatewayKey(credentials.identity), epoch: welcome.epoch }
    log.info(fields, 'tunnel is attached')
    if (Math.abs(clockOffsetMs) > CLOCK_TOLERANCE_MS) {
      log.warn(
        { ...fields, clockOffsetMs, remedy: "Set the gateway's clock." },
        'the clocks of gateway and broker differ',
      )
    }
    this.#change({ phase: 'attached', epoch: welcome.epoch, sinceMs: clock.now(), clockOffsetMs })
  }

  /** Waits until the certificate is due, and renews it; true when it was. Ends with false when `over` aborts. */
  async #keepCertificate(credentials: Credentials, brokerNowMs: number, over: AbortSignal): Promise<boolean> {
    const { clock, log } = this.#options
    const { beginsMs, endsMs } = credentials
    try {
      await sleepLong(clock, renewalDelayMs({ beginsMs, endsMs, brokerNowMs, random: this.#random }), over)
      for (let failures = 1; ; failures += 1) {
        try {
          const renewal = await this.#renew(credentials)
          if (!renewal.ok) throw renewal.error
          log.info({ certificateEnds: new Date(renewal.credentials.endsMs).toISOString() }, 'certificate renewed')
          return true
        } catch (cause) {
          over.throwIfAborted()
          const error = PcgError.from(cause)
          log.warn({ code: error.code, reason: error.message, failures }, 'certificate could not be renewed')
          await sleepLong(clock, backoffMs(RENEWAL_BACKOFF, failures, this.#random), over)
        }
      }
    } catch {
      return false
    }
  }

  #change(state: LinkState): void {
    this.#state = state
    this.#options.onState(state)
  }
}

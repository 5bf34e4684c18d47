import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A step boundary, and which time that the process comes to it; 1 is the first. */
export interface CrashPoint {
  readonly point: string
  readonly time: number
}

export type ParentMessage =
  | {
      readonly type: 'start'
      readonly stateDir: string
      readonly token?: string
      readonly logPath: string
      readonly logLevel: string
      /** Where each step boundary that is passed is noted, if it is to be. */
      readonly boundaryPath?: string
      /** It is killed at whichever of these it comes to first. */
      readonly crashAt: readonly CrashPoint[]
    }
  | { readonly type: 'usage' }
  | { readonly type: 'crash-at'; readonly points: readonly CrashPoint[] }

export type ChildMessage =
  | { readonly type: 'started'; readonly phoneHomeUrl: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'armed' }
  | ({ readonly type: 'usage' } & Usage)

export interface Usage {
  /** Since its start, user and system. */
  readonly cpuMs: number
  readonly residentMB: number
}

export interface GatewayProcessOptions {
  readonly stateDir: string
  readonly token?: string
  /** Added to its environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Notes and may crash at step boundaries; true if not given. */
  readonly boundaries?: boolean
  /** `debug` if not given. */
  readonly logLevel?: string
}

/** A gateway process over a state folder; it can be killed and started again on the same. */
export class GatewayProcess {
  readonly #options: GatewayProcessOptions
  #child: ChildProcess | null = null

  constructor(options: GatewayProcessOptions) {
    this.#options = options
  }

  get logPath(): string {
    return `${this.#options.stateDir}.log`
  }

  /** The step boundaries that it passed so far, over all its lives. */
  get boundaries(): string[] {
    return existsSync(this.#boundaryPath) ? readFileSync(this.#boundaryPath, 'utf8').trim().split('\n') : []
  }

  /** Resolves when it reconciles; as `crashAt` from its first moment, if points are given. */
  async start(crashAt: readonly CrashPoint[] = []): Promise<{ died: Promise<void> }> {
    const { environment = {}, boundaries = true, logLevel = 'debug', stateDir, token } = this.#options
    const child = fork(join(import.meta.dirname, 'gateway-child.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // As cli/pcg has it.
      execArgv: ['--max-semi-space-size=8', '--heap-growing-percent=40'],
      env: {
        ...process.env,
        MALLOC_ARENA_MAX: '2',
        MALLOC_TRIM_THRESHOLD_: '131072',
        NODE_COMPILE_CACHE: join(import.meta.dirname, '../../../node_modules/.cache/node'),
        ...environment,
      },
    })
    this.#child = child
    const died = this.#died()
    const answered = this.#ask({
      type: 'start',
      stateDir,
      logLevel,
      logPath: this.logPath,
      crashAt,
      ...(token === undefined ? {} : { token }),
      ...(boundaries ? { boundaryPath: this.#boundaryPath } : {}),
    })
    let answer: ChildMessage
    try {
      answer = await answered
    } catch (cause) {
      if (crashAt.length > 0 && child.signalCode === 'SIGKILL') return { died }
      throw cause
    }
    if (answer.type !== 'started')
      throw new Error(answer.type === 'failed' ? answer.message : `answered ${answer.type}`)
    return { died }
  }

  /** Has it killed (SIGKILL) the next time it comes to this boundary; `died` tells when. */
  crashAt(point: string): Promise<{ died: Promise<void> }> {
    return this.crashAtFirst([{ point, time: 1 }])
  }

  /** As `crashAt`, for whichever of these comes first. */
  async crashAtFirst(points: readonly CrashPoint[]): Promise<{ died: Promise<void> }> {
    const died = this.#died()
    await this.#ask({ type: 'crash-at', points })
    return { died }
  }

  async usage(): Promise<Usage> {
    const answer = await this.#ask({ type: 'usage' })
    if (answer.type !== 'usage') throw new Error(`answered ${answer.type}`)
    return answer
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const died = this.#died()
    child.kill('SIGKILL')
    await died
  }

  get #boundaryPath(): string {
    return `${this.#options.stateDir}.boundaries`
  }

  async #died(): Promise<void> {
    if (this.#child !== null) await once(this.#child, 'exit')
  }

  async #ask(message: ParentMessage): Promise<ChildMessage> {
    const child = this.#child
    if (child === null) throw new Error('the gateway process was not started')
    const answered = Promise.race([
      once(child, 'message').then(([answer]) => answer as ChildMessage),
      once(child, 'exit').then(() => Promise.reject(new Error(`the gateway process ended; see ${this.logPath}`))),
    ])
    child.send(message)
    return answered
  }
}

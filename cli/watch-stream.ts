import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { backoffMs } from '../runtime/backoff.ts'
import type { Clock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { WatchLine } from './api-types.ts'
import type { Client } from './client.ts'
import { isObject } from './is-object.ts'
import { readJson, send } from './wire.ts'

export interface WatchOptions {
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Told of each lost connection; the watch goes on by itself. */
  readonly onLost?: (error: PcgError) => void
  /** Longest silence, in ms; the broker sends a ping every 15 s. */
  readonly silenceMs?: number
}

const BACKOFF = { firstMs: 250, maxMs: 5_000, factor: 2 }
const SILENCE_MS = 40_000

/**
 * Everything that is there, then `synced`, then each change; through lost connections, behind which it goes on where it was if
 * the broker still knows, and begins anew if not. Ends by its signal; rejects if the broker can't be reached at first, or refuses it.
 */
export async function* watch(client: Client, options: WatchOptions): AsyncGenerator<WatchLine, void, void> {
  let failures = 0
  /** Of the last line, once everything has been told. */
  let after: number | undefined
  let everSynced = false
  for (;;) {
    try {
      if (after === undefined) yield { type: 'begin' }
      for await (const { line, id } of readOnce(client, after, options)) {
        failures = 0
        if (line.type === 'synced') everSynced = true
        if (everSynced && id !== undefined) after = id
        yield line
      }
    } catch (thrown) {
      if (options.signal.aborted) throw PcgError.from(options.signal.reason)
      const error = PcgError.from(thrown)
      if (after !== undefined && error.code === 'conflict') {
        after = undefined
        continue
      }
      if (!everSynced || !mayPass(error)) throw error
      options.onLost?.(error)
      failures += 1
      await options.clock.sleep(backoffMs(BACKOFF, failures), options.signal)
    }
  }
}

function mayPass(error: PcgError): boolean {
  return ['unavailable', 'interrupted', 'timeout', 'throttled', 'internal'].includes(error.code)
}

interface NumberedLine {
  readonly line: WatchLine
  readonly id: number | undefined
}

/** One connection's lines. Rejects when it is lost. */
async function* readOnce(
  client: Client,
  after: number | undefined,
  options: WatchOptions,
): AsyncGenerator<NumberedLine, void, void> {
  const silence = new AbortController()
  const silenceMs = options.silenceMs ?? SILENCE_MS
  const timer = setTimeout(() => silence.abort(), silenceMs)
  let message: IncomingMessage | undefined
  try {
    const request = client.watchRequest(after, AbortSignal.any([options.signal, silence.signal]))
    message = await send(request)
    if (message.statusCode !== 200) {
      await readJson(message, request)
      throw new PcgError('unavailable', `answered ${message.statusCode} to a watch`, { subject: request.url.origin })
    }
    let failure: unknown
    message.once('error', (error) => {
      failure = error
    })
    for await (const text of createInterface({ input: message, crlfDelay: Number.POSITIVE_INFINITY })) {
      timer.refresh()
      const line = parseLine(text)
      if (line !== undefined) yield line
    }
    throw failure ?? new PcgError('interrupted', 'the broker ended the watch')
  } catch (error) {
    if (silence.signal.aborted) throw new PcgError('timeout', `nothing came for ${silenceMs / 1000} s`)
    throw error
  } finally {
    clearTimeout(timer)
    message?.destroy()
  }
}

/** A line that a later broker may send and this version doesn't know is passed over, as is a ping. */
function parseLine(text: string): NumberedLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new PcgError('interrupted', 'the watch was cut in the middle of a line', { cause })
  }
  if (!isObject(value)) return undefined
  switch (value.type) {
    case 'item':
    case 'gone':
    case 'event':
    case 'timeline':
    case 'synced':
      return { line: value as unknown as WatchLine, id: typeof value.id === 'number' ? value.id : undefined }
    default:
      return undefined
  }
}

import { InvalidArgumentError } from 'commander'
import { parseDuration } from './output/time.ts'

/** For commander: a duration like 90s, 10m or 1h30m, in ms. */
export function durationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('It must be like 90s, 10m or 1h30m.')
  return ms
}

/** For commander: a whole number, 1 or more. */
export function countOption(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return count
}

/** For commander: an option that may be given again. */
export function repeatedOption(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value]
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** For commander: `host:port`, `:port` for every address of the machine, `[::1]:port`. */
export function addressOption(text: string): Address {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:[\]\s]*):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw new InvalidArgumentError('It must be like 127.0.0.1:8443 or :8443.')
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' ? '0.0.0.0' : host, port }
}

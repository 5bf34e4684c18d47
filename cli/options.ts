import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from './output/time.ts'

/** An option that takes a duration like 90s, 10m or 1h30m, and gives ms. Help shows the default as it is typed. */
export function durationOption(flags: string, description: string, byDefault?: string): Option {
  return parsedOption(flags, description, durationMs, byDefault)
}

/** An option that takes `host:port`, `:port` for every address of the machine, or `[::1]:port`, and gives an `Address`. */
export function addressOption(flags: string, description: string, byDefault: string): Option {
  return parsedOption(flags, description, address, byDefault)
}

/** The files that `apply` and `plan` read; see resource-files.ts. */
export function filesOption(): Option {
  const flags = '-f, --filename <file>'
  return new Option(flags, 'YAML or JSON file, folder, or - for stdin; may be repeated')
    .argParser(repeatedOption)
    .makeOptionMandatory()
}

/** What `broker` and `gateway` take alike; see service.ts. */
export interface ServiceFlags {
  readonly state: string
  readonly logLevel: string
  readonly supervised?: boolean
}

export function logLevelOption(): Option {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']
  return new Option('--log-level <level>', 'how much it logs').choices(levels).default('info')
}

export function supervisedOption(): Option {
  const meaning = 'end when stdin does, and tell on stdout where it listens (for a parent process)'
  return new Option('--supervised', meaning)
}

function parsedOption(
  flags: string,
  description: string,
  parse: (text: string) => unknown,
  byDefault?: string,
): Option {
  const option = new Option(flags, description).argParser(parse)
  return byDefault === undefined ? option : option.default(parse(byDefault), byDefault)
}

/** How machines reach the gateway where that is not the address that it listens on: `host` or `host:port`. */
export function advertiseOption(): Option {
  return new Option('--advertise <address>', 'how machines reach that, if otherwise: a host, or host:port').argParser(
    (text: string) => {
      if (/^(\[[0-9a-fA-F:]+\](:\d{1,5})?|[0-9a-fA-F:]*:[0-9a-fA-F:]*|[\w.-]+(:\d{1,5})?)$/.test(text)) return text
      throw new InvalidArgumentError('It must be like 10.0.0.5, gateway.example.com:8080 or [fd00::5]:8080.')
    },
  )
}

function durationMs(text: string): number {
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

function address(text: string): Address {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:[\]\s]*):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw new InvalidArgumentError('It must be like 127.0.0.1:8443 or :8443.')
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' ? '0.0.0.0' : host, port }
}

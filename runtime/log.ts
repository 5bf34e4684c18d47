import pino from 'pino'
import pretty from 'pino-pretty'

/** Structured log. Messages are constant; what varies goes into fields. */
export type Log = pino.Logger

/** Fields that never reach a log, wherever in an object they stand (to three levels). */
const SECRET_FIELDS = [
  'password',
  'token',
  'secret',
  'apiKey',
  'credentials',
  'sealed',
  'privateKey',
  'userData',
  'certificateKey',
  'joinToken',
  'authorization',
]

export interface LogOptions {
  readonly level: string
  /** Lines for people when a terminal reads them, JSON otherwise. */
  readonly pretty: boolean
  readonly process: string
  /** A file or descriptor 1, 2. */
  readonly destination: number | string
}

export function createLog(options: LogOptions): Log {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])
  const destination = options.pretty
    ? pretty({
        destination: options.destination,
        ignore: 'pid,hostname,process',
        translateTime: 'HH:MM:ss.l',
        sync: true,
      })
    : pino.destination({ dest: options.destination, sync: true })
  return pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      redact: { paths, censor: '[redacted]' },
      serializers: { err: pino.stdSerializers.err },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  )
}

export const silentLog: Log = pino({ level: 'silent' })

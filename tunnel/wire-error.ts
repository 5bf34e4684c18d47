/** How a PcgError crosses the wire: a gRPC status with its words, and trailers with what a status has no room for. */
import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { z } from 'zod'
import { type ErrorCode, PcgError } from '../runtime/pcg-error.ts'

/** JSON of the error, so that words of any script survive. */
const ERROR_TRAILER = 'pcg-error-bin'
/** The broker's clock, ms since 1970: a gateway that is refused learns from it whether its certificate is due. */
const TIME_TRAILER = 'pcg-now-ms'

const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  conflict: status.ABORTED,
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  credentials: status.PERMISSION_DENIED,
  capacity: status.RESOURCE_EXHAUSTED,
  throttled: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  interrupted: status.UNKNOWN,
  timeout: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(STATUS_OF, value)
}

const errorSchema = z.object({
  code: z.custom<ErrorCode>(isErrorCode),
  message: z.string(),
  remedy: z.string().optional(),
  subject: z.string().optional(),
})

/** The status that ends a call with `error`. What is `internal` keeps its words to itself. */
export function statusOf(error: PcgError, nowMs: number): StatusObject {
  const message = error.code === 'internal' ? 'the broker failed; its log says why' : error.message
  const metadata = new Metadata()
  const content = { code: error.code, message, remedy: error.remedy, subject: error.subject }
  metadata.set(ERROR_TRAILER, Buffer.from(JSON.stringify(content)))
  metadata.set(TIME_TRAILER, String(nowMs))
  return { code: STATUS_OF[error.code], details: message, metadata }
}

/** A status as it arrived: `details` decoded, trailers by name. */
export interface ReceivedStatus {
  readonly code: number
  readonly details: string
  readonly trailer: (name: string) => string | undefined
}

export interface ReceivedError {
  readonly error: PcgError
  /** The broker's clock, where it was our broker that ended the call. */
  readonly brokerNowMs: number | undefined
}

export function errorOf(received: ReceivedStatus): ReceivedError {
  const brokerNowMs = Number(received.trailer(TIME_TRAILER) ?? Number.NaN)
  const parsed = errorSchema.safeParse(contentOf(received.trailer(ERROR_TRAILER)))
  return {
    error: parsed.success ? fromContent(parsed.data) : fromStatus(received),
    brokerNowMs: Number.isFinite(brokerNowMs) ? brokerNowMs : undefined,
  }
}

function fromContent(content: z.infer<typeof errorSchema>): PcgError {
  const { code, message, remedy, subject } = content
  return new PcgError(code, message, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(subject === undefined ? {} : { subject }),
  })
}

/** For a status that something other than our broker's code made. */
function fromStatus(received: ReceivedStatus): PcgError {
  const code = ((): ErrorCode => {
    switch (received.code) {
      case status.UNAVAILABLE:
        return 'unavailable'
      case status.DEADLINE_EXCEEDED:
        return 'timeout'
      case status.RESOURCE_EXHAUSTED:
        return 'throttled'
      case status.UNIMPLEMENTED:
        return 'invalid'
      default:
        return 'interrupted'
    }
  })()
  return new PcgError(code, `the broker ended the call: ${received.details || `status ${received.code}`}`)
}

function contentOf(trailer: string | undefined): unknown {
  if (trailer === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(trailer, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}

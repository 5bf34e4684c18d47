/** What went wrong, for programs. Each has one meaning on every side of the tunnel. */
export type ErrorCode =
  | 'invalid' // the input is wrong; trying again unchanged can't help
  | 'not-found'
  | 'conflict' // a name is taken, or an object changed in between
  | 'unauthenticated'
  | 'denied'
  | 'credentials' // a cloud refused our user or password; never tried again by itself
  | 'capacity' // quota, space, addresses: something is full
  | 'throttled'
  | 'unavailable' // could not be reached; nothing was done
  | 'interrupted' // sent, but the reply was lost; it may have been done
  | 'timeout'
  | 'cancelled'
  | 'internal'

export interface ErrorDetail {
  /** The field or object, as its user knows it: `spec.controlPlane.count`, `datastore LocalDS_0`. */
  readonly subject: string
  readonly message: string
  readonly remedy?: string
}

export interface PcgErrorOptions {
  readonly cause?: unknown
  /** What the user can do about it, as an imperative sentence. */
  readonly remedy?: string
  /** The field or object that it is about. */
  readonly subject?: string
  /** Where one message isn't enough, e.g. every wrong field of a file. */
  readonly details?: readonly ErrorDetail[]
}

/** The one error class: a code for programs, words for people, the cause kept. */
export class PcgError extends Error {
  override readonly name = 'PcgError'
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly subject: string | undefined
  readonly details: readonly ErrorDetail[]

  constructor(code: ErrorCode, message: string, options: PcgErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.remedy = options.remedy
    this.subject = options.subject
    this.details = options.details ?? []
  }

  /** Any thrown thing as a PcgError: itself if it is one; else by what Node says of it, `internal` where it says nothing. */
  static from(thrown: unknown, context?: string): PcgError {
    if (thrown instanceof PcgError) return thrown
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    const said = error.message || ('code' in error ? String(error.code) : error.name)
    const message = context === undefined ? said : `${context}: ${said}`
    return new PcgError(codeOf(error), message, { cause: error })
  }
}

function codeOf(error: Error): ErrorCode {
  if (error.name === 'AbortError') return 'cancelled'
  if (error.name === 'TimeoutError') return 'timeout'
  switch ('code' in error ? error.code : undefined) {
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unavailable'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'interrupted'
    case 'ETIMEDOUT':
      return 'timeout'
    case 'ENOSPC':
      return 'capacity'
    default:
      return 'internal'
  }
}

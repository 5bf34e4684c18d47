/** Errors as the API answers them. */
import { z } from 'zod'
import { pathText } from '../../resources/resource-problems.ts'
import { type ErrorCode, type ErrorDetail, PcgError } from '../../runtime/pcg-error.ts'

const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  invalid: 422,
  'not-found': 404,
  conflict: 409,
  unauthenticated: 401,
  denied: 403,
  credentials: 502,
  capacity: 507,
  throttled: 429,
  unavailable: 503,
  interrupted: 502,
  timeout: 504,
  cancelled: 503,
  internal: 500,
}

const CODES = Object.keys(STATUS_OF) as [ErrorCode, ...ErrorCode[]]

const detailSchema = z.object({
  subject: z.string().describe('The field or object: `spec.controlPlane.count`'),
  message: z.string(),
  remedy: z.string().optional(),
})

export const errorSchema = z.object({
  error: z.object({
    code: z.enum(CODES).describe('For programs'),
    message: z.string().describe('For people'),
    subject: z.string().optional().describe('The field or object that it is about'),
    remedy: z.string().optional().describe('What can be done about it'),
    details: z.array(detailSchema).optional().describe('Everything that is wrong, where one message is not enough'),
  }),
})

export type ErrorBody = z.infer<typeof errorSchema>

export interface ErrorAnswer {
  readonly status: number
  readonly body: ErrorBody
}

/** The answer for anything thrown. What is our own fault tells nothing but the trace id, by which the log has it. */
export function answerOf(thrown: unknown, traceId: string): ErrorAnswer {
  const refusal = refusalOfServer(thrown)
  if (refusal !== undefined) return refusal
  const error = PcgError.from(thrown)
  if (error.code === 'internal') {
    const message = 'the broker failed to do this'
    const remedy = `Try again; if it stays so, look for trace ${traceId} in the broker's log.`
    return { status: 500, body: { error: { code: 'internal', message, remedy } } }
  }
  return { status: STATUS_OF[error.code], body: bodyOf(error) }
}

function bodyOf(error: PcgError): ErrorBody {
  const { code, message, subject, remedy, details } = error
  return {
    error: {
      code,
      message,
      ...(subject !== undefined && { subject }),
      ...(remedy !== undefined && { remedy }),
      ...(details.length > 0 && { details: [...details] }),
    },
  }
}

/** What the HTTP server itself refuses: a body that is too large, isn't JSON, or none at all. */
function refusalOfServer(thrown: unknown): ErrorAnswer | undefined {
  if (!(thrown instanceof Error) || thrown instanceof PcgError || !('statusCode' in thrown)) return undefined
  const status = Number(thrown.statusCode)
  if (!(status >= 400 && status < 500)) return undefined
  const remedies: Readonly<Record<number, string>> = {
    400: 'Send valid JSON.',
    413: 'Split it into several requests.',
    415: 'Send JSON, with the header `content-type: application/json`.',
  }
  const remedy = remedies[status]
  const error = {
    code: 'invalid' as const,
    message: lowerFirst(thrown.message),
    ...(remedy !== undefined && { remedy }),
  }
  return { status, body: { error } }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** What zod found wrong with a part of a request, as one error. */
export function invalidInput(error: z.ZodError): PcgError {
  return invalidFields(error.issues.flatMap(detailsOf))
}

/** One error for all that is wrong. */
export function invalidFields(details: readonly ErrorDetail[]): PcgError {
  const [first] = details
  if (first === undefined) return new PcgError('invalid', 'the request is wrong')
  if (details.length > 1)
    return new PcgError('invalid', `${details.length} fields are wrong`, { subject: first.subject, details })
  const { subject, message, remedy } = first
  return new PcgError('invalid', `${subject}: ${message}`, {
    subject,
    details,
    ...(remedy !== undefined && { remedy }),
  })
}

function detailsOf(issue: z.core.$ZodIssue): ErrorDetail[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      subject: pathText([...issue.path, key]),
      message: 'is not a known field',
      remedy: 'Remove it, or correct its name: /v1/openapi.json has those that there are.',
    }))
  return [{ subject: pathText(issue.path) || 'body', message: issue.message }]
}

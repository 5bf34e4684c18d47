/** What routes have in common in the API's document. */
import type { Role } from '../store/tenant-store.ts'
import { errorSchema } from './api-error.ts'

const MEANINGS = {
  400: 'The body is not JSON',
  401: 'No API key, or one that is not known',
  403: "The key's role does not allow it",
  404: 'There is none of that name',
  409: 'It is in the way of something: a taken name, a resource that is in use or being deleted',
  413: 'The body is too large',
  415: 'The body is not announced as JSON',
  422: 'The input is wrong: each field is named with its remedy',
  429: 'Too many questions at once',
  500: 'The broker failed',
  502: 'The cloud refused the credentials, or the answer was lost',
  503: 'The gateway is not connected, or the broker is going down',
  504: 'The gateway did not answer in time',
  507: 'Something is full',
} as const

export type ErrorStatus = keyof typeof MEANINGS

/** What any route with a key may answer. */
const COMMON: readonly ErrorStatus[] = [401, 403, 422, 500, 503]
/** Of routes that take a body. */
export const BODY_ERRORS: readonly ErrorStatus[] = [400, 413, 415]
/** Of routes that ask a gateway. */
export const GATEWAY_ERRORS: readonly ErrorStatus[] = [404, 429, 502, 504, 507]

/** The error answers of a route, each with its meaning; those that any route may give are among them. */
export function errors(...statuses: ErrorStatus[]) {
  const answer = (status: ErrorStatus) => ({
    description: MEANINGS[status],
    content: { 'application/json': { schema: errorSchema } },
  })
  return Object.fromEntries([...COMMON, ...statuses].map((status) => [status, answer(status)])) as Partial<
    Record<ErrorStatus, ReturnType<typeof answer>>
  >
}

/** Marks a route as one for keys of `role` and above. */
export function needs(role: Role): { role: Role } {
  return { role }
}

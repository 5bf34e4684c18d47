import type { ErrorCode } from '../runtime/pcg-error.ts'

/** What scripts can tell failures apart by. `pcg --help` lists them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  invalid: 2,
  notFound: 3,
  denied: 4,
  unavailable: 5,
  timeout: 6,
  conflict: 7,
  /** 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const

export const EXIT_CODE_HELP: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'failed'],
  [EXIT.invalid, 'wrong usage or input'],
  [EXIT.notFound, 'not found'],
  [EXIT.denied, 'denied, or not authenticated'],
  [EXIT.unavailable, 'the broker or gateway can not be reached'],
  [EXIT.timeout, 'not done in time'],
  [EXIT.conflict, 'in conflict with something that exists'],
  [EXIT.interrupted, 'interrupted'],
]

export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'invalid':
      return EXIT.invalid
    case 'not-found':
      return EXIT.notFound
    case 'unauthenticated':
    case 'denied':
    case 'credentials':
      return EXIT.denied
    case 'unavailable':
    case 'interrupted':
    case 'throttled':
      return EXIT.unavailable
    case 'timeout':
      return EXIT.timeout
    case 'conflict':
      return EXIT.conflict
    case 'cancelled':
      return EXIT.interrupted
    case 'capacity':
    case 'internal':
      return EXIT.failed
    default:
      return code satisfies never
  }
}

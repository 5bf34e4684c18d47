import type { PcgError } from '../runtime/pcg-error.ts'
import type { Finding } from './query.ts'

/** What was thrown, as something that a check found. */
export function findingOf(error: PcgError, subject: string): Finding {
  return {
    severity: 'error',
    subject: error.subject ?? subject,
    message: error.message,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
  }
}

import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

/** Where findings are gathered. */
export interface Noted {
  readonly findings: Finding[]
}

/**
 * What `find` finds; undefined, and a finding, where there is no such name, where it isn't the only one, or where it is kept from
 * the user. All else is thrown.
 */
export async function noteNames<T>({ findings }: Noted, find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find()
  } catch (thrown) {
    const error = PcgError.from(thrown)
    if (!['not-found', 'conflict', 'denied'].includes(error.code) || error.subject === undefined) throw error
    const { subject, message, remedy } = error
    findings.push({
      severity: 'error',
      subject,
      // The error's words begin with its subject, which a finding shows anyway.
      message: message.startsWith(`${subject} `) ? message.slice(subject.length + 1) : message,
      ...(remedy === undefined ? {} : { remedy }),
    })
    return undefined
  }
}

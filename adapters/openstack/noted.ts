import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

/** Where findings are gathered. */
export interface Noted {
  readonly findings: Finding[]
}

/** What `find` finds; undefined, and a finding, where there is no such name or where it isn't the only one. All else is thrown. */
export async function noteNames<T>({ findings }: Noted, find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find()
  } catch (thrown) {
    const error = PcgError.from(thrown)
    if ((error.code !== 'not-found' && error.code !== 'conflict') || error.subject === undefined) throw error
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

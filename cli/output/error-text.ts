import { inspect } from 'node:util'
import type { ErrorDetail, PcgError } from '../../runtime/pcg-error.ts'
import type { Output } from '../host.ts'
import { paintFor, printable } from './paint.ts'
import { ended, sentence } from './sentence.ts'

/** The block on stderr that tells a user what failed: what, about which object, and what to do. Nothing is said twice. */
export function errorText(error: PcgError, output: Output, debug: boolean): string {
  const paint = paintFor(output)
  const message = printable(error.message)
  // One detail that says the same as the message is only its longer form.
  const details = error.details.length === 1 && message.includes(error.details[0]?.message ?? '') ? [] : error.details
  const lines = [`${paint.red(paint.bold('pcg:'))} ${subjectOf(error, details)}${message}`]
  for (const detail of details) {
    const remedy = detail.remedy === undefined ? '' : ` ${paint.dim(printable(detail.remedy))}`
    const said = printable(detail.message)
    lines.push(`  ${paint.bold(printable(detail.subject))}: ${remedy === '' ? said : `${ended(said)}${remedy}`}`)
  }
  const remedies = [error.remedy, ...(details.length === 0 ? error.details.map(({ remedy }) => remedy) : [])]
  const remedy = remedies.find((each) => each !== undefined)
  if (remedy !== undefined && !details.some((detail) => detail.remedy === remedy))
    lines.push(sentence(printable(remedy)))
  if (debug) lines.push(inspect(error, { depth: 5 }))
  else if (error.code === 'internal' && error.cause !== undefined)
    lines.push(paint.dim('PCG_DEBUG=1 shows where it comes from.'))
  return `${lines.join('\n')}\n`
}

/** `profile debian: `, unless the message or a detail names it anyway. */
function subjectOf(error: PcgError, details: readonly ErrorDetail[]): string {
  const { subject } = error
  if (subject === undefined || error.message.includes(subject)) return ''
  return details.some((detail) => detail.subject === subject) ? '' : `${printable(subject)}: `
}

import { inspect } from 'node:util'
import type { PcgError } from '../../runtime/pcg-error.ts'
import type { Output } from '../host.ts'
import { paintFor, printable } from './paint.ts'

/** The block on stderr that tells a user what failed: what, about which object, and what to do. */
export function errorText(error: PcgError, output: Output, debug: boolean): string {
  const paint = paintFor(output)
  const subject = error.subject === undefined ? '' : `${printable(error.subject)}: `
  const lines = [`${paint.red(paint.bold('pcg:'))} ${subject}${printable(error.message)}`]
  for (const detail of error.details) {
    const remedy = detail.remedy === undefined ? '' : ` ${paint.dim(printable(detail.remedy))}`
    const said = printable(detail.message)
    lines.push(`  ${paint.bold(printable(detail.subject))}: ${remedy === '' ? said : `${ended(said)}${remedy}`}`)
  }
  if (error.remedy !== undefined) lines.push(printable(error.remedy))
  if (debug) lines.push(inspect(error, { depth: 5 }))
  else if (error.code === 'internal' && error.cause !== undefined)
    lines.push(paint.dim('PCG_DEBUG=1 shows where it comes from.'))
  return `${lines.join('\n')}\n`
}

function ended(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
}

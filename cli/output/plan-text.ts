import type { Finding, PlanAnswer, PlanEntry } from '../../resources/query.ts'
import type { Output } from '../host.ts'
import { withoutName } from './columns.ts'
import { type Paint, paintFor, paintState, printable } from './paint.ts'
import { ended, sentence } from './sentence.ts'

const SIGNS: Readonly<Record<PlanEntry['action'], string>> = { create: '+', replace: '±', delete: '-', change: '~' }

/** What would be done, each thing with its reason and its steps; then what the checks found. */
export function planText({ entries, findings }: PlanAnswer, output: Output): string {
  const paint = paintFor(output)
  const body = entries.map((entry) => entryText(entry, paint)).join('')
  const checks = findings.filter(({ severity }) => severity !== 'ok')
  const found = checks.length === 0 ? '' : `\n${paint.bold('Checks')}\n${findingLines(checks, paint)}`
  return `${body}${entries.length === 0 ? '' : '\n'}${summary(entries, findings)}\n${found}`
}

function entryText(entry: PlanEntry, paint: Paint): string {
  const line = `${SIGNS[entry.action]} ${entry.action} ${entry.kind.toLowerCase()} ${entry.name}`
  const coloured = entry.action === 'create' ? paint.green(line) : paint.yellow(line)
  const head = entry.action === 'delete' ? paint.red(line) : coloured
  const steps = entry.steps
    .map((step, index) => `    ${index + 1}. ${withoutName(printable(step), entry.name)}\n`)
    .join('')
  return `${head}  ${paint.dim(printable(entry.reason))}\n${steps}`
}

function summary(entries: readonly PlanEntry[], findings: readonly Finding[]): string {
  if (entries.length === 0 && findings.some(({ severity }) => severity === 'error'))
    return 'No step can be planned before what is wrong is corrected.'
  if (entries.length === 0) return 'Nothing would be done: all is as described.'
  const counts = Object.keys(SIGNS).flatMap((action) => {
    const count = entries.filter((entry) => entry.action === action).length
    return count === 0 ? [] : [`${count} to ${action}`]
  })
  return `${counts.join(', ')}.`
}

/** `error  datastore LocalDS_0: is full. Free 20 GiB.` */
export function findingLines(findings: readonly Finding[], paint: Paint): string {
  return findings
    .map(({ severity, subject, message, remedy }) => {
      const state = `${paintState(paint, severity)}${' '.repeat(Math.max(0, 7 - severity.length))}`
      const said = `${paint.bold(printable(subject))}: ${printable(message)}`
      const advice = remedy === undefined ? '' : ` ${paint.dim(sentence(printable(remedy)))}`
      return `  ${state}  ${advice === '' ? said : `${ended(said)}${advice}`}\n`
    })
    .join('')
}

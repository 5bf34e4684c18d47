import type { TimelineEntry } from '../../resources/machine.ts'
import { type EventRecord, type Item, kindOf, nameOf } from '../api-types.ts'
import type { Host } from '../host.ts'
import { isObject } from '../is-object.ts'
import { cellsOf, stageText, titlesOf } from './columns.ts'
import { conditionsOf, findingsOf, statusPhase } from './item-status.ts'
import { type Paint, paintFor, paintState, printable } from './paint.ts'
import { findingLines } from './plan-text.ts'
import { renderTable, type TableOptions } from './table.ts'
import { age, clockTime, relative } from './time.ts'

export interface Described {
  readonly item: Item
  /** Of a cluster. */
  readonly machines: readonly Item[]
  /** Of a machine, or of what a cluster's machines share. */
  readonly timeline: readonly TimelineEntry[]
  /** Oldest first. */
  readonly events: readonly EventRecord[]
}

/** All about one resource, a section for each side of it. */
export async function describeText(described: Described, host: Host): Promise<string> {
  const { item, machines, timeline, events } = described
  const now = host.clock.now()
  const paint = paintFor(host.out)
  const table: TableOptions = { width: host.out.columns() - 2, paint }
  const sections = [
    header(item, now, paint),
    'resource' in item ? section('Spec', await specText(item.resource.spec), paint) : '',
    section('Checks', findingLines(findingsOf(item), paint).replace(/^ {2}/gm, ''), paint),
    section('Conditions', conditionsText(item, now, table), paint),
    section(
      'Machines',
      machines.length === 0
        ? ''
        : renderTable(
            titlesOf('Machine').filter((title) => title !== 'CLUSTER'),
            machines.map((machine) => cellsOf(machine, paint, now).toSpliced(1, 1)),
            table,
          ),
      paint,
    ),
    section('Timeline', timelineText(timeline, table), paint),
    section('Events', eventsText(events, now, table), paint),
  ]
  return sections.filter((text) => text !== '').join('\n')
}

function header(item: Item, now: number, paint: Paint): string {
  const fields: (readonly [string, string])[] = [['Phase', phaseText(item, paint)]]
  if ('resource' in item) {
    const labels = Object.entries(item.resource.metadata.labels ?? {}).map(([name, value]) => `${name}=${value}`)
    fields.push(['Labels', labels.join(', ')])
    fields.push(['Generation', generationText(item.generation, item.status)])
    fields.push(['Created', relative(item.createdAt, now)])
    if (item.resource.kind === 'Gateway') fields.push(...gatewayFields(item.status, now))
  } else {
    const { status, cluster } = item
    fields.push(['Cluster', cluster], ['Pool', `${status.pool} (${status.role})`])
    fields.push(['Stage', stageText(item.name, status)], ['Addresses', status.addresses.join(', ')])
    fields.push(['In the cloud', status.externalId ?? ''], ['UID', status.uid], ['Revision', status.revision])
    fields.push(['Reported', relative(item.updatedAt, now)])
  }
  const width = Math.max(...fields.map(([name]) => name.length)) + 2
  const lines = fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${`${name}:`.padEnd(width)}${value}\n`)
  return `${paint.bold(`${kindOf(item)} ${nameOf(item)}`)}\n${lines.join('')}`
}

function phaseText(item: Item, paint: Paint): string {
  if ('resource' in item && item.deleting) return paintState(paint, 'Deleting')
  return isObject(item.status) && typeof item.status.phase === 'string' ? paintState(paint, statusPhase(item)) : ''
}

function generationText(generation: number, status: unknown): string {
  const observed = isObject(status) ? status.observedGeneration : undefined
  if (typeof observed !== 'number' || observed >= generation) return String(generation)
  return `${generation} (the gateway has acted on ${observed} so far)`
}

function gatewayFields(status: unknown, now: number): (readonly [string, string])[] {
  if (!isObject(status)) return []
  const time = (value: unknown): string => (typeof value === 'string' ? relative(value, now) : '')
  return [
    ['Version', typeof status.version === 'string' ? status.version : ''],
    ['Last seen', time(status.lastSeen)],
    ['Certificate ends', time(status.certificateEnds)],
    ['Commands waiting', typeof status.pendingCommands === 'number' ? String(status.pendingCommands) : ''],
  ]
}

async function specText(spec: object): Promise<string> {
  if (Object.keys(spec).length === 0) return ''
  const { stringify } = await import('yaml')
  // Long texts (a PEM, sealed credentials, manifests) would bury the rest; `pcg get … -o yaml` has them whole.
  const shorten = (_: string, value: unknown): unknown =>
    typeof value === 'string' && (value.length > 100 || value.includes('\n'))
      ? `${value.slice(0, 40).split('\n')[0]}… (${value.length} characters)`
      : value
  return stringify(JSON.parse(JSON.stringify(spec, shorten)), { lineWidth: 0 })
}

function conditionsText(item: Item, now: number, table: TableOptions): string {
  const rows = conditionsOf(item).map(({ type, status, reason, message, since }) => [
    type,
    conditionState(type, status, table.paint),
    reason,
    age(since, now),
    printable(message),
  ])
  return rows.length === 0 ? '' : renderTable(['TYPE', 'STATUS', 'REASON', 'FOR', 'MESSAGE'], rows, table)
}

/** Of most conditions True is what one wants; a few name a trouble. */
function conditionState(type: string, status: string, paint: Paint): string {
  if (type !== 'Drifted' && type !== 'Stalled') return paintState(paint, status)
  return status === 'True' ? paint.yellow(status) : status
}

function timelineText(timeline: readonly TimelineEntry[], table: TableOptions): string {
  const rows = timeline.map(({ time, stage, actor, cause, outcome, detail }) => [
    clockTime(time),
    paintState(table.paint, outcome),
    printable(stage),
    actor,
    printable(cause),
    printable(detail ?? ''),
  ])
  return rows.length === 0 ? '' : renderTable(['TIME', 'OUTCOME', 'STAGE', 'BY', 'BECAUSE', 'DETAIL'], rows, table)
}

/** A table of events, oldest first. */
export function eventsText(events: readonly EventRecord[], now: number, table: TableOptions, subjects = false): string {
  const titles = ['AGE', 'SEVERITY', ...(subjects ? ['OBJECT'] : []), 'REASON', 'MESSAGE']
  const rows = events.map((event) => [
    age(event.time, now),
    paintState(table.paint, event.severity),
    ...(subjects ? [`${event.kind.toLowerCase()}/${event.name}`] : []),
    event.reason,
    printable(event.message),
  ])
  return rows.length === 0 ? '' : renderTable(titles, rows, table)
}

function section(title: string, text: string, paint: Paint): string {
  if (text === '') return ''
  const indented = text.replace(/^(?=.)/gm, '  ')
  return `${paint.bold(title)}\n${indented}`
}

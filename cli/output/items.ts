import { KIND_NAMES } from '../../resources/kind-names.ts'
import type { ReportedKind } from '../../resources/resource.ts'
import type { Item } from '../api-types.ts'
import type { Host } from '../host.ts'
import { cellsOf, titlesOf } from './columns.ts'
import { paintFor } from './paint.ts'
import { renderTable } from './table.ts'

/** A table for each list; where there are several, with a heading, and without the empty ones. */
export function writeItems(host: Host, lists: readonly (readonly [ReportedKind, readonly Item[]])[]): void {
  const paint = paintFor(host.out)
  const shown = lists.filter(([, items]) => items.length > 0)
  if (shown.length === 0) {
    // On stderr, so that a script that reads stdout gets no words where it counts lines.
    const what = lists.length === 1 ? lists.map(([kind]) => KIND_NAMES[kind].plural).join() : 'resources'
    host.err.write(`There are no ${what}.\n`)
    return
  }
  const tables = shown.map(([kind, items]) => {
    const rows = items.map((item) => cellsOf(item, paint, host.clock.now()))
    const table = renderTable(titlesOf(kind), rows, { width: host.out.columns(), paint })
    return lists.length === 1 ? table : `${paint.cyan(KIND_NAMES[kind].plural)}\n${table}`
  })
  host.out.write(tables.join('\n'))
}

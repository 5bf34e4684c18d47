import { type Paint, shortened, textWidth } from './paint.ts'

export interface TableOptions {
  /** Of the terminal; Infinity to cut nothing. */
  readonly width: number
  readonly paint: Paint
}

const GAP = '  '
/** A column that is narrowed keeps at least so much. The first is never narrowed: half a name helps nobody. */
const NARROWEST = 12

/**
 * Lines of a table, with a title for each column. Where the terminal is too narrow, the widest column gives way.
 * Columns that are empty in every row are left out.
 */
export function renderTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  const used = titles.map((_, column) => rows.length === 0 || rows.some((row) => (row[column] ?? '') !== ''))
  const keep = (cells: readonly string[]): string[] => titles.map((_, i) => cells[i] ?? '').filter((_, i) => used[i])
  const lines = [keep(titles).map((title) => options.paint.bold(title)), ...rows.map(keep)]
  const widths = columnWidths(lines, options.width)
  return lines.map((cells) => renderLine(cells, widths)).join('')
}

function columnWidths(lines: readonly (readonly string[])[], width: number): number[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((cells) => textWidth(cells[column] ?? ''))))
  const gaps = GAP.length * Math.max(0, widths.length - 1)
  for (;;) {
    const over = widths.reduce((sum, each) => sum + each, gaps) - width
    const widest = Math.max(...widths.slice(1))
    if (over <= 0 || widest <= NARROWEST) return widths
    widths[widths.lastIndexOf(widest)] = Math.max(NARROWEST, widest - over)
  }
}

function renderLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    const fitted = shortened(cell, width)
    return column === cells.length - 1 ? fitted : fitted + ' '.repeat(Math.max(0, width - textWidth(fitted)))
  })
  return `${padded.join(GAP).trimEnd()}\n`
}

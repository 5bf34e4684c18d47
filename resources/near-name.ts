/** The one of `names` that was probably meant by `typed`: at most 2 changes away (1 for a short one), case aside. */
export function nearName(typed: string, names: readonly string[]): string | undefined {
  const limit = typed.length <= 4 ? 1 : 2
  let best: { name: string; changes: number } | undefined
  for (const name of names) {
    const changes = distance(typed.toLowerCase(), name.toLowerCase())
    if (changes <= limit && (best === undefined || changes < best.changes)) best = { name, changes }
  }
  return best?.name
}

/** How many letters are to be added, removed, replaced or swapped with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  const width = b.length + 1
  const table = new Uint16Array((a.length + 1) * width)
  const at = (row: number, column: number): number => table[row * width + column] ?? 0
  for (let row = 0; row <= a.length; row++) {
    for (let column = 0; column <= b.length; column++) {
      let changes: number
      if (row === 0 || column === 0) {
        changes = row + column
      } else {
        const same = a[row - 1] === b[column - 1] ? 0 : 1
        changes = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + same)
        const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
        if (swapped) changes = Math.min(changes, at(row - 2, column - 2) + 1)
      }
      table[row * width + column] = changes
    }
  }
  return at(a.length, b.length)
}

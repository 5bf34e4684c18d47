/** Lists in parts: each part says behind what the next one begins, so that changes in between neither repeat nor leave out anything else. */

export interface PageRequest<Mark> {
  /** Begin behind this one; at the beginning if absent. */
  readonly after?: Mark | undefined
  /** How many at most. */
  readonly limit: number
}

export interface Page<T, Mark> {
  readonly entries: readonly T[]
  /** The `after` of the next part; absent when this was the last. */
  readonly next?: Mark
}

/** @param read the first so many entries behind the mark, in the list's order */
export function pageOf<T, Mark>(limit: number, read: (count: number) => readonly T[], markOf: (entry: T) => Mark) {
  const found = read(limit + 1)
  const entries = found.slice(0, limit)
  const last = entries.at(-1)
  const page: Page<T, Mark> = found.length > limit && last !== undefined ? { entries, next: markOf(last) } : { entries }
  return page
}

/** Where a machine reports itself, below the phone-home server's URL: it POSTs there, and asks below it. */
export function machineUrl(serverUrl: string, uid: string): string {
  return `${serverUrl}/machines/${uid}`
}

const PATH = /^\/machines\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/(join-wanted|left))?$/

export interface MachinePath {
  readonly uid: string
  readonly resource: 'report' | 'join-wanted' | 'left'
}

/** What a request's path means; null if nothing. */
export function parseMachinePath(path: string): MachinePath | null {
  const match = PATH.exec(path)
  if (match?.[1] === undefined) return null
  const below = match[2]
  return { uid: match[1], resource: below === 'join-wanted' || below === 'left' ? below : 'report' }
}

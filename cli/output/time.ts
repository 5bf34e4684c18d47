const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/** `3d4h`, `5m10s`, `12s`: the two largest units. Under a second is `0s`. */
export function duration(ms: number): string {
  let seconds = Math.max(0, Math.floor(ms / 1000))
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size)
    seconds -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0s' : parts.join('')
}

/** How long ago an ISO 8601 time was; empty if there is none. */
export function age(time: string | undefined, now: number): string {
  if (time === undefined) return ''
  const then = Date.parse(time)
  return Number.isNaN(then) ? time : duration(now - then)
}

/** `in 3d`, `5m ago`. */
export function relative(time: string | undefined, now: number): string {
  if (time === undefined) return ''
  const then = Date.parse(time)
  if (Number.isNaN(then)) return time
  return then > now ? `in ${duration(then - now)}` : `${duration(now - then)} ago`
}

/** `17:04:05` of the local day. */
export function clockTime(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? time : date.toTimeString().slice(0, 8)
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/

/** Milliseconds of `90s`, `10m`, `1h30m`, or of a plain number of seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const match = DURATION.exec(text)
  if (match === null || text === '') return undefined
  const [, hours = '0', minutes = '0', seconds = '0'] = match
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
}

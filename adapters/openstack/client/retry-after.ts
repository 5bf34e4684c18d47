/**
 * A Retry-After header, in either of its forms (RFC 9110, 10.2.3), as milliseconds from `now`; undefined if there is none
 * or it says nothing.
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // Only a date has letters: Date.parse would take `-1` or `1.5` for a year.
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

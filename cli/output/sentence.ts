/** With a full stop, unless it has an end. */
export function ended(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`
}

/** With a capital letter and an end. */
export function sentence(words: string): string {
  return ended(words.charAt(0).toUpperCase() + words.slice(1))
}

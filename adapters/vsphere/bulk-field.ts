import type { Rule } from './bulk-rule.ts'

/** Rules for elements that hold one value. */

/** @param set takes a copy of the text that stands for itself. */
export function ownText(set: (value: string) => void): Rule {
  return { text: (value) => set(kept(value)) }
}

/** For text that many have the same: hosts, datastores, types. They all get one copy. */
export function sharedText(set: (value: string) => void): Rule {
  return { text: (value) => set(shared(value)) }
}

export function count(set: (value: number) => void): Rule {
  return { text: (value) => set(Number(value)) }
}

export function flag(set: (value: boolean) => void): Rule {
  return { text: (value) => set(value === 'true' || value === '1') }
}

/**
 * V8 makes a long part of a string a view into the whole: without the copy, each name would keep all of the answer that it
 * came with.
 */
function kept(value: string): string {
  return value.length < 13 ? value : Buffer.from(value).toString()
}

const MAX_SHARED = 4096
const sharedValues = new Map<string, string>()

function shared(value: string): string {
  if (value.length < 13) return value
  const known = sharedValues.get(value)
  if (known !== undefined) return known
  const copy = kept(value)
  if (sharedValues.size < MAX_SHARED) sharedValues.set(copy, copy)
  return copy
}

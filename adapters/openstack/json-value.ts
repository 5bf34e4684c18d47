/** Reading answers that may be short of what they should have. Pure. */

export type JsonRecord = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Empty where there is none, or something else than a text. */
export function textAt(value: unknown, key: string): string {
  const found = isRecord(value) ? value[key] : undefined
  return typeof found === 'string' ? found : ''
}

export function numberAt(value: unknown, key: string): number | undefined {
  const found = isRecord(value) ? value[key] : undefined
  return typeof found === 'number' ? found : undefined
}

export function textsAt(value: unknown, key: string): readonly string[] {
  const found = isRecord(value) ? value[key] : undefined
  return Array.isArray(found) ? found.filter((each): each is string => typeof each === 'string') : []
}

export function recordsAt(value: unknown, key: string): readonly JsonRecord[] {
  const found = isRecord(value) ? value[key] : undefined
  return Array.isArray(found) ? found.filter(isRecord) : []
}

export function recordAt(value: unknown, key: string): JsonRecord {
  const found = isRecord(value) ? value[key] : undefined
  return isRecord(found) ? found : {}
}

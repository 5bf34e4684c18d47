/**
 * What vCenter answers, as plain values. node-soap gives elements whose type our WSDL leaves open (`xsd:anyType`) as text with
 * attributes; here their `xsi:type` decides. Readers below give `undefined` where something else stands than was asked for.
 */
import type { MoRef } from './moref.ts'

const NUMBERS = new Set(['int', 'long', 'short', 'byte', 'double', 'float'])
const TEXTS = new Set(['string', 'dateTime', 'anyURI', 'base64Binary'])

/** An element's fields; `xsiType` is the type that the element said it has. */
export interface VimObject {
  readonly xsiType?: string
  readonly [field: string]: unknown
}

export function decode(node: unknown): unknown {
  if (node === null || node === undefined) return undefined
  if (node instanceof Date) return node.toISOString()
  if (typeof node !== 'object') return node
  if (Array.isArray(node)) return node.map(decode)
  const { attributes, $value, ...children } = node as { attributes?: Record<string, string>; $value?: unknown }
  const type = xsiTypeOf(attributes)
  if (type?.startsWith('ArrayOf')) return Object.values(children).flatMap((child) => list(decode(child)))
  if (attributes?.type !== undefined && $value !== undefined) {
    return { type: attributes.type, value: String($value) } satisfies MoRef
  }
  if ($value !== undefined) return primitive(type, $value)
  if (type !== undefined && TEXTS.has(type)) return ''
  const fields = Object.fromEntries(Object.entries(children).map(([name, child]) => [name, decode(child)]))
  return type === undefined ? fields : { xsiType: type, ...fields }
}

function xsiTypeOf(attributes: Record<string, string> | undefined): string | undefined {
  const entry = Object.entries(attributes ?? {}).find(([name]) => name.endsWith(':type'))
  return entry?.[1].replace(/^.*:/, '')
}

function primitive(type: string | undefined, value: unknown): unknown {
  if (type !== undefined && NUMBERS.has(type)) return Number(value)
  if (type === 'boolean') return value === true || value === 'true' || value === '1'
  return value instanceof Date ? value.toISOString() : value
}

/** The field at the end of `path`. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

export function text(value: unknown, ...path: readonly string[]): string | undefined {
  const found = field(value, ...path)
  return typeof found === 'string' ? found : typeof found === 'number' ? String(found) : undefined
}

export function number(value: unknown, ...path: readonly string[]): number | undefined {
  const found = field(value, ...path)
  if (typeof found === 'number') return found
  return typeof found === 'string' && found !== '' && Number.isFinite(Number(found)) ? Number(found) : undefined
}

export function flag(value: unknown, ...path: readonly string[]): boolean | undefined {
  const found = field(value, ...path)
  if (typeof found === 'boolean') return found
  return found === 'true' ? true : found === 'false' ? false : undefined
}

export function ref(value: unknown, ...path: readonly string[]): MoRef | undefined {
  const found = field(value, ...path)
  const type = text(found, 'type')
  const id = text(found, 'value')
  return type === undefined || id === undefined ? undefined : { type, value: id }
}

/** An element that may stand once, often or not at all, as a list. */
export function list(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = field(value, ...path)
  if (found === undefined || found === null) return []
  return Array.isArray(found) ? found : [found]
}

/**
 * A streaming XML parser for vCenter's answers, made for one thing: to pass over what nobody asked for. Of an inventory
 * of 10,000 VMs, 74 MB and 1.86 million elements, two thirds are passed over by their brackets alone, without a string
 * made of them. Why not a general parser: docs/decisions/2026-11-22-inventory-parser.md has the figures.
 *
 * It reads XML 1.0 in UTF-8 without a document type, which SOAP 1.1 forbids (section 3). Elements are known by the local
 * part of their names.
 *
 * Invariants
 * 1. One character of `text` is one byte, wherever a chunk is cut; what is text becomes UTF-8 when its element ends.
 * 2. `#pending` begins with the first token that isn't whole yet; what came before is done with.
 * 3. `#passed` is how deep we are in an element without a rule; there, names and text don't matter.
 */
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Rule } from './bulk-rule.ts'
import { decodeText, literalText } from './bulk-text.ts'

const SLASH = 47
const BANG = 33
const QUESTION = 63
const GREATER = 62
const COLON = 58
const SPACE = 32

const INCOMPLETE = -1
/** A token longer than this is no element of vCenter's. */
const MAX_TOKEN = 1 << 20

interface Open {
  readonly name: string
  readonly rule: Rule
}

export class BulkParser {
  readonly #open: Open[]
  #rule: Rule
  #passed = 0
  #content = ''
  #begun = false
  #pending = Buffer.allocUnsafe(1 << 16)
  #pendingLength = 0

  constructor(root: Rule) {
    this.#rule = root
    this.#open = [{ name: '', rule: root }]
  }

  /** Throws if this can't be the next part of an XML document, or if a rule throws. */
  write(bytes: Uint8Array): void {
    const length = this.#pendingLength + bytes.length
    if (this.#pending.length < length) {
      const larger = Buffer.allocUnsafe(length * 2)
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    this.#pending.set(bytes, this.#pendingLength)
    const done = this.#read(this.#pending.toString('latin1', 0, length))
    this.#pendingLength = length - done
    if (this.#pendingLength > MAX_TOKEN) throw unreadable('one of its tags is over 1 MB')
    this.#pending.copyWithin(0, done, length)
  }

  /** Throws if the document isn't whole. */
  end(): void {
    if (this.#pendingLength > 0 || !this.#begun || !this.#atTop)
      throw unreadable('it ends before its last element does')
  }

  get #atTop(): boolean {
    return this.#open.length === 1 && this.#passed === 0
  }

  /** Reads whole tokens; gives where the first one begins that isn't whole. */
  #read(text: string): number {
    let at = 0
    for (;;) {
      const open = text.indexOf('<', at)
      const textEnd = open === -1 ? text.length : open
      if (this.#passed === 0 && textEnd > at) this.#text(text, at, textEnd)
      if (open === -1) return text.length
      const kind = text.charCodeAt(open + 1)
      if (kind === SLASH) at = this.#endTag(text, open)
      else if (kind === BANG || kind === QUESTION) at = this.#declaration(text, open)
      else at = this.#startTag(text, open)
      if (at === INCOMPLETE) return open
    }
  }

  #text(text: string, from: number, to: number): void {
    if (this.#rule.text !== undefined) this.#content += text.slice(from, to)
    else if (this.#open.length === 1 && text.slice(from, to).trim() !== '')
      throw unreadable('there is text outside of it')
  }

  #startTag(text: string, open: number): number {
    const end = tagEnd(text, open)
    if (end === INCOMPLETE) return INCOMPLETE
    const empty = text.charCodeAt(end - 1) === SLASH
    if (this.#passed === 0) this.#begin(text, open + 1, empty ? end - 1 : end)
    else this.#passed += 1
    if (empty) this.#end()
    return end + 1
  }

  /** @param end where the tag's `>` or `/>` stands. */
  #begin(text: string, start: number, end: number): void {
    if (this.#open.length === 1 && this.#begun) throw unreadable('it has two roots')
    this.#begun = true
    let from = start
    let to = start
    for (; to < end; to += 1) {
      const code = text.charCodeAt(to)
      if (code <= SPACE) break
      if (code === COLON) from = to + 1
    }
    const found = this.#rule.children?.find(text, from, to)
    let rule = found?.rule ?? this.#rule.others
    rule?.begin?.()
    if (rule?.choose !== undefined) rule = rule.choose(to === end ? '' : typeIn(text, to, end))
    if (rule === undefined) {
      this.#passed = 1
      return
    }
    this.#open.push({ name: found?.name ?? text.slice(from, to), rule })
    this.#rule = rule
    this.#content = ''
  }

  #endTag(text: string, open: number): number {
    const end = text.indexOf('>', open + 2)
    if (end === -1) return INCOMPLETE
    if (this.#passed === 0 && !endsWithName(text, open + 2, end, this.#open.at(-1)?.name ?? '')) {
      throw unreadable('its elements overlap')
    }
    this.#end()
    return end + 1
  }

  #end(): void {
    if (this.#passed > 0) {
      this.#passed -= 1
      return
    }
    const rule = this.#rule
    if (this.#open.length === 1) throw unreadable('an element ends that never began')
    rule.text?.(decodeText(this.#content))
    rule.end?.()
    this.#content = ''
    this.#open.pop()
    this.#rule = this.#open.at(-1)?.rule ?? rule
  }

  /** `<?xml …?>`, comments, CDATA. */
  #declaration(text: string, open: number): number {
    if (text.startsWith('<?', open)) return after(text, '?>', open + 2)
    if (text.startsWith('<!--', open)) return after(text, '-->', open + 4)
    if (text.startsWith('<![CDATA[', open)) {
      const end = after(text, ']]>', open + 9)
      const wanted = end !== INCOMPLETE && this.#passed === 0 && this.#rule.text !== undefined
      if (wanted) this.#content += literalText(text.slice(open + 9, end - 3))
      return end
    }
    if (text.length - open < 9) return INCOMPLETE
    throw unreadable('it has a document type')
  }
}

/** Where the tag's `>` is: the first that doesn't stand in an attribute's value. */
function tagEnd(text: string, open: number): number {
  let at = open + 1
  // Most tags are a name and nothing else. Past the end of the text the code is not a number, which ends the loop too.
  for (let code = text.charCodeAt(at); code > SPACE; code = text.charCodeAt(at)) {
    if (code === GREATER) return at
    at += 1
  }
  let end = text.indexOf('>', at)
  while (end !== -1) {
    const quote = quoteBetween(text, at, end)
    if (quote === -1) return end
    const close = text.indexOf(text.charAt(quote), quote + 1)
    if (close === -1) return INCOMPLETE
    if (close > end) end = text.indexOf('>', close + 1)
    at = close + 1
  }
  return INCOMPLETE
}

function quoteBetween(text: string, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 34 || code === 39) return at
  }
  return -1
}

const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

const MAX_KNOWN_TYPES = 1024
/** What a tag's attributes say of its type. A vCenter writes few that differ. */
const knownTypes = new Map<string, string>()

function typeIn(text: string, from: number, to: number): string {
  const attributes = text.slice(from, to)
  const known = knownTypes.get(attributes)
  if (known !== undefined) return known
  // A copy: a part of the chunk's text would keep all of it.
  const copy = Buffer.from(attributes, 'latin1').toString('latin1')
  const type = readType(copy)
  if (knownTypes.size < MAX_KNOWN_TYPES) knownTypes.set(copy, type)
  return type
}

/** `xsi:type` under whatever prefix, without the prefix of its value; a reference's plain `type` where there is none. */
function readType(attributes: string): string {
  let plain = ''
  for (const [, name = '', quoted, apostrophed] of attributes.matchAll(ATTRIBUTE)) {
    const value = quoted ?? apostrophed ?? ''
    if (name === 'type') plain = value
    else if (name.endsWith(':type')) return value.slice(value.indexOf(':') + 1)
  }
  return plain
}

/** Whether the name that stands from `from` to `to`, with or without a prefix, is `name`. */
function endsWithName(text: string, from: number, to: number, name: string): boolean {
  let end = to
  while (end > from && text.charCodeAt(end - 1) <= SPACE) end -= 1
  const start = end - name.length
  if (start < from || !text.startsWith(name, start)) return false
  return start === from || text.charCodeAt(start - 1) === COLON
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? INCOMPLETE : found + mark.length
}

function unreadable(why: string): PcgError {
  return new PcgError('interrupted', `vCenter's answer is no whole XML document: ${why}`)
}

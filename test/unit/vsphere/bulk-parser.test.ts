import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { describe, expect, it } from 'vitest'
import { BulkParser } from '../../../adapters/vsphere/bulk-parser.ts'
import { type Children, children, type Rule } from '../../../adapters/vsphere/bulk-rule.ts'

/** An element: its name, its type attribute, and either text or elements in it. */
interface Node {
  readonly name: string
  readonly type: string
  readonly content: string | readonly Node[]
}

const NAMES = ['a', 'bb', 'bc', 'objects', 'config.hardware', 'h_1']

const text = fc.string({ unit: fc.constantFrom(...'aZ09 <>&"\'é€😀\n\t]', 'ß', '中') })
const leaf = fc.record({
  name: fc.constantFrom(...NAMES),
  type: fc.constantFrom('', 'VirtualDisk', 'a>', "o'clock"),
  content: text,
})
const { tree } = fc.letrec<{ tree: Node; branch: Node }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, leaf, tie('branch')),
  branch: fc.record({
    name: fc.constantFrom(...NAMES),
    type: fc.constant(''),
    content: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
  }),
}))

type Style = 'escaped' | 'numeric' | 'cdata' | 'mixed'
const styles = fc.infiniteStream(fc.constantFrom<Style>('escaped', 'numeric', 'cdata', 'mixed'))

function write(node: Node, style: Iterator<Style>): string {
  const prefix = style.next().value === 'numeric' ? 'n:' : ''
  const quote = node.type.includes("'") ? '"' : "'"
  const type = node.type === '' ? '' : ` other="1>2" xsi:type = ${quote}xsd:${node.type}${quote}`
  const name = `${prefix}${node.name}`
  if (node.content === '') return `<${name}${type}/>`
  const inner =
    typeof node.content === 'string'
      ? writeText(node.content, style.next().value)
      : node.content.map((child) => `\n  ${write(child, style)}<!-- <no> -->`).join('')
  return `<${name}${type}>${inner}</${name}  >`
}

function writeText(content: string, style: Style): string {
  switch (style) {
    case 'cdata':
      return content.includes(']]>') ? writeText(content, 'escaped') : `<![CDATA[${content}]]>`
    case 'mixed': {
      const characters = [...content]
      const half = characters.splice(0, characters.length / 2)
      return writeText(half.join(''), 'escaped') + writeText(characters.join(''), 'cdata')
    }
    case 'numeric':
      return [...content].map((c) => `&#x${c.codePointAt(0)?.toString(16)};`).join('')
    case 'escaped':
      return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  }
}

type Draft = { name: string; type: string; content: string | Draft[] }

/** Parses with rules for every name, into the tree that was written. */
function read(parts: readonly Uint8Array[]): Draft {
  const top: Draft = { name: '', type: '', content: [] }
  const stack = [top]
  const rules: Record<string, Rule> = {}
  const lazily = { find: (...where: Parameters<Children['find']>) => children(rules).find(...where) } as Children
  for (const name of NAMES) {
    const rule: Rule = {
      children: lazily,
      text: (value) => {
        const node = stack.at(-1)
        if (node !== undefined && node.content.length === 0) node.content = value
      },
      end: () => stack.pop(),
    }
    rules[name] = {
      choose: (type) => {
        const node: Draft = { name, type, content: [] }
        const parent = stack.at(-1)
        if (Array.isArray(parent?.content)) parent.content.push(node)
        stack.push(node)
        return rule
      },
    }
  }
  const parser = new BulkParser({ children: lazily })
  for (const part of parts) parser.write(part)
  parser.end()
  const root = top.content[0]
  if (typeof root !== 'object') throw new Error('nothing was read')
  return root
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.slice(from, at[index] ?? bytes.length))
}

describe('the streaming parser', () => {
  it('reads what was written, wherever it is cut', () => {
    const places = fc.array(fc.nat(), { maxLength: 30 })
    fc.assert(
      fc.property(tree, styles, places, (node, style, cuts) => {
        const document = `<?xml version="1.0" encoding="UTF-8"?>\n${write(node, style)}\n`
        expect(read(cut(Buffer.from(document), cuts))).toEqual(node)
      }),
      { numRuns: 300 },
    )
  })

  it('reads byte by byte', () => {
    const node = { name: 'a', type: 'x', content: [{ name: 'bb', type: '', content: 'Zürich €😀 & <more>' }] }
    const bytes = Buffer.from(write(node, escapedOnly()))
    expect(read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(node)
  })

  it('agrees with a general parser on what it passes over', () => {
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 6 }), styles, (nodes, style) => {
        const document = `<root>${nodes.map((node) => write(node, style)).join('')}<last>end</last></root>`
        expect(lastByOurs(document)).toBe(lastBySaxes(document))
      }),
      { numRuns: 100 },
    )
  })

  it.each([
    ['ends early', '<a><bb>x</bb>'],
    ['ends within a tag', '<a><bb'],
    ['ends within a comment', '<a></a><!-- '],
    ['is empty', ''],
    ['has overlapping elements', '<a><bb>x</a></bb>'],
    ['ends what never began', '</a>'],
    ['has two roots', '<a/><a/>'],
    ['has text outside', '<a/>text'],
    ['has a document type', '<!DOCTYPE a><a/>'],
    ['has an unknown reference', '<a>&nbsp;</a>'],
    ['has an open reference', '<a>&amp</a>'],
    ['has a reference beyond Unicode', '<a>&#x110000;</a>'],
  ])('refuses a document that %s', (_, document) => {
    expect(() => read([Buffer.from(document)])).toThrow(expect.objectContaining({ code: 'interrupted' }))
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(() => read([Buffer.from('<a>\xff</a>', 'latin1')])).toThrow('UTF-8')
  })

  it('reads line ends as one newline', () => {
    expect(read([Buffer.from('<a>1\r\n2\r3&#xD;</a>')])).toMatchObject({ content: '1\n2\n3\r' })
  })
})

function lastByOurs(document: string): string {
  let last = ''
  const rule: Rule = {
    text: (value) => {
      last = value
    },
  }
  const parser = new BulkParser({ children: children({ root: { children: children({ last: rule }) } }) })
  parser.write(Buffer.from(document))
  parser.end()
  return last
}

/** The text of the root's last child; throws if the document isn't well-formed. */
function lastBySaxes(document: string): string {
  const parser = new SaxesParser()
  let last = ''
  parser.on('text', (value) => {
    last = value
  })
  parser.on('error', (error) => {
    throw error
  })
  parser.write(document).close()
  return last
}

function* escapedOnly(): Generator<Style> {
  for (;;) yield 'escaped'
}

import { PcgError } from '../../runtime/pcg-error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BEYOND_ASCII = /[\u0080-\u00ff]/

/**
 * Text as XML means it: bytes as UTF-8, line ends as one newline (XML 1.0, 2.11), references resolved (4.1).
 * @param raw one character for each byte.
 */
export function decodeText(raw: string): string {
  let text = BEYOND_ASCII.test(raw) ? decodeUtf8(raw) : raw
  if (text.includes('\r')) text = text.replaceAll(/\r\n?/g, '\n')
  return text.includes('&') ? text.replaceAll(/&([^;&]*);?/g, resolve) : text
}

/** What stands in a CDATA section, so that decodeText gives it back. */
export function literalText(raw: string): string {
  return raw.replaceAll('&', '&amp;')
}

function decodeUtf8(raw: string): string {
  try {
    return utf8.decode(Buffer.from(raw, 'latin1'))
  } catch (cause) {
    throw new PcgError('interrupted', "vCenter's answer is not UTF-8", { cause })
  }
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])

function resolve(reference: string, name: string): string {
  const named = NAMED.get(name)
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name) ?? []
  const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16)
  if (!reference.endsWith(';') || (named === undefined && !(code <= 0x10ffff))) {
    throw new PcgError('interrupted', `vCenter's answer has the unknown reference ${reference}`)
  }
  return named ?? String.fromCodePoint(code)
}

import { posix } from 'node:path'

/** Which of our own files a part may import beside its own, resources/ and runtime/: folders end in `/`. */
interface Part {
  /** Its folder, or a file that has rules of its own; the first that fits counts. */
  readonly of: string
  readonly may: readonly string[]
  readonly because: string
}

const PARTS: readonly Part[] = [
  { of: 'runtime/', may: [], because: 'runtime is below everything' },
  { of: 'resources/', may: ['runtime/'], because: 'resources are below everything but runtime' },
  { of: 'tunnel/', may: [], because: 'the tunnel knows neither of its ends' },
  { of: 'adapters/adapter.ts', may: [], because: 'the adapter contract knows no cloud' },
  {
    of: 'gateway/compose.ts',
    may: ['adapters/', 'tunnel/'],
    because: 'the gateway is wired of adapters and the tunnel',
  },
  {
    of: 'gateway/',
    may: ['adapters/adapter.ts', 'tunnel/'],
    because: 'the gateway knows clouds by adapters/adapter.ts only; gateway/compose.ts alone names them',
  },
  { of: 'broker/', may: ['tunnel/'], because: 'the broker knows the gateway by the tunnel only' },
  {
    of: 'cli/quickstart/simulated-',
    may: ['cli/', 'test/peers/'],
    because: 'the quickstart shows each cloud by the peer that the tests use',
  },
  {
    of: 'cli/',
    may: ['gateway/compose.ts', 'broker/compose.ts'],
    because: 'the CLI starts a process by its composition root, and speaks to it by its API',
  },
]

/** Beside these, package.json tells everybody the product's version. */
const EVERYONE = ['resources/', 'runtime/', 'package.json']

/** @param file our path, e.g. `adapters/vsphere/session.ts`; @param imported what it imports, by our path too. */
export function brokenRule(file: string, imported: string): string | null {
  const part = partOf(file)
  if (part === null) return null
  const below = part.of === 'runtime/' ? [] : EVERYONE
  const allowed = [folderOf(part.of), ...below, ...part.may]
  if (allowed.some((place) => imported.startsWith(place))) return null
  return `${file} imports ${imported}: ${part.because}`
}

function partOf(file: string): Part | null {
  const known = PARTS.find((part) => file.startsWith(part.of))
  if (known !== undefined) return known
  const cloud = /^adapters\/[^/]+\//.exec(file)?.[0]
  if (cloud === undefined) return null
  return {
    of: cloud,
    may: ['adapters/adapter.ts'],
    because: 'an adapter knows no other adapter, nor the gateway, the broker or the tunnel',
  }
}

/** A file with rules of its own still belongs to its folder. */
function folderOf(place: string): string {
  if (place.endsWith('/')) return place
  return place === 'adapters/adapter.ts' ? place : `${posix.dirname(place)}/`
}

/** The relative imports and re-exports of a source text, type-only ones too, as paths of the repository. */
export function importsOf(file: string, source: string): string[] {
  const code = withoutComments(source)
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\1/g
  const found = [...code.matchAll(pattern)].map((match) => match[2] ?? '')
  return found.map((specifier) => posix.join(posix.dirname(file), specifier))
}

/** Comments may show imports and name what code may not. Strings are kept as they are. */
export function withoutComments(source: string): string {
  const pattern = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g
  return source.replace(pattern, (token) => (token.startsWith('/*') || token.startsWith('//') ? ' ' : token))
}

const FORBIDDEN_NAMES = new Set(['index', 'util', 'utils', 'helper', 'helpers', 'common', 'misc', 'lib'])

/** What is wrong with a file's name: kebab-case nouns, no drawers. */
export function brokenName(file: string): string | null {
  const name = posix.basename(file)
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|config|d))?\.ts$/.test(name)) return `${file} is not named in kebab-case`
  const stem = name.split('.')[0] ?? ''
  const drawer = [stem, ...posix.dirname(file).split('/')].find((part) => FORBIDDEN_NAMES.has(part))
  return drawer === undefined ? null : `${file}: "${drawer}" says nothing of what is in it`
}

/** A barrel passes on what others export; whoever needs it imports it from where it is made. */
export function isBarrel(source: string): boolean {
  const code = withoutComments(source).trim()
  if (/^export\s*\*/m.test(code)) return true
  const rest = code.replaceAll(/\b(?:export|import)\s+(?:type\s+)?\{[^}]*\}(?:\s*from\s*['"][^'"]+['"])?;?/g, '')
  return rest.trim() === '' && /\bexport\b/.test(code)
}

const PROCESS_WIDE = /\bprocess\.(argv|env|exit|exitCode|on|once|chdir|umask)\b/

/** What of the process as a whole the code touches, e.g. `process.env`, or null. */
export function processWideUse(source: string): string | null {
  return PROCESS_WIDE.exec(withoutComments(source))?.[0] ?? null
}

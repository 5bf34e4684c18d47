import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../../cli/program.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import { pcgCommandsIn, problemOf } from '../cli/command-lines.ts'
import { testHost } from '../cli/test-host.ts'
import { codeIn, headingsIn, linksIn, messageCommandsIn } from './document-parts.ts'

const REPOSITORY = resolve(import.meta.dirname, '../../..')
const DOCUMENTS = globSync(['*.md', 'docs/**/*.md', 'test/*.md', 'test/bench/*.md', 'examples/**/*.yaml'], {
  cwd: REPOSITORY,
}).toSorted()
/** Decisions tell of their day, and of what is still to come. */
const OF_TODAY = DOCUMENTS.filter((file) => !file.startsWith('docs/decisions/'))
const SOURCES = globSync('{adapters,broker,cli,gateway,resources,runtime,tunnel}/**/*.ts', { cwd: REPOSITORY })
const AT_THE_TOP = readdirSync(REPOSITORY)

const program = buildProgram(testHost())
const scripts: Readonly<Record<string, string>> = packageJson.scripts

function read(file: string): string {
  return readFileSync(join(REPOSITORY, file), 'utf8')
}

/** Whether a document may name it so: from the repository's root, or from its own folder. */
function isThere(path: string, document: string): boolean {
  return [REPOSITORY, join(REPOSITORY, dirname(document))].some((folder) => existsSync(join(folder, path)))
}

/** What a document says of files: only such as begin in a folder of the repository, or are documents. */
function pathsIn(code: string, document: string): string[] {
  const beside = readdirSync(join(REPOSITORY, dirname(document)))
  return code.split(/[\s"']+/).filter((word) => {
    if (!/^[\w.-]+(\/[\w.-]+)*\/?$/.test(word)) return false
    const [first = ''] = word.split('/')
    return word.includes('/') ? [...AT_THE_TOP, ...beside].includes(first) : /^[A-Z]+\.md$/.test(word)
  })
}

describe('the documents', () => {
  it('are found', () => {
    expect(DOCUMENTS).toEqual(
      expect.arrayContaining(['README.md', 'docs/operations.md', 'examples/vsphere/account.yaml']),
    )
  })

  it.each(OF_TODAY)('%s names only commands, options and scripts that there are', (file) => {
    const code = codeIn(file, read(file))
    const wrong = code.flatMap(pcgCommandsIn).map((words) => problemOf(program, words))
    expect(wrong.filter((problem) => problem !== undefined)).toEqual([])
    const run = code.flatMap((line) => [...line.matchAll(/\bnpm (?:run )?([a-z:]+)/g)].map(([, name = '']) => name))
    expect(run.filter((name) => name !== 'ci' && !(name in scripts))).toEqual([])
  })

  it.each(OF_TODAY)('%s names only files that there are', (file) => {
    const paths = codeIn(file, read(file)).flatMap((code) => pathsIn(code, file))
    expect(paths.filter((path) => !isThere(path, file))).toEqual([])
  })

  it.each(DOCUMENTS)('%s links only to what is there', (file) => {
    const broken = linksIn(read(file)).filter((link) => {
      const [path = '', heading] = link.split('#')
      const target = join(dirname(file), path === '' ? (file.split('/').at(-1) ?? '') : path)
      if (!existsSync(join(REPOSITORY, target))) return true
      return heading !== undefined && !headingsIn(read(target)).includes(heading)
    })
    expect(broken).toEqual([])
  })
})

describe('what the product says', () => {
  it('names only commands and options that there are', () => {
    const lines = SOURCES.flatMap((file) => messageCommandsIn(read(file)).map((line) => ({ file, line })))
    expect(lines.length).toBeGreaterThan(20)
    const wrong = lines.flatMap(({ file, line }) =>
      pcgCommandsIn(line).flatMap((words) => {
        const problem = problemOf(program, words)
        return problem === undefined ? [] : [`${file}: ${problem}`]
      }),
    )
    expect(wrong).toEqual([])
  })
})

describe('the checks themselves', () => {
  it.each([
    ['pcg gett clusters', 'pcg has no command gett'],
    ['npx pcg get clusters --colour', 'pcg get has no option --colour'],
    ['X=1 pcg get clusters extra more # comment', 'pcg get takes 2 arguments'],
    ['cat a | pcg apply -f', '-f of pcg apply wants a value'],
    ['pcg keys create ci --role viewer > key && pcg keys make', 'pcg keys has no command make'],
  ])('find what is wrong in: %s', (line, words) => {
    const problems = pcgCommandsIn(line).flatMap((command) => problemOf(program, command) ?? [])
    expect(problems).toEqual([expect.stringContaining(words)])
  })

  it.each(['pcg COMMAND --help', 'pcg describe machine …', 'not pcg at all', 'echo pcg nothing'])(
    'pass over: %s',
    (line) => {
      expect(pcgCommandsIn(line).flatMap((command) => problemOf(program, command) ?? [])).toEqual([])
    },
  )

  it('read code in its fences, indents and backticks, and in the comments of examples', () => {
    const text = 'see `a\nb`\n\n```sh\nc --d\n```\n\n    e f\n\n- item\n    not `g`\n'
    expect(codeIn('x.md', text)).toEqual(['c --d', 'e f', 'a b', 'g'])
    expect(codeIn('x.yaml', '# make it with\n#   pcg get all\nkind: X # `h`\n')).toEqual(['pcg get all', 'h'])
  })

  it('read links and headings as GitHub does', () => {
    expect(linksIn('[a](b.md#c) ![d](e.svg) [f](https://g) `[h](i)`')).toEqual(['b.md#c', 'e.svg'])
    expect(headingsIn('# Use it, on *your* own\n## `pcg get`\n')).toEqual(['use-it-on-your-own', 'pcg-get'])
  })
})

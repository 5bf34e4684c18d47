import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { brokenName, brokenRule, importsOf, isBarrel, processWideUse } from './import-rules.ts'

const REPOSITORY = resolve(import.meta.dirname, '../../..')
const PRODUCT = ['adapters', 'broker', 'cli', 'gateway', 'ova', 'resources', 'runtime', 'tunnel']
const MAX_LINES = 400
/** The only file that sees arguments, environment, signals and exit. */
const MAIN = 'cli/main.ts'

const files = [...PRODUCT, 'test'].flatMap(sourcesBelow)
const product = files.filter((file) => !file.startsWith('test/'))

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('tunnel/gen/'))
}

function read(file: string): string {
  return readFileSync(join(REPOSITORY, file), 'utf8')
}

describe('the structure of the code', () => {
  it('lets each part import only what it may know', () => {
    const broken = product.flatMap((file) => importsOf(file, read(file)).map((imported) => brokenRule(file, imported)))
    expect(broken.filter((rule) => rule !== null)).toEqual([])
  })

  it(`keeps every file within ${MAX_LINES} lines`, () => {
    const lengths = files.map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
    expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([])
  })

  it('names files in kebab-case, after what is in them', () => {
    expect(files.map(brokenName).filter((rule) => rule !== null)).toEqual([])
  })

  it('has no barrels', () => {
    expect(files.filter((file) => isBarrel(read(file)))).toEqual([])
  })

  it(`leaves arguments, environment, signals and exit to ${MAIN}`, () => {
    const uses = product.filter((file) => file !== MAIN).map((file) => ({ file, uses: processWideUse(read(file)) }))
    expect(uses.filter((found) => found.uses !== null)).toEqual([])
  })
})

describe('the rules themselves', () => {
  it.each([
    ['gateway/reconciler.ts', 'adapters/vsphere/session.ts'],
    ['gateway/reconciler.ts', 'broker/compose.ts'],
    ['adapters/vsphere/plan.ts', 'adapters/sandbox/plan.ts'],
    ['adapters/vsphere/plan.ts', 'gateway/journal.ts'],
    ['adapters/sandbox/guest.ts', 'tunnel/identity.ts'],
    ['adapters/adapter.ts', 'adapters/vsphere/plan.ts'],
    ['tunnel/link.ts', 'gateway/inbox.ts'],
    ['broker/routing.ts', 'gateway/compose.ts'],
    ['cli/apply.ts', 'broker/store/tenants.ts'],
    ['resources/cluster.ts', 'gateway/ledger.ts'],
    ['runtime/log.ts', 'resources/cluster.ts'],
  ])('refuse that %s imports %s', (file, imported) => {
    expect(brokenRule(file, imported)).toContain(`${file} imports ${imported}: `)
  })

  it.each([
    ['gateway/compose.ts', 'adapters/vsphere/vsphere-adapter.ts'],
    ['gateway/compose.ts', 'gateway/journal.ts'],
    ['gateway/reconciler.ts', 'adapters/adapter.ts'],
    ['gateway/reconciler.ts', 'resources/cluster.ts'],
    ['adapters/vsphere/plan.ts', 'adapters/vsphere/bulk.ts'],
    ['adapters/vsphere/plan.ts', 'adapters/adapter.ts'],
    ['broker/routing.ts', 'tunnel/endpoint-ports.ts'],
    ['cli/quickstart.ts', 'gateway/compose.ts'],
  ])('allow that %s imports %s', (file, imported) => {
    expect(brokenRule(file, imported)).toBeNull()
  })

  it('see every kind of import, and none in a comment', () => {
    const source = `import type { A } from '../adapter.ts'
      import '../side/effect.ts'
      export { b } from "./b.ts" // import './no.ts'
      /* import './never.ts' */
      const c = await import('./c.ts'); import d from 'package'`
    expect(importsOf('adapters/x/a.ts', source)).toEqual([
      'adapters/adapter.ts',
      'adapters/side/effect.ts',
      'adapters/x/b.ts',
      'adapters/x/c.ts',
    ])
  })

  it('know a barrel from a file that makes something', () => {
    expect(isBarrel(`export * from './a.ts'`)).toBe(true)
    expect(isBarrel(`import { a } from './a.ts'\nexport { a }\nexport { b } from './b.ts'`)).toBe(true)
    expect(isBarrel(`import { a } from './a.ts'\nexport const b = a`)).toBe(false)
  })

  it('refuse drawers and other cases', () => {
    expect(brokenName('gateway/utils.ts')).toContain('utils')
    expect(brokenName('gateway/lib/x.ts')).toContain('lib')
    expect(brokenName('gateway/StepRunner.ts')).toContain('kebab-case')
    expect(brokenName('gateway/step-runner.test.ts')).toBeNull()
  })

  it('see what is process-wide, but not its name in words', () => {
    expect(processWideUse('const home = process.env.HOME')).toBe('process.env')
    expect(processWideUse('// process.env is for main\nprocess.hrtime()')).toBeNull()
  })
})

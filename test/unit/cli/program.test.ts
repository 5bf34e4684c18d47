import { describe, expect, it } from 'vitest'
import { EXIT_CODE_HELP, exitCodeOf } from '../../../cli/exit-code.ts'
import { buildProgram, commandsOf } from '../../../cli/program.ts'
import { pathOf, pcgCommandsIn, problemOf } from './command-lines.ts'
import { pcg, testHost } from './test-host.ts'

const program = buildProgram(testHost())
const commands = commandsOf(program).map((command) => [pathOf(command), command] as const)

describe('the command tree', () => {
  it('has every command of the product', () => {
    expect(program.commands.map((command) => command.name()).filter((name) => !name.startsWith('__'))).toEqual(
      'quickstart broker gateway enroll revoke apply plan delete secret account get describe watch events inventory verify ledger keys sandbox completion version'.split(
        ' ',
      ),
    )
  })

  it.each(commands)('%s says what it does, and has examples that are command lines of it', (path, command) => {
    expect(command.description()).not.toBe('')
    expect(command.examples.length).toBeGreaterThan(0)
    for (const { line, meaning } of command.examples) {
      expect(meaning).not.toBe('')
      expect(line).toContain(command === program ? 'pcg ' : path)
    }
  })

  it.each(commands)('%s would understand its examples', (_, command) => {
    for (const { line } of command.examples) {
      const found = pcgCommandsIn(line)
      expect(found.length, line).toBeGreaterThan(0)
      expect(found.map((words) => problemOf(program, words)).filter((problem) => problem !== undefined)).toEqual([])
    }
  })

  it.each(commands)('%s shows each default as it would be typed', (_, command) => {
    for (const option of command.options) {
      const { defaultValue, defaultValueDescription, flags } = option
      const shown = defaultValueDescription ?? defaultValue
      expect(['undefined', 'string', flags.includes('<count>') ? 'number' : 'string'], flags).toContain(typeof shown)
      if (option.parseArg !== undefined && typeof shown === 'string')
        expect(option.parseArg(shown, undefined), flags).toEqual(defaultValue)
    }
  })

  it.each(commands.filter(([path]) => !path.includes('__')))('%s --help shows them, and ends with 0', async (path) => {
    const { code, stdout } = await pcg([...path.split(' ').slice(1), '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('Examples:')
  })
})

describe('wrong usage ends with 2, says what is wrong, and where help is', () => {
  it.each([
    [['gett'], "unknown command 'gett'", 'Did you mean get?'],
    [['get'], "missing required argument 'kind'", '`pcg get --help`'],
    [['get', 'clusters', '--outptu', 'json'], "unknown option '--outptu'", 'Did you mean --output?'],
    [['get', 'clusters', '-o', 'xml'], "argument 'xml' is invalid", '`pcg get --help`'],
    [['apply'], "required option '-f, --filename <file>' not specified", '`pcg apply --help`'],
    [
      ['keys', 'create', 'x', '--role', 'root'],
      'Allowed choices are viewer, operator, admin',
      '`pcg keys create --help`',
    ],
    [['watch', '--timeout', 'soon'], 'like 90s, 10m or 1h30m', '`pcg watch --help`'],
    [['events', '-n', '0'], 'a whole number, 1 or more', '`pcg events --help`'],
    [['broker', '--api', 'everywhere'], 'like 127.0.0.1:8443', '`pcg broker --help`'],
    [['get', 'clutser'], 'clutser: there is no such kind of resource', 'Did you mean cluster?'],
    [['describe', 'cluster'], 'which of the clusters? The name is missing', '`pcg get clusters` lists them'],
    [['delete', 'machine', 'demo-1'], "a machine can't be deleted by itself", 'Lower the count of its pool'],
    [['gateway', '--token', 'pcg1.secret'], "unknown option '--token'", '`pcg gateway --help`'],
    [['gateway', '--advertise', 'https://10.0.0.5:8080'], 'like 10.0.0.5', '`pcg gateway --help`'],
    [['gateway', '--log-level', 'loud'], 'Allowed choices are trace, debug', '`pcg gateway --help`'],
    [['gateway', '--token-file', '-', '--supervised'], "can't both have stdin", 'PCG_JOIN_TOKEN'],
    [['gateway', '--token-file', '-'], 'stdin: there is no token in it', '`pcg enroll GATEWAY` makes one'],
    [['sandbox', 'resize', 'demo-1', '0'], 'a whole number, 1 or more', '`pcg sandbox resize --help`'],
    [['completion', 'fish'], 'Allowed choices are bash, zsh', '`pcg completion --help`'],
  ])('%j', async (args, what, remedy) => {
    const { code, stdout, stderr } = await pcg(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^pcg: /)
    expect(stderr).toContain(what)
    expect(stderr).toContain(remedy)
    expect(stderr).not.toContain('    at ')
  })

  it('a group without one of its commands shows them', async () => {
    const { code, stderr } = await pcg(['keys'])
    expect(code).toBe(2)
    expect(stderr).toContain('create [options] <name>')
  })
})

describe('exit codes', () => {
  it.each([
    ['invalid', 2],
    ['not-found', 3],
    ['unauthenticated', 4],
    ['denied', 4],
    ['credentials', 4],
    ['unavailable', 5],
    ['interrupted', 5],
    ['throttled', 5],
    ['timeout', 6],
    ['conflict', 7],
    ['cancelled', 130],
    ['capacity', 1],
    ['internal', 1],
  ] as const)('%s is %i', (code, exit) => {
    expect(exitCodeOf(code)).toBe(exit)
  })

  it('are all in the help', async () => {
    const { stdout } = await pcg(['--help'])
    for (const [code, meaning] of EXIT_CODE_HELP) expect(stdout).toMatch(new RegExp(`${code} +${meaning}`))
  })
})

describe('the small commands', () => {
  it('pcg without anything shows the help', async () => {
    expect((await pcg([])).stdout).toContain('Usage: pcg COMMAND')
  })

  it('version, for people and programs', async () => {
    expect((await pcg(['version'])).stdout).toMatch(/^pcg 1\.2\.3 \(Node\.js /)
    expect(JSON.parse((await pcg(['version', '-o', 'json'])).stdout)).toMatchObject({ version: '1.2.3' })
    expect((await pcg(['-o', 'yaml', 'version'])).stdout).toMatch(/^version: 1\.2\.3$/m)
  })
})

import { describe, expect, it } from 'vitest'
import { errorText } from '../../../cli/output/error-text.ts'
import { paintFor, printable, textWidth } from '../../../cli/output/paint.ts'
import { planText } from '../../../cli/output/plan-text.ts'
import { clusterChange, machineChange, machineShare } from '../../../cli/output/progress.ts'
import { renderTable } from '../../../cli/output/table.ts'
import { duration, parseDuration, relative } from '../../../cli/output/time.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { clusterItem, machineItem } from './samples.ts'
import { testHost } from './test-host.ts'

const plain = paintFor({ colour: false })
const coloured = paintFor({ colour: true })

describe('a table', () => {
  it('aligns its columns, and leaves out those that are empty', () => {
    const text = renderTable(
      ['NAME', 'EMPTY', 'PHASE'],
      [
        ['a', '', 'Ready'],
        ['longer', '', 'Failed'],
      ],
      {
        width: Number.POSITIVE_INFINITY,
        paint: plain,
      },
    )
    expect(text).toBe('NAME    PHASE\na       Ready\nlonger  Failed\n')
  })

  it('stays aligned with colours', () => {
    const rows = [
      [coloured.red('Failed'), 'x'],
      [coloured.green('Ok'), 'y'],
    ]
    const lines = renderTable(['PHASE', 'B'], rows, { width: 80, paint: coloured }).trimEnd().split('\n')
    expect(lines.map((line) => textWidth(line))).toEqual([9, 9, 9])
  })

  it('narrows its widest column for a narrow terminal, and no other', () => {
    const text = renderTable(['NAME', 'MESSAGE'], [['demo', 'm'.repeat(100)]], { width: 40, paint: plain })
    const [, row = ''] = text.split('\n')
    expect(row).toMatch(/^demo {2}m+…$/)
    expect(textWidth(row)).toBe(40)
  })

  it('never cuts names, however narrow the terminal is', () => {
    const name = 'demo-control-plane-abcde'
    const text = renderTable(['NAME', 'MESSAGE'], [[name, 'm'.repeat(100)]], { width: 20, paint: plain })
    expect(text).toContain(`\n${name}  mmmmmmmmmmm…\n`)
  })

  it('cuts nothing where no terminal is', () => {
    const text = renderTable(['MESSAGE'], [['m'.repeat(500)]], { width: Number.POSITIVE_INFINITY, paint: plain })
    expect(text).toContain('m'.repeat(500))
  })
})

describe('times', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [12_000, '12s'],
    [310_000, '5m10s'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [273_600_000, '3d4h'],
  ])('%i ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })

  it.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['', undefined],
    ['soon', undefined],
    ['-5s', undefined],
  ])('%j is read as %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it('are relative in both directions', () => {
    expect(relative('2026-01-01T00:01:00Z', Date.parse('2026-01-01T00:00:00Z'))).toBe('in 1m')
    expect(relative('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:01:00Z'))).toBe('1m ago')
  })
})

describe('an error', () => {
  const { err } = testHost()

  it('is what, which and what to do, without a stack', () => {
    const error = new PcgError('conflict', 'is used', {
      subject: 'profile debian',
      details: [{ subject: 'cluster demo', message: 'uses it', remedy: 'Delete it first.' }],
      remedy: 'Then try again.',
    })
    expect(errorText(error, err, false)).toBe(
      'pcg: profile debian: is used\n  cluster demo: uses it. Delete it first.\nThen try again.\n',
    )
  })

  it('has its stack and cause with PCG_DEBUG', () => {
    const text = errorText(PcgError.from(new Error('socket hang up'), 'asking'), err, true)
    expect(text).toContain('    at ')
    expect(text).toContain('[cause]')
  })

  it('can not move the cursor, whatever a cloud said', () => {
    const text = errorText(new PcgError('internal', 'bad\x1b[2J\r\nname'), err, false)
    expect(text).toBe('pcg: bad [2J name\n')
    expect(printable('a\u0000b')).toBe('a b')
  })
})

describe('progress', () => {
  it('moves forward with a machine', () => {
    const shares = [
      machineItem('m', 'Pending'),
      machineItem('m', 'Provisioning', 'clone', 0),
      machineItem('m', 'Provisioning', 'clone', 0.9),
      machineItem('m', 'Booting'),
      machineItem('m', 'Ready'),
    ].map((machine) => machineShare(machine.status))
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })

  it('is a line for a new phase or stage, and none for a percentage', () => {
    const half = machineItem('m', 'Provisioning', 'clone from debian', 0.5)
    expect(machineChange(undefined, half)).toBe('m Provisioning: clone from debian')
    expect(machineChange(half, machineItem('m', 'Provisioning', 'clone from debian', 0.6))).toBeUndefined()
    expect(machineChange(half, machineItem('m', 'Provisioning', 'power on'))).toBe('m Provisioning: power on')
    expect(machineChange(half, machineItem('m', 'Ready'))).toBe('m Ready: 10.0.0.7')
  })

  it('of a cluster counts its machines, and says why it is not ready', () => {
    const waiting = clusterItem({ phase: 'Provisioning', ready: 0, message: 'waits for machines' })
    expect(clusterChange(undefined, waiting)).toBe('demo Provisioning 0/1 ready: waits for machines')
    expect(clusterChange(waiting, waiting)).toBeUndefined()
    expect(clusterChange(waiting, clusterItem())).toBe('demo Ready 1/1 ready')
  })
})

describe('a plan', () => {
  const { out } = testHost()

  it('lists what would be done, each step, and counts', () => {
    const text = planText(
      {
        entries: [
          {
            action: 'create',
            kind: 'Machine',
            name: 'm-1',
            reason: 'the pool has 0 of 1',
            steps: ['clone', 'power on'],
          },
          { action: 'delete', kind: 'Machine', name: 'm-0', reason: 'the pool has one too many', steps: ['destroy'] },
        ],
        findings: [
          { severity: 'ok', subject: 'account', message: 'well' },
          { severity: 'error', subject: 'datastore ds', message: 'is full', remedy: 'Free 20 GiB.' },
        ],
      },
      out,
    )
    expect(text).toBe(
      `+ create machine m-1  the pool has 0 of 1
    1. clone
    2. power on
- delete machine m-0  the pool has one too many
    1. destroy

1 to create, 1 to delete.

Checks
  error    datastore ds: is full. Free 20 GiB.
`,
    )
  })

  it('says so if nothing would be done', () => {
    expect(planText({ entries: [], findings: [] }, out)).toBe('Nothing would be done: all is as described.\n')
  })
})

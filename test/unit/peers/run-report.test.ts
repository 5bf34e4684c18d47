import { describe, expect, it } from 'vitest'
import { title } from '../../peers/peer.ts'
import { closingLines, type VitestReport } from '../../run-report.ts'

const MISSING = { available: false, reason: 'no sudo' } as const
const test = (fullName: string, status: string) => ({ fullName, status })

function reportOf(...testResults: VitestReport['testResults']): VitestReport {
  return { testResults }
}

describe('what npm test says at its end', () => {
  it('counts every test, whatever file it stands in', () => {
    const report = reportOf(
      { name: '/r/a.test.ts', status: 'passed', assertionResults: [test('a', 'passed'), test('b', 'skipped')] },
      { name: '/r/b.test.ts', status: 'failed', assertionResults: [test('c', 'failed'), test('d', 'passed')] },
    )
    expect(closingLines(report, {}, '/r')).toEqual(['2 passed, 1 failed, 1 skipped'])
  })

  it('counts a file that could not be run as a failure', () => {
    const report = reportOf({ name: '/r/a.test.ts', status: 'failed', assertionResults: [] })
    expect(closingLines(report, {}, '/r')).toEqual(['0 passed, 1 failed, 0 skipped'])
  })

  it('names each missing peer, why it is missing, and the files that went without', () => {
    const suite = title('clones', { name: 'vcsim', ...MISSING })
    const report = reportOf(
      { name: '/r/test/e2e/a.test.ts', status: 'passed', assertionResults: [test(`${suite} a template`, 'skipped')] },
      { name: '/r/test/unit/b.test.ts', status: 'passed', assertionResults: [test('b', 'passed')] },
    )
    expect(closingLines(report, { vcsim: MISSING, 'cloud-init': { available: true } }, '/r')).toEqual([
      'skipped: vcsim: no sudo (test/e2e/a.test.ts)',
      '1 passed, 0 failed, 1 skipped',
    ])
  })

  it('does not pass a run that left no report', () => {
    expect(closingLines(null, {}, '/r').at(-1)).toBe('0 passed, 1 failed, 0 skipped')
  })
})

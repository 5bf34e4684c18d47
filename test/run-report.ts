import { relative } from 'node:path'
import type { Availability } from './peers/availability.ts'
import { type PeerName, skipMark } from './peers/peer.ts'

/** What we read of vitest's JSON report. */
export interface VitestReport {
  readonly testResults: readonly {
    /** The file's full path. */
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
    }[]
  }[]
}

type Findings = Readonly<Partial<Record<PeerName, Availability>>>

/** What `npm test` says at its end: each missing peer with what was skipped for it, then the totals. */
export function closingLines(report: VitestReport | null, findings: Findings, repository: string): string[] {
  if (report === null) return ['vitest ended without a report: see above', '0 passed, 1 failed, 0 skipped']
  const lines: string[] = []
  for (const [name, found] of Object.entries(findings)) {
    if (found.available) continue
    const files = filesWithout(name as PeerName, report).map((file) => relative(repository, file))
    lines.push(`skipped: ${name}: ${found.reason} (${files.length === 0 ? 'no test asked for it' : files.join(', ')})`)
  }
  const totals = count(report)
  return [...lines, `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`]
}

function filesWithout(name: PeerName, report: VitestReport): string[] {
  const mark = skipMark(name)
  return report.testResults
    .filter((file) => file.assertionResults.some((test) => test.fullName.includes(mark)))
    .map((file) => file.name)
}

/** A file that could not be run at all counts as one failure. */
function count(report: VitestReport): { passed: number; failed: number; skipped: number } {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report.testResults) {
    let failedHere = 0
    for (const test of file.assertionResults) {
      if (test.status === 'passed') totals.passed += 1
      else if (test.status === 'failed') failedHere += 1
      else totals.skipped += 1
    }
    totals.failed += file.status === 'failed' ? Math.max(1, failedHere) : failedHere
  }
  return totals
}

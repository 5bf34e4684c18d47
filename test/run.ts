/**
 * `npm test`: prepares the real peers, runs every test, and says what was skipped and why. Arguments go on to vitest
 * (`npm test -- test/unit`). With CI=true a peer that can't be had fails the run.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Availability } from './peers/availability.ts'
import { startOpenstackServer } from './peers/openstack/cloud.ts'
import { hostShared, SHARED_VARIABLE } from './peers/openstack/shared.ts'
import { PEER_NAMES, PEERS_VARIABLE, type PeerName, preparePeer } from './peers/peer.ts'
import { closingLines, type VitestReport } from './run-report.ts'

const REPOSITORY = resolve(import.meta.dirname, '..')

const findings = await preparePeers()
const folder = await mkdtemp(join(tmpdir(), 'pcg-test-'))
const openstack = await hostShared(() => startOpenstackServer({ octavia: true }))
try {
  const reportPath = join(folder, 'report.json')
  const exitCode = await runVitest(reportPath, findings, openstack.url)
  const report = await readReport(reportPath)
  const missing = Object.values(findings).some((found) => !found.available)
  for (const line of closingLines(report, findings, REPOSITORY)) console.log(line)
  if (exitCode !== 0 || report === null) process.exitCode = 1
  if (missing && process.env.CI === 'true') process.exitCode = 1
} finally {
  await openstack.close()
  await rm(folder, { recursive: true, force: true })
}

async function preparePeers(): Promise<Record<PeerName, Availability>> {
  const found: Partial<Record<PeerName, Availability>> = {}
  for (const name of PEER_NAMES) {
    const start = Date.now()
    const availability = await preparePeer(name)
    const seconds = ((Date.now() - start) / 1000).toFixed(1)
    console.log(`peer ${name}: ${availability.available ? `ready (${seconds} s)` : `missing: ${availability.reason}`}`)
    found[name] = availability
  }
  return found as Record<PeerName, Availability>
}

function runVitest(
  reportPath: string,
  found: Record<PeerName, Availability>,
  sharedOpenstack: string,
): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`]
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
    cwd: REPOSITORY,
    stdio: 'inherit',
    env: { ...process.env, [PEERS_VARIABLE]: JSON.stringify(found), [SHARED_VARIABLE]: sharedOpenstack },
  })
  const { promise, resolve: settle, reject } = Promise.withResolvers<number>()
  child.once('error', reject)
  child.once('exit', (code) => settle(code ?? 1))
  return promise
}

async function readReport(path: string): Promise<VitestReport | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return null
  }
}

import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { endAll, isAlive, namedProcesses, pcg, startPcg } from './support/pcg-process.ts'

const vcsim = await peer('vcsim')
const openstack = await peer('openstack')
const REPOSITORY = resolve(import.meta.dirname, '../..')

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pcg-quickstart-'))
})
afterEach(async () => {
  await endAll()
  await rm(cwd, { recursive: true, force: true })
})

function expectReadyMachines(stdout: string): void {
  const rows = stdout
    .split('\n')
    .filter((line) => /^demo-\S+ +demo +(control-plane|general) +Ready +\S+ +(vm-\d+|[0-9a-f-]{36})$/.test(line))
  expect(rows.length, stdout).toBe(5)
  expect(rows.filter((line) => line.includes('control-plane ')).length).toBe(3)
}

describe('pcg quickstart', () => {
  it('--exit makes a cluster through a broker and a gateway, and leaves no process behind; again after an earlier run', async () => {
    const first = await pcg(cwd, ['quickstart', '--exit'])
    expect(first.code, first.stderr).toBe(0)
    expectReadyMachines(first.stdout)
    expect(first.stdout).toMatch(/gateway site-a: joined with a one-time token, connected over mutual TLS/)
    expect(namedProcesses(first.stdout).length).toBe(2)
    expect(namedProcesses(first.stdout).filter(isAlive)).toEqual([])

    const again = await pcg(cwd, ['quickstart', '--exit'])
    expect(again.code, again.stderr).toBe(0)
    expect(again.stdout).toContain('what an earlier run left there is removed')
  })

  it('keeps its state to its owner, and secrets out of logs and process lists', async () => {
    const quickstart = startPcg(['quickstart'], cwd)
    await quickstart.until('Ctrl-C ends it.')
    const processes = namedProcesses(quickstart.stdout)
    const state = join(cwd, '.pcg/quickstart')
    const [token, admin] = await Promise.all([
      readFile(join(state, 'join-token'), 'utf8'),
      readFile(join(state, 'broker/admin.json'), 'utf8'),
    ])
    const secrets = [token.trim(), JSON.parse(admin).apiKey]
    const commandLines = await Promise.all(processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')))
    const logs = await Promise.all(['broker', 'gateway'].map((name) => readFile(join(state, `${name}.log`), 'utf8')))
    for (const secret of secrets) expect(commandLines.join() + logs.join() + quickstart.stdout).not.toContain(secret)

    const entries = await readdir(join(cwd, '.pcg'), { recursive: true, withFileTypes: true })
    const open = await Promise.all(
      entries.map(async (entry) => {
        const path = join(entry.parentPath, entry.name)
        const { mode } = await stat(path)
        return (mode & 0o077) === 0 ? [] : [path]
      }),
    )
    // What lies in a folder that others can't enter is safe whatever its own mode.
    expect(open.flat().filter((path) => !path.startsWith(state))).toEqual([])
    expect((await stat(state)).mode & 0o777).toBe(0o700)

    quickstart.kill('SIGINT')
    expect(await quickstart.result).toMatchObject({ code: 0, stderr: '' })
    expect(processes.filter(isAlive)).toEqual([])
  })

  it('takes its processes with it when it is killed', async () => {
    const quickstart = startPcg(['quickstart'], cwd)
    await quickstart.until('Ctrl-C ends it.')
    const processes = namedProcesses(quickstart.stdout)
    expect(processes.filter(isAlive)).toEqual(processes)
    quickstart.kill('SIGKILL')
    await vi.waitFor(() => expect(processes.filter(isAlive)).toEqual([]), { timeout: 20_000, interval: 50 })
  })

  it('ends with the cause when one of its processes ends', async () => {
    const quickstart = startPcg(['quickstart'], cwd)
    await quickstart.until('Ctrl-C ends it.')
    const [broker = 0, gateway = 0] = namedProcesses(quickstart.stdout)
    process.kill(broker, 'SIGKILL')
    const { code, stderr } = await quickstart.result
    expect(code).toBe(1)
    expect(stderr).toContain('the broker ended: SIGKILL')
    expect(isAlive(gateway)).toBe(false)
  })

  it('ends with 6 and says what it waited for when the cluster is not ready in time', async () => {
    const { code, stdout, stderr } = await pcg(cwd, ['quickstart', '--exit', '--timeout', '1s'])
    expect(code).toBe(6)
    expect(stderr).toContain('not ready within 1s: demo')
    expect(namedProcesses(stdout).filter(isAlive)).toEqual([])
  })

  it('is refused where another is running', async () => {
    const quickstart = startPcg(['quickstart'], cwd)
    await quickstart.until('✓ state in')
    const second = await pcg(cwd, ['quickstart', '--exit'])
    expect(second.code).toBe(7)
    expect(second.stderr).toContain('a quickstart is running here already')
    quickstart.kill('SIGTERM')
    await quickstart.result
    expect(namedProcesses(quickstart.stdout).filter(isAlive)).toEqual([])
  })
})

describe.skipIf(!vcsim.available)(title('pcg quickstart --cloud vsphere', vcsim), () => {
  it('makes the same through a vCenter, with sealed credentials', async () => {
    const { code, stdout, stderr } = await pcg(cwd, ['quickstart', '--cloud', 'vsphere', '--exit'])
    expect(code, stderr).toBe(0)
    expectReadyMachines(stdout)
    expect(stdout).toContain("credentials of account vcenter sealed to the gateway's key")
    expect(namedProcesses(stdout).filter(isAlive)).toEqual([])
  })
})

describe.skipIf(!openstack.available)(title('pcg quickstart --cloud openstack', openstack), () => {
  it("makes the same through OpenStack's services, on a network of its own, behind a floating IP", async () => {
    const { code, stdout, stderr } = await pcg(cwd, ['quickstart', '--cloud', 'openstack', '--exit'])
    expect(code, stderr).toBe(0)
    expectReadyMachines(stdout)
    expect(stdout).toContain("credentials of account openstack sealed to the gateway's key")
    expect(stdout).toMatch(/demo Provisioning .*foundation: create /)
    expect(namedProcesses(stdout).filter(isAlive)).toEqual([])
  })
})

describe('npx pcg', () => {
  it('runs the pcg of the checkout, without asking any registry', () => {
    const env = { ...process.env, npm_config_offline: 'true', npm_config_cache: join(cwd, 'npm-cache') }
    expect(execFileSync('npx', ['pcg', 'version'], { cwd: REPOSITORY, env, encoding: 'utf8' })).toMatch(/^pcg \d/)
  })
})

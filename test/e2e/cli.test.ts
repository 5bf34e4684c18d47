import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { endAll, type PcgProcess, type PcgResult, pcg, startPcg } from './support/pcg-process.ts'

const EXAMPLES = resolve(import.meta.dirname, '../../examples/sandbox')

let cwd: string
let quickstart: PcgProcess

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pcg-cli-'))
  quickstart = startPcg(['quickstart'], cwd)
  await quickstart.until('Ctrl-C ends it.')
})

afterAll(async () => {
  quickstart.kill('SIGINT')
  await quickstart.result
  await endAll()
  await rm(cwd, { recursive: true, force: true })
})

/** Runs a command line in the quickstart's folder. */
function run(line: string, stdin?: string): Promise<PcgResult> {
  return pcg(cwd, line.split(' '), stdin)
}

/** No two clusters of a gateway may have one address. */
let clusters = 0

/** The example cluster under another name and address, and smaller, with a change. */
async function cluster(name: string, change: (text: string) => string = (text) => text): Promise<string> {
  const text = await readFile(join(EXAMPLES, 'cluster.yaml'), 'utf8')
  const own = text
    .replace('name: demo', `name: ${name}`)
    .replace('count: 3', 'count: 1')
    .replace('count: 2', 'count: 1')
    .replace('192.0.2.10', `192.0.2.${20 + clusters++}`)
  const file = join(cwd, `${name}.yaml`)
  await writeFile(file, change(own))
  return file
}

describe('reading', () => {
  it('get, describe, ledger, inventory, verify and events tell of the same cluster', async () => {
    const clusters = JSON.parse((await run('get clusters -o json')).stdout)
    expect(clusters.items).toMatchObject([{ kind: 'Cluster', metadata: { name: 'demo' }, status: { phase: 'Ready' } }])
    const machines = JSON.parse((await run('get machines --cluster demo -o json')).stdout).items
    expect(machines.length).toBe(5)
    const { name } = machines[0].metadata
    expect((await run(`describe machine ${name}`)).stdout).toMatch(/Timeline\n.*BECAUSE[\s\S]*phone-home/)
    expect((await run('describe cluster/demo')).stdout).toContain(name)
    expect((await run('ledger')).stdout).toContain(name)
    expect((await run('inventory lab')).stdout).toContain('zone-a')
    expect((await run('verify lab')).code).toBe(0)
    expect((await run('events cluster demo')).stdout).toContain('Ready')
    expect((await run('get all')).stdout).toMatch(/gateways\n.*\nsite-a +Connected/)
  })

  it('completion offers the names that there are', async () => {
    expect((await run('__complete -- get clusters d')).stdout).toBe('demo\n')
  })
})

describe('changing', () => {
  it('plan says what apply then does, and delete undoes all of it', async () => {
    const file = await cluster('small')
    const plan = await run(`plan -f ${file}`)
    expect(plan.code, plan.stderr).toBe(0)
    expect(plan.stdout).toMatch(/^\+ create machine small-control-plane-/m)
    expect(plan.stdout).toContain('2 to create.')
    expect((await run(`apply -f ${file} --dry-run`)).stdout).toBe('cluster/small would be created\n')
    expect((await run('get cluster small')).code).toBe(3)

    const applied = await run(`apply -f ${file} --wait --timeout 60s`)
    expect(applied.code, applied.stderr).toBe(0)
    expect(applied.stdout).toMatch(/^cluster\/small created\n/)
    expect(applied.stdout).toMatch(/small Ready 2\/2 ready\n$/)
    expect((await run(`plan -f ${file}`)).stdout).toBe('Nothing would be done: all is as described.\n')
    const printed = await run('get cluster small -o yaml')
    expect((await run('apply -f -', printed.stdout)).stdout).toBe('cluster/small unchanged\n')

    const deleted = await run('delete cluster small --wait --timeout 60s')
    expect(deleted.code, deleted.stderr).toBe(0)
    expect(deleted.stdout).toMatch(/cluster small is gone\n$/)
    expect((await run('ledger --cluster small')).stderr).toContain('is empty')
    expect((await run('get cluster small')).code).toBe(3)
  })

  it('a changed profile is rolled out before apply --wait ends', async () => {
    const profile = (await readFile(join(EXAMPLES, 'profile.yaml'), 'utf8')).replace('debian-kubeadm', 'rolled')
    const first = await run('apply -f -', profile)
    expect(first.code, first.stderr).toBe(0)
    const file = await cluster('rolling', (text) => text.replace('debian-kubeadm', 'rolled'))
    expect((await run(`apply -f ${file} --wait`)).code).toBe(0)
    const names = async (): Promise<string[]> =>
      JSON.parse((await run('get machines --cluster rolling -o json')).stdout).items.map(
        ({ metadata }: { metadata: { name: string } }) => metadata.name,
      )
    const before = await names()
    const changed = await run('apply -f - --wait --timeout 60s', profile.replace('1.31.4', '1.31.5'))
    expect(changed.code, changed.stderr).toBe(0)
    const after = await names()
    expect(after.length).toBe(before.length)
    expect(after.filter((name) => before.includes(name))).toEqual([])
    await run('delete cluster rolling --wait')
  })
})

describe('a change behind the gateway', () => {
  it('is made by the line that the quickstart prints; describe shows the drift, and that it is healed', async () => {
    const [, line = '', machine = ''] = /npx pcg (sandbox power-off (\S+) --state \S+)/.exec(quickstart.stdout) ?? []
    expect(quickstart.stdout).toContain(`npx pcg describe machine ${machine} `)
    expect(await run(line)).toMatchObject({ code: 0, stdout: `machine ${machine} is off now\n` })
    await vi.waitFor(
      async () => {
        const { stdout } = await run(`describe machine ${machine}`)
        expect(stdout).toMatch(/ drift .*changed outside[\s\S]* power-on [\s\S]* ready /)
        expect(stdout).toMatch(/warning +Drifted +changed outside; healing/)
        expect(stdout).toMatch(/^Phase: +Ready$/m)
      },
      { timeout: 30_000, interval: 200 },
    )
  })
})

describe('mistakes change nothing, and say what to do', () => {
  it.each([
    [
      'an even control plane',
      (text: string) => text.replace('count: 1', 'count: 2'),
      'bad.yaml:12: spec.controlPlane.count: must be 1, 3, 5 or 7',
    ],
    ['an unknown field', (text: string) => text.replace('driftPolicy', 'drift'), ': spec.drift: is not a known field'],
    [
      'an account that is not there',
      (text: string) => text.replace('account: lab', 'account: nowhere'),
      'there is no CloudAccount called nowhere',
    ],
    [
      'a profile that is not there',
      (text: string) => text.replace('debian-kubeadm', 'nothing'),
      'there is no ClusterProfile called nothing',
    ],
    ['no YAML', () => 'kind: "Cluster', 'bad.yaml:1: is not valid YAML'],
  ])('%s', async (_, change, words) => {
    const { code, stdout, stderr } = await run(`apply -f ${await cluster('bad', change)} --wait`)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(words)
    expect((await run('get cluster bad')).code).toBe(3)
  })

  it.each([
    ['get cluster nowhere', 3, 'there is no Cluster called nowhere'],
    ['delete account lab', 7, 'is in use by Cluster demo'],
    ['delete gateway site-a', 7, 'is in use by CloudAccount lab'],
    ['get clusters --server https://127.0.0.1:1', 5, 'refuses the connection'],
    ['get clusters --config nowhere.yaml', 2, 'there is no such file'],
    ['gateway --state ./unenrolled', 4, '`pcg enroll'],
    ['gateway --state ./unenrolled --token-file -', 2, 'stdin: there is no token in it'],
    ['sandbox remove demo-1 --state ./nowhere', 5, 'no gateway that runs on ./nowhere has a sandbox account lab'],
    ['sandbox remove demo-1 --state .pcg/quickstart/gateway', 2, 'the sandbox has no machine "demo-1"'],
  ])('%s ends with %i', async (line, code, words) => {
    const ran = await run(line)
    expect(ran.code).toBe(code)
    expect(ran.stderr).toContain(words)
    expect(ran.stderr).not.toContain('    at ')
  })

  it('a join token from stdin that is none is refused, and not repeated', async () => {
    const { code, stderr } = await run('gateway --state ./unenrolled --token-file -', 'pcg1.nonsense\n')
    expect(code).toBe(2)
    expect(stderr).toContain('the join token')
    expect(stderr).not.toContain('nonsense')
  })

  it("a broker is talked to by its own machine's names too, but not if its certificate isn't from the context's authority", async () => {
    const config = await readFile(join(cwd, '.pcg/config.yaml'), 'utf8')
    const options = '--state other --api 127.0.0.1:0 --tunnel 127.0.0.1:0 --name broker.example.com'
    const other = startPcg(`broker --supervised ${options}`.split(' '), cwd)
    await other.until('ready ')
    const { authority, server } = JSON.parse(await readFile(join(cwd, 'other/admin.json'), 'utf8'))
    const by = (name: string): Promise<PcgResult> =>
      run(`get all --config other/admin.json --server https://${name}:${new URL(server).port}`)
    expect((await by('localhost')).code).toBe(0)
    expect((await by('127.0.0.1')).code).toBe(0)
    other.kill('SIGTERM')
    expect((await other.result).code).toBe(0)
    const foreign = JSON.stringify({ ...parse(config), authority })
    await writeFile(join(cwd, 'foreign.yaml'), foreign, { mode: 0o600 })
    const { code, stderr } = await run('get clusters --config foreign.yaml')
    expect(code).toBe(5)
    expect(stderr).toContain('its certificate is not from the authority of this context')
  })
})

describe('who may do what', () => {
  it('a viewer reads, and changes nothing', async () => {
    const { stdout } = await run('keys create dashboard --role viewer')
    await writeFile(join(cwd, 'viewer.key'), stdout, { mode: 0o600 })
    expect((await run('get clusters --api-key-file viewer.key')).code).toBe(0)
    const refused = await run('delete cluster demo --api-key-file viewer.key')
    expect(refused.code).toBe(4)
    expect(refused.stderr).toContain('operator')
    expect((await run('keys delete dashboard')).code).toBe(0)
    expect((await run('get clusters --api-key-file viewer.key')).code).toBe(4)
  })

  it('another tenant sees nothing of this one', async () => {
    const made = await run('broker tenant create acme --state .pcg/quickstart/broker')
    expect(made.code, made.stderr).toBe(0)
    await writeFile(join(cwd, 'acme.yaml'), made.stdout, { mode: 0o600 })
    expect(await run('get all --config acme.yaml')).toMatchObject({ code: 0, stdout: '' })
    expect((await run('get cluster demo --config acme.yaml')).code).toBe(3)
  })

  it('credentials are sealed from stdin, and shown nowhere', async () => {
    const { code, stdout } = await run('secret seal -g site-a -a vcenter', '{"username":"u","password":"hunter2"}')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}sealed: pcg-hpke-v1\.[\w-]+\.[\w-]+\.[\w-]+\n$/)
  })
})

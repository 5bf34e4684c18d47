import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseResources } from '../../../resources/parse-yaml.ts'
import { createSealingKey, open } from '../../../resources/sealing.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { CLUSTER_YAML, clusterItem, event, machineItem } from './samples.ts'
import { type HostOptions, pcg, type Ran } from './test-host.ts'

let broker: FakeBroker
beforeEach(async () => {
  broker = await startFakeBroker()
})
afterEach(() => broker.close())

/** Runs a command line in a folder whose context is the fake broker. */
function here(line: string, options: HostOptions = {}): Promise<Ran> {
  return pcg(line.split(' '), { cwd: broker.cwd, ...options })
}

function refuse(route: string, status: number, error: object): void {
  broker.on(route, { status, json: { error } })
}

describe('get', () => {
  it('lists a kind as a table, by any of its names, with the key of the context', async () => {
    const items = [clusterItem({ name: 'b', phase: 'Failed', message: 'disk full' }), clusterItem({ name: 'a' })]
    broker.on('GET /v1/clusters', { json: { items } })
    const { code, stdout } = await here('get Cluster')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^NAME {2}PHASE {3}READY {2}PROFILE {2}ACCOUNT {2}AGE/)
    expect(stdout).toMatch(/\na {5}Ready {3}1\/1 .*\nb {5}Failed {2}1\/1 .*disk full\n$/)
    expect(broker.asked[0]?.authorization).toBe('Bearer the-key')
  })

  it('prints what can be applied again: one as a document, several as many', async () => {
    broker.on('GET /v1/clusters/demo', { json: clusterItem() })
    broker.on('GET /v1/clusters', { json: { items: [clusterItem(), clusterItem({ name: 'two' })] } })
    for (const line of [
      'get cluster demo -o yaml',
      'get cluster/demo -o json',
      'get clusters -o yaml',
      'get clusters -o json',
    ]) {
      const { stdout } = await here(line)
      expect(parseResources([{ name: 'out', text: stdout }])[0], line).toEqual(clusterItem().resource)
    }
    expect(JSON.parse((await here('get cluster demo -o json')).stdout)).toMatchObject({
      status: { phase: 'Ready', generation: 1 },
    })
  })

  it('asks for the machines of one cluster', async () => {
    broker.on('GET /v1/machines', { json: { items: [machineItem('demo-1', 'Booting', 'waiting', 0.25)] } })
    const { stdout } = await here('get machines --cluster demo')
    expect(broker.asked[0]?.path).toBe('/v1/machines?cluster=demo')
    expect(stdout).toMatch(/demo-1 +demo +control-plane +Booting +vm-7 +waiting 25%/)
  })

  it('says on stderr that there is nothing, and leaves stdout empty', async () => {
    broker.on('GET /v1/clusters', { json: { items: [] } })
    expect(await here('get clusters')).toEqual({ code: 0, stdout: '', stderr: 'There are no clusters.\n' })
  })
})

describe("the broker's answers become exit codes and words", () => {
  it.each([
    [404, { code: 'not-found', message: 'not found', subject: 'cluster demo' }, 3, 'pcg: cluster demo: not found'],
    [401, { code: 'unauthenticated', message: 'unknown key' }, 4, 'Check the API key in '],
    [403, { code: 'denied', message: 'needs operator', subject: 'authorization' }, 4, 'Ask an admin'],
    [409, { code: 'conflict', message: 'is used', remedy: 'Delete it.' }, 7, 'Delete it.'],
    [503, { code: 'unavailable', message: 'gateway is not connected' }, 5, 'gateway is not connected'],
    [504, { code: 'timeout', message: 'no answer' }, 6, 'no answer'],
    [500, { code: 'internal', message: 'broken' }, 1, 'broken'],
    [418, { code: 'brand-new', message: 'of a later version' }, 1, 'of a later version'],
  ])('%i %j', async (status, error, code, words) => {
    refuse('GET /v1/clusters/demo', status, error)
    const ran = await here('get cluster demo')
    expect(ran).toMatchObject({ code, stdout: '' })
    expect(ran.stderr).toContain(words)
  })

  it('a mistyped name is answered with the one that was probably meant', async () => {
    broker.on('GET /v1/clusters', { json: { items: [clusterItem()] } })
    for (const line of ['get cluster dmeo', 'delete cluster dmeo', 'describe cluster/dmeo'])
      expect((await here(line)).stderr, line).toMatch(/Did you mean demo\? `pcg get clusters` lists/)
    expect((await here('get cluster other')).stderr).not.toContain('Did you mean')
  })

  it('all details are shown, each with its remedy', async () => {
    const details = [{ subject: 'cluster demo', message: 'account lab does not exist', remedy: 'Apply it too.' }]
    refuse('POST /v1/apply', 422, { code: 'invalid', message: 'one reference is wrong', details })
    const { code, stderr } = await here('apply -f -', { stdin: CLUSTER_YAML })
    expect(code).toBe(2)
    expect(stderr).toContain('  cluster demo: account lab does not exist. Apply it too.\n')
  })

  it('something that is no broker is said to be none', async () => {
    broker.on('GET /v1/clusters', (response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')
    })
    const { code, stderr } = await here('get clusters')
    expect(code).toBe(5)
    expect(stderr).toContain(`${broker.url}: answered 502 with something that isn't JSON: is it a broker?`)
  })

  it('nobody listening is said with the address, and where it stands', async () => {
    await broker.close()
    const again = await startFakeBroker()
    try {
      await writeFile(join(again.cwd, 'dead.yaml'), `server: ${broker.url}\napiKey: k\n`, { mode: 0o600 })
      const { code, stderr } = await here('get clusters --config dead.yaml', { cwd: again.cwd })
      expect(code).toBe(5)
      expect(stderr).toContain(`${broker.url}: the broker refuses the connection`)
      expect(stderr).toContain('dead.yaml')
    } finally {
      await again.close()
    }
    broker = await startFakeBroker()
  })
})

describe('apply', () => {
  const results = [{ kind: 'Cluster', name: 'demo', result: 'configured', generation: 4 }]

  it('sends what stdin has, and says what became of it', async () => {
    broker.on('POST /v1/apply', { json: { results } })
    const { code, stdout } = await here('apply -f -', { stdin: CLUSTER_YAML })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'cluster/demo changed (generation 4)\n' })
    expect(broker.asked[0]?.body).toEqual({ resources: [clusterItem().resource] })
  })

  it('reads a folder, those first that others refer to', async () => {
    broker.on('POST /v1/apply', { json: { results: [] } })
    await writeFile(join(broker.cwd, 'a.yaml'), CLUSTER_YAML)
    await writeFile(
      join(broker.cwd, 'b.json'),
      JSON.stringify({ apiVersion: 'pcg/v1', kind: 'Gateway', metadata: { name: 'g' } }),
    )
    await writeFile(join(broker.cwd, 'notes.txt'), 'not YAML: [')
    await here('apply -f a.yaml -f b.json')
    expect(broker.asked[0]?.body).toMatchObject({ resources: [{ kind: 'Gateway' }, { kind: 'Cluster' }] })
  })

  it('with --dry-run changes nothing, and says so', async () => {
    broker.on('POST /v1/apply', { json: { results } })
    const { stdout } = await here('apply -f - --dry-run --wait', { stdin: CLUSTER_YAML })
    expect(stdout).toBe('cluster/demo would be changed (generation 4)\n')
    expect(broker.asked).toMatchObject([{ body: { dryRun: true } }])
  })

  it('names every wrong line, and asks nobody', async () => {
    await writeFile(
      join(broker.cwd, 'bad.yaml'),
      CLUSTER_YAML.replace('count: 1', 'count: 2').replace('account:', 'acount:'),
    )
    const { code, stdout, stderr } = await here('apply -f bad.yaml')
    expect({ code, stdout, asked: broker.asked }).toEqual({ code: 2, stdout: '', asked: [] })
    expect(stderr).toContain('  bad.yaml:9: spec.controlPlane.count: must be 1, 3, 5 or 7')
    expect(stderr).toContain('  bad.yaml:6: spec.acount: is not a known field. Did you mean account?\n')
    expect(stderr).toContain('nothing was changed')
  })

  it.each([
    ['nowhere.yaml', 'nowhere.yaml: there is no such file or folder'],
    ['.pcg/empty', '.pcg/empty: there is no such file or folder'],
  ])('-f %s is refused', async (file, words) => {
    const { code, stderr } = await here(`apply -f ${file}`)
    expect(code).toBe(2)
    expect(stderr).toContain(words)
  })
})

describe('describe', () => {
  it('a machine: its stages, each with who and why', async () => {
    broker.on('GET /v1/machines/demo-1', { json: machineItem('demo-1', 'Booting') })
    const entry = {
      time: '2026-01-02T03:04:05Z',
      stage: 'clone',
      actor: 'vcenter',
      cause: 'the pool has 0 of 1',
      outcome: 'done',
    }
    broker.on('GET /v1/machines/demo-1/timeline', { json: { entries: [entry] } })
    broker.on('GET /v1/events', { json: { events: [event('warning', 'slow')] } })
    const { code, stdout } = await here('describe machine demo-1')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Machine demo-1\nPhase: +Booting\n/)
    expect(stdout).toMatch(/Timeline\n {2}TIME.*BECAUSE\n {2}\S+ +done +clone +vcenter +the pool has 0 of 1\n/)
    expect(stdout).toMatch(/Events\n.*\n.*warning +Sample +slow/)
  })

  it('a cluster: spec, conditions, machines', async () => {
    broker.on('GET /v1/clusters/demo', {
      json: clusterItem({ phase: 'Provisioning', generation: 3, observed: 2, message: 'waits' }),
    })
    broker.on('GET /v1/machines', { json: { items: [machineItem('demo-1', 'Ready')] } })
    broker.on('GET /v1/clusters/demo/timeline', { json: { entries: [] } })
    broker.on('GET /v1/events', { json: { events: [] } })
    const { stdout } = await here('describe cluster demo')
    expect(stdout).toContain('Generation: 3 (the gateway has acted on 2 so far)')
    expect(stdout).toMatch(/Spec\n {2}account: lab\n/)
    expect(stdout).toMatch(/Conditions\n.*\n {2}Ready +False +Sample +\S+ +waits\n/)
    expect(stdout).toMatch(/Machines\n {2}NAME.*\n {2}demo-1 +control-plane +Ready +10\.0\.0\.7/)
    expect(JSON.parse((await here('describe cluster demo -o json')).stdout)).toMatchObject({
      kind: 'Cluster',
      machines: [{ kind: 'Machine' }],
      events: [],
    })
  })
})

describe('enroll', () => {
  const token = { token: 'pcg1.abc', expiresAt: '2999-01-01T00:00:00Z' }

  it('makes the gateway if there is none, and prints the token with the next command', async () => {
    broker.on('POST /v1/apply', { json: { results: [] } })
    broker.on('POST /v1/gateways/site-a/token', { json: token })
    const { code, stdout } = await here('enroll site-a --ttl 30m')
    expect(code).toBe(0)
    expect(stdout).toContain('Gateway site-a is made.')
    expect(stdout).toContain('\npcg1.abc\n')
    expect(stdout).toContain('\n  pcg gateway --state ./gateway --token-file -\n')
    expect(broker.asked.at(-1)?.body).toEqual({ ttlSeconds: 1800 })
  })

  it('prints that command as npm runs it where npm ran this one', async () => {
    broker.on('POST /v1/apply', { json: { results: [] } })
    broker.on('POST /v1/gateways/site-a/token', { json: token })
    const { stdout } = await here('enroll site-a', { env: { npm_command: 'exec' } })
    expect(stdout).toContain('\n  npx pcg gateway --state ./gateway --token-file -\n')
  })

  it('leaves one that is there as it is', async () => {
    broker.on('GET /v1/gateways/site-a', { json: { resource: { kind: 'Gateway' } } })
    broker.on('POST /v1/gateways/site-a/token', { json: token })
    expect(JSON.parse((await here('enroll site-a -o json')).stdout)).toEqual({ gateway: 'site-a', ...token })
    expect(broker.asked.map(({ method }) => method)).toEqual(['GET', 'POST'])
  })
})

describe('verify, inventory, ledger, plan, events, keys', () => {
  it('verify ends with 1 where a check failed', async () => {
    const findings = [
      { severity: 'error', subject: 'privilege VirtualMachine.Inventory.Create', message: 'is missing on folder vm' },
    ]
    broker.on('POST /v1/accounts/vc/verify', { json: { findings } })
    const { code, stdout, stderr } = await here('verify vc')
    expect(code).toBe(1)
    expect(stdout).toContain('error    privilege VirtualMachine.Inventory.Create: is missing on folder vm\n')
    expect(stderr).toBe('pcg: account vc: one check failed\n')
  })

  it('inventory says which kinds there are if the one that was asked for is not among them', async () => {
    const items = [{ kind: 'datastore', name: 'ds', path: '/DC0/datastore/ds', detail: { freeGiB: 10 } }]
    broker.on('GET /v1/accounts/vc/inventory', { json: { items } })
    expect((await here('inventory vc')).stdout).toMatch(/datastore +ds +\/DC0\/datastore\/ds +freeGiB=10/)
    expect((await here('inventory vc -k Datastores')).stdout).toMatch(/datastore +ds/)
    expect((await here('inventory vc -k datastor')).stderr).toBe('Account vc has no datastor; it has datastore.\n')
  })

  it('ledger takes the only gateway there is, and asks which if there are more', async () => {
    const gateway = (name: string) => ({ resource: { kind: 'Gateway', metadata: { name } } })
    broker.on('GET /v1/gateways', { json: { items: [gateway('site-a')] } })
    broker.on('GET /v1/gateways/site-a/ledger', { json: { entries: [] } })
    expect((await here('ledger --cluster demo')).stderr).toBe('The ledger of gateway site-a is empty.\n')
    expect(broker.asked.at(-1)?.path).toBe('/v1/gateways/site-a/ledger?cluster=demo')
    broker.on('GET /v1/gateways', { json: { items: [gateway('site-a'), gateway('site-b')] } })
    expect(await here('ledger')).toMatchObject({
      code: 2,
      stderr: 'pcg: which gateway?\nName one of site-a, site-b.\n',
    })
  })

  it('plan prints each entry with its reason and numbered steps, those of a replacement too', async () => {
    const entries = [
      {
        action: 'replace',
        kind: 'Machine',
        name: 'demo-1',
        reason: 'its profile changed',
        steps: ['clone t to demo-2', 'delete demo-1'],
      },
      { action: 'delete', kind: 'Machine', name: 'demo-3', reason: 'its pool shrinks', steps: ['power off demo-3'] },
    ]
    broker.on('POST /v1/plan', {
      json: { entries, findings: [{ severity: 'ok', subject: 'zone', message: 'is there' }] },
    })
    const { code, stdout } = await here('plan -f -', { stdin: CLUSTER_YAML })
    expect(code).toBe(0)
    expect(stdout).toBe(
      '± replace machine demo-1  its profile changed\n    1. clone t to demo-2\n    2. delete\n' +
        '- delete machine demo-3  its pool shrinks\n    1. power off\n\n1 to replace, 1 to delete.\n',
    )
  })

  it('plan ends with 1 where it would not get to its end', async () => {
    broker.on('POST /v1/plan', {
      json: { entries: [], findings: [{ severity: 'error', subject: 'datastore ds', message: 'is full' }] },
    })
    const { code, stdout } = await here('plan -f -', { stdin: CLUSTER_YAML })
    expect(code).toBe(1)
    expect(stdout).toContain('datastore ds: is full')
    expect(stdout).not.toContain('all is as described')
  })

  it('events filters, and keeps their order', async () => {
    broker.on('GET /v1/events', { json: { events: [event('info', 'first', 1), event('error', 'second', 2)] } })
    const { stdout } = await here('events cluster demo -n 2')
    expect(broker.asked[0]?.path).toBe('/v1/events?kind=Cluster&name=demo&limit=2')
    expect(stdout.indexOf('first')).toBeLessThan(stdout.indexOf('second'))
  })

  it('a new key goes to stdout alone, so that it can go into a file', async () => {
    broker.on('POST /v1/keys', { json: { id: 'k1', key: 'secret-key' } })
    const { stdout, stderr } = await here('keys create ci --role operator')
    expect(stdout).toBe('secret-key\n')
    expect(stderr).toContain('id k1')
  })

  it('a key is deleted by its name, if only one has it', async () => {
    const key = (id: string) => ({ id, name: 'ci', role: 'viewer' })
    broker.on('GET /v1/keys', { json: { items: [key('k1')] } })
    broker.on('DELETE /v1/keys/k1', { json: null })
    expect((await here('keys delete ci')).stdout).toBe('key ci (k1) is deleted\n')
    broker.on('GET /v1/keys', { json: { items: [key('k1'), key('k2')] } })
    expect(await here('keys delete ci')).toMatchObject({ code: 7 })
    expect(await here('keys delete nobody')).toMatchObject({ code: 3 })
  })
})

describe('secret seal', () => {
  const binding = { tenant: 'acme', gateway: 'site-a', account: 'vc' }
  const line = 'secret seal --gateway site-a --account vc'

  async function enrolled() {
    const key = await createSealingKey()
    const sealingKey = Buffer.from(key.publicKey).toString('base64')
    broker.on('GET /v1/gateways/site-a', { json: { resource: { kind: 'Gateway' }, status: { sealingKey } } })
    return key
  }

  it('prints a line that only that gateway opens, for that account of this tenant', async () => {
    const key = await enrolled()
    const credentials = { username: 'u', password: 'hunter2' }
    const { code, stdout, stderr } = await here(line, { stdin: JSON.stringify(credentials) })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}sealed: pcg-hpke-v1\.\S+\n$/)
    expect(await open(key, stdout.trim().replace('sealed: ', ''), binding)).toEqual(credentials)
    expect(stdout + stderr + JSON.stringify(broker.asked)).not.toContain('hunter2')
  })

  it.each([
    ['{"username":"u","password":"hunter2"', 'stdin: is not JSON'],
    ['["hunter2"]', 'stdin: is not a JSON object'],
    ['{"username":"u","pasword":"hunter2"}', 'stdin: password missing or empty'],
    ['', 'stdin: is not JSON'],
  ])('refuses %s without repeating it', async (stdin, words) => {
    await enrolled()
    const { code, stdout, stderr } = await here(line, { stdin })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(words)
    expect(stderr).not.toContain('hunter2')
  })

  it('takes an application credential of OpenStack, and names what is missing of one', async () => {
    const key = await enrolled()
    const credentials = { type: 'application-credential', id: 'ac1', secret: 'hunter2' }
    const { stdout } = await here(line, { stdin: JSON.stringify(credentials) })
    expect(await open(key, stdout.trim().replace('sealed: ', ''), binding)).toEqual(credentials)
    const half = await here(line, { stdin: JSON.stringify({ type: 'application-credential', secret: 'hunter2' }) })
    expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining('stdin: id or name missing or empty') })
    expect(half.stderr).not.toContain('hunter2')
  })

  it('says how to let a gateway join that has no key yet', async () => {
    broker.on('GET /v1/gateways/site-a', { json: { resource: { kind: 'Gateway' }, status: null } })
    const { code, stderr } = await here(line, { stdin: '{}' })
    expect(code).toBe(7)
    expect(stderr).toContain('`pcg enroll site-a` shows how')
  })

  it('takes no password from the command line', async () => {
    for (const option of ['--password', '--username', '-p'])
      expect(await here(`${line} ${option} hunter2`)).toMatchObject({ code: 2 })
  })
})

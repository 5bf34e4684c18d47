import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { run } from '../../../cli/program.ts'
import {
  AUTH,
  accountIn,
  broker,
  CERTIFICATE,
  file,
  imported,
  KEY,
  refused,
  SECRET,
  useBroker,
} from './clouds-yaml-case.ts'
import { pcg, testHost } from './test-host.ts'

useBroker()

describe('a clouds.yaml is imported as it is:', () => {
  it('user and password', async () => {
    const { name, spec, credentials, stderr } = await accountIn(
      await imported({ auth: AUTH, region_name: 'RegionOne' }),
    )
    expect({ name, stderr }).toEqual({ name: 'prod', stderr: '' })
    expect(spec).toEqual({
      cloud: 'openstack',
      gateway: 'site-a',
      authUrl: AUTH.auth_url,
      region: 'RegionOne',
      interface: 'public',
      scope: { projectName: 'clusters', projectDomainName: 'Default' },
      endpoints: {},
    })
    expect(credentials).toEqual({ type: 'password', username: 'pcg', userDomainName: 'Default', password: SECRET })
  })

  const application = { auth_url: AUTH.auth_url, application_credential_secret: SECRET }
  const token = { auth_url: AUTH.auth_url, token: SECRET, project_id: 'p1' }
  it.each<[string, object, object]>([
    ['v3password', { auth_type: 'v3password', auth: AUTH }, { type: 'password', password: SECRET }],
    ['token', { auth_type: 'token', auth: token }, { type: 'token', token: SECRET }],
    ['v3token', { auth_type: 'v3token', auth: token }, { type: 'token', token: SECRET }],
    ['a token without its type', { auth: token }, { type: 'token', token: SECRET }],
    [
      'v3applicationcredential by id',
      { auth_type: 'v3applicationcredential', auth: { ...application, application_credential_id: 'ac1' } },
      { type: 'application-credential', id: 'ac1', secret: SECRET },
    ],
    [
      'v3applicationcredential by name',
      {
        auth_type: 'v3applicationcredential',
        auth: { ...application, application_credential_name: 'pcg', username: 'u', user_domain_id: 'd' },
      },
      { type: 'application-credential', name: 'pcg', username: 'u', userDomainId: 'd', secret: SECRET },
    ],
    [
      'a user by id',
      { auth: { ...AUTH, username: '', user_id: 'u1' } },
      { type: 'password', userId: 'u1', password: SECRET },
    ],
  ])('auth_type %s', async (_, cloud, credentials) => {
    expect((await accountIn(await imported(cloud))).credentials).toMatchObject(credentials)
  })

  it('an application credential has no scope of its own', async () => {
    const auth = { ...application, application_credential_id: 'ac1', project_name: 'clusters' }
    expect((await accountIn(await imported({ auth_type: 'v3applicationcredential', auth }))).spec).not.toHaveProperty(
      'scope',
    )
  })

  const { project_name: _, project_domain_name: __, ...unscoped } = AUTH
  it.each<[object, object]>([
    [{ project_id: '0123456' }, { projectId: '0123456' }],
    [{ tenant_id: 'p' }, { projectId: 'p' }],
    [
      { 'project-name': 'p', 'project-domain-id': 'd' },
      { projectName: 'p', projectDomainId: 'd' },
    ],
    [
      { tenant_name: 'p', project_domain_name: 'D' },
      { projectName: 'p', projectDomainName: 'D' },
    ],
    [{ domain_id: 'd' }, { domainId: 'd' }],
    [{ domain_name: 'D' }, { domainName: 'D' }],
    [{ system_scope: 'all' }, { system: 'all' }],
    [{ trust_id: 't' }, { trustId: 't' }],
    // As Horizon writes it.
    [{ project_id: 'p', project_name: 'clusters' }, { projectId: 'p' }],
  ])('the scope %j', async (scope, expected) => {
    expect((await accountIn(await imported({ auth: { ...unscoped, ...scope } }))).spec.scope).toEqual(expected)
  })

  it('numbers, and passwords that look like one, as the text that stands there', async () => {
    const text = `clouds:\n  prod:\n    auth:\n      auth_url: ${AUTH.auth_url}\n      username: 007\n      password: 1e3\n      user_domain_name: Default\n      project_id: 0123\n    region_name: null\n`
    await file('clouds.yaml', text)
    const { spec, credentials } = await accountIn(await pcg(['account', 'import', 'clouds.yaml'], { cwd: broker.cwd }))
    expect(credentials).toMatchObject({ username: '007', password: '1e3' })
    expect(spec.scope).toEqual({ projectId: '0123' })
    expect(spec).not.toHaveProperty('region')
  })

  it('anchors and merges', async () => {
    const text = `x: &auth\n  auth_url: ${AUTH.auth_url}\n  username: pcg\n  password: ${SECRET}\n  user_domain_name: Default\nclouds:\n  prod:\n    auth:\n      <<: *auth\n      project_id: p\n`
    await file('clouds.yaml', text)
    expect((await accountIn(await pcg(['account', 'import', 'clouds.yaml'], { cwd: broker.cwd }))).spec.scope).toEqual({
      projectId: 'p',
    })
  })

  it.each<[object, string]>([
    [{ interface: 'internal' }, 'internal'],
    [{ interface: 'adminURL' }, 'admin'],
    [{ endpoint_type: 'internalURL' }, 'internal'],
    [{ 'endpoint-type': 'public' }, 'public'],
  ])('the interface %j', async (fields, expected) => {
    expect((await accountIn(await imported({ auth: AUTH, ...fields }))).spec.interface).toBe(expected)
  })

  it('overrides of endpoints, those left out that nothing here needs', async () => {
    const overrides = {
      compute_endpoint_override: 'https://nova.example/v2.1',
      'volumev3-endpoint-override': 'https://cinder.example/v3/p',
      load_balancer_endpoint_override: 'https://octavia.example',
      dns_endpoint_override: 'https://designate.example',
    }
    const { spec, stderr } = await accountIn(await imported({ auth: AUTH, ...overrides }))
    expect(spec.endpoints).toEqual({
      compute: 'https://nova.example/v2.1',
      'block-storage': 'https://cinder.example/v3/p',
      'load-balancer': 'https://octavia.example',
    })
    expect(stderr).toContain('Nothing here needs dns_endpoint_override')
  })

  it("the authority, from the file's own folder or with ~", async () => {
    await file('ca.pem', `# our authority\n${CERTIFICATE}${CERTIFICATE}`)
    const { spec } = await accountIn(await imported({ auth: AUTH, cacert: 'ca.pem', verify: 'true' }))
    expect(spec.authority).toBe(`${CERTIFICATE}${CERTIFICATE}`)
  })

  it("a client's certificate, sealed with the credentials, its key beside it or in one file", async () => {
    await file('both.pem', CERTIFICATE + KEY)
    await file('cert.pem', CERTIFICATE)
    await file('key.pem', KEY)
    for (const files of [{ cert: 'both.pem' }, { cert: 'cert.pem', key: 'key.pem' }]) {
      const ran = await imported({ auth: AUTH, ...files })
      expect(ran.stdout).not.toContain('MC4C')
      expect((await accountIn(ran)).credentials).toMatchObject({ clientCertificate: CERTIFICATE, clientKey: KEY })
    }
  })

  it('what stands beside auth rather than in it', async () => {
    const { auth_url, password, ...beside } = AUTH
    const { spec, credentials } = await accountIn(await imported({ auth: { auth_url, password }, ...beside }))
    expect(spec.scope).toEqual({ projectName: 'clusters', projectDomainName: 'Default' })
    expect(credentials).toMatchObject({ username: 'pcg', userDomainName: 'Default' })
  })

  it.each<[object, object]>([
    [{ default_domain: 'd' }, { projectDomainId: 'd' }],
    [{ default_domain_name: 'D' }, { projectDomainName: 'D' }],
    [{}, { projectDomainId: 'default' }],
  ])('domains that are not named, with %j', async (fields, expected) => {
    const { user_domain_name: _, project_domain_name: __, ...auth } = AUTH
    const { spec, stderr } = await accountIn(await imported({ auth, ...fields }))
    expect(spec.scope).toEqual({ projectName: 'clusters', ...expected })
    expect(stderr).toBe(
      Object.keys(fields).length > 0
        ? ''
        : 'No domain is named for the user and the project: took the one with id default.\n',
    )
  })

  it('the secure.yaml beside it, which goes first', async () => {
    const { password: _, ...auth } = AUTH
    await file('secure.yaml', `clouds:\n  prod:\n    auth:\n      password: ${SECRET}\n      project-name: hidden\n`)
    const { spec, credentials } = await accountIn(await imported({ auth }))
    expect(credentials.password).toBe(SECRET)
    expect(spec.scope).toMatchObject({ projectName: 'hidden' })
  })

  it('with what is of no use here named on stderr', async () => {
    const { stderr } = await accountIn(
      await imported({ auth: AUTH, floating_ip_source: 'neutron', image_api_version: '2' }),
    )
    expect(stderr).toBe('Nothing here needs floating_ip_source: left out.\n')
  })
})

describe('which cloud, region, gateway and name', () => {
  it('of several clouds one must be named', async () => {
    await file('clouds.yaml', {
      clouds: { prod: { auth: AUTH }, 'Test_Lab.1': { auth: { ...AUTH, project_name: 'lab' } } },
    })
    const line = ['account', 'import', 'clouds.yaml']
    expect(await pcg(line, { cwd: broker.cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('clouds.yaml: has 2 clouds: prod, Test_Lab.1\nSay which one with --cloud.'),
    })
    expect((await pcg([...line, '--cloud', 'prud'], { cwd: broker.cwd })).stderr).toContain('Did you mean prod?')
    const { name, spec } = await accountIn(await pcg([...line, '--cloud', 'Test_Lab.1'], { cwd: broker.cwd }))
    expect(name).toBe('test-lab-1')
    expect(spec.scope).toMatchObject({ projectName: 'lab' })
  })

  it('of several regions one must be named, and has values of its own', async () => {
    const values = { interface: 'internal' }
    const cloud = { auth: AUTH, regions: ['north', { name: 'south', values }] }
    expect(await refused(cloud)).toContain(
      'clouds.yaml: clouds.prod.regions: has 2 regions: north, south\nSay which one with --region.',
    )
    expect(await refused(cloud, '--region west')).toContain('has no region west')
    const { spec } = await accountIn(await imported(cloud, '--region south'))
    expect(spec).toMatchObject({ region: 'south', interface: 'internal' })
    expect((await accountIn(await imported({ auth: AUTH, regions: ['north'] }))).spec.region).toBe('north')
  })

  it('of several gateways one must be named; none is told how to make one', async () => {
    broker.on('GET /v1/gateways', { json: { items: ['a', 'b'].map((name) => ({ resource: { metadata: { name } } })) } })
    expect((await imported({ auth: AUTH })).stderr).toContain('there are 2 gateways: a, b')
    broker.on('GET /v1/gateways', { json: { items: [] } })
    expect((await imported({ auth: AUTH })).stderr).toContain('`pcg enroll NAME`')
    expect((await accountIn(await imported({ auth: AUTH }, '--gateway site-a'))).spec.gateway).toBe('site-a')
  })

  it('the account has the name that is given, and must be able to have it', async () => {
    expect((await accountIn(await imported({ auth: AUTH }, '--name cloud-1'))).name).toBe('cloud-1')
    expect(await refused({ auth: AUTH }, '--name Cloud_1')).toContain('--name: must be lower-case letters')
  })

  it('with --apply it is applied, and nothing else printed', async () => {
    const results = [{ kind: 'CloudAccount', name: 'prod', result: 'created', generation: 1 }]
    broker.on('POST /v1/apply', { json: { results } })
    expect(await imported({ auth: AUTH }, '--apply')).toEqual({
      code: 0,
      stdout: 'cloudaccount/prod created\n',
      stderr: '',
    })
    const applied = broker.asked.find(({ path }) => path === '/v1/apply')
    expect(applied?.body).toMatchObject({ resources: [{ kind: 'CloudAccount', metadata: { name: 'prod' } }] })
    expect(JSON.stringify(applied)).not.toContain(SECRET)
  })

  it('as JSON if asked for', async () => {
    const { stdout } = await imported({ auth: AUTH }, '-o json')
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'CloudAccount', spec: { cloud: 'openstack' } })
    expect(parse(stdout)).toMatchObject({ kind: 'CloudAccount' })
  })
})

describe('a password that is in no file', () => {
  const { password: _, ...auth } = AUTH

  it('is asked for on a terminal, and not shown', async () => {
    await file('clouds.yaml', { clouds: { prod: { auth } } })
    const host = testHost({ cwd: broker.cwd, terminal: 120 })
    const running = run(host, ['account', 'import', 'clouds.yaml'])
    await expect.poll(() => host.stderr()).toContain('Password: ')
    host.type(`${SECRET}\r`)
    const code = await running
    expect((await accountIn({ code, stdout: host.stdout(), stderr: host.stderr() })).credentials.password).toBe(SECRET)
  })

  it('is an error elsewhere', async () => {
    expect(await refused({ auth })).toContain('clouds.yaml: clouds.prod.auth.password: is missing')
  })
})

it('a file that others may read is imported with a warning', async () => {
  await file('clouds.yaml', { clouds: { prod: { auth: AUTH } } })
  await chmod(join(broker.cwd, 'clouds.yaml'), 0o644)
  const { code, stderr } = await pcg(['account', 'import', 'clouds.yaml'], { cwd: broker.cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('`chmod 600 clouds.yaml`') })
})

it('no secret can be given on the command line', async () => {
  for (const option of ['--password', '--secret', '--token'])
    expect(await imported({ auth: AUTH }, `${option} ${SECRET}`)).toMatchObject({ code: 2 })
})

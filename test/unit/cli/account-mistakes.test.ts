import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AUTH, broker, CERTIFICATE, file, KEY, refused, SECRET, useBroker } from './clouds-yaml-case.ts'
import { pcg } from './test-host.ts'

useBroker()

describe('each mistake is one error that names the file, the field and the remedy:', () => {
  const without = (...names: (keyof typeof AUTH)[]) => ({
    auth: Object.fromEntries(Object.entries(AUTH).filter(([name]) => !names.some((each) => each === name))),
  })

  it.each<[string, object, string, string]>([
    ['no URL', without('auth_url'), 'auth.auth_url: is missing', "Write keystone's URL"],
    ['a wrong URL', { auth: { ...AUTH, auth_url: 'keystone:5000' } }, 'auth.auth_url: is no URL', 'https://'],
    [
      'a password in the URL',
      { auth: { ...AUTH, auth_url: `https://pcg:${SECRET}@keystone.example/v3` } },
      'auth.auth_url: has a user or a password in it',
      'Move them',
    ],
    [
      'keystone v2',
      { auth: { ...AUTH, auth_url: 'https://k.example/v2.0' } },
      'auth.auth_url: is of keystone v2',
      '/v3',
    ],
    [
      'keystone v2 as a version',
      { auth: AUTH, identity_api_version: '2.0' },
      'identity_api_version: is 2.0',
      'write 3',
    ],
    ['no user', without('username'), 'auth.username: is missing', 'user_id'],
    ['no project', without('project_name'), 'auth.project_name: is missing', 'project_id'],
    ['a vendor', { profile: 'acme', ...without('auth_url') }, 'profile: is acme', 'Write auth.auth_url'],
    [
      'another type',
      { auth_type: 'v3oidcpassword', auth: AUTH },
      'auth_type: is v3oidcpassword',
      'application credential',
    ],
    ['no check of certificates', { auth: AUTH, verify: false }, 'verify: switches the check', 'cacert'],
    ['no check either', { auth: AUTH, insecure: true }, 'insecure: switches the check', 'cacert'],
    ['no such interface', { auth: AUTH, interface: 'private' }, 'interface: is private', 'public, internal, admin'],
    [
      'a wrong override',
      { auth: AUTH, compute_endpoint_override: 'nova' },
      'compute_endpoint_override: is no URL',
      'https://',
    ],
    ['no authority', { auth: AUTH, cacert: 'nothing.pem' }, 'cacert: nothing.pem is not there', 'Correct the path'],
    ['no certificate in it', { auth: AUTH, cacert: 'key.pem' }, 'cacert: key.pem has no certificate', 'PEM'],
    ['no key', { auth: AUTH, cert: 'cert.pem' }, 'key: cert.pem has no private key', 'Name the file'],
    [
      'an encrypted key',
      { auth: AUTH, cert: 'cert.pem', key: 'locked.pem' },
      'key: locked.pem is encrypted',
      'openssl pkey',
    ],
    ['a key without certificate', { auth: AUTH, key: 'key.pem' }, 'cert: is missing', 'Name its certificate'],
    [
      'half an application credential',
      { auth_type: 'v3applicationcredential', auth: { auth_url: AUTH.auth_url, application_credential_id: 'a' } },
      'auth.application_credential_secret: is missing',
      'shown once',
    ],
    [
      'a token that is missing',
      { auth_type: 'token', ...without('password', 'username') },
      'auth.token: is missing',
      'Write a token',
    ],
    [
      'half the system',
      { auth: { ...AUTH, project_name: '', system_scope: 'some' } },
      'auth.system_scope: must be all',
      'Write all',
    ],
  ])('%s', async (_, cloud, words, remedy) => {
    await file('cert.pem', CERTIFICATE)
    await file('key.pem', KEY)
    await file('locked.pem', KEY.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'))
    const stderr = await refused(cloud)
    expect(stderr).toContain(`clouds.yaml: clouds.prod.${words}`)
    expect(stderr).toContain(remedy)
    expect(stderr).not.toContain('things are wrong')
    expect(broker.asked).toEqual([])
  })

  it('several at once are all told', async () => {
    const stderr = await refused({ auth: { ...AUTH, username: '' }, verify: 'no', interface: 'x' })
    expect(stderr).toContain('3 things are wrong')
    for (const field of ['auth.username', 'verify', 'interface'])
      expect(stderr).toContain(`clouds.yaml: clouds.prod.${field}: `)
  })

  it.each([
    ['nothing there', undefined, 'clouds.yaml: there is no such file'],
    ['no YAML', `clouds: [${SECRET}`, 'clouds.yaml: is not valid YAML'],
    ['something else', 'apiVersion: pcg/v1\n', 'clouds.yaml: has no clouds'],
    ['no cloud', 'clouds: {}\n', 'clouds.yaml: has no clouds'],
    ['an empty cloud', 'clouds:\n  prod:\n', 'clouds.yaml: clouds.prod: is empty'],
  ])('%s', async (_, text, words) => {
    if (text !== undefined) await file('clouds.yaml', text)
    else await mkdir(join(broker.cwd, 'elsewhere'))
    const { code, stderr } = await pcg(['account', 'import', 'clouds.yaml'], { cwd: broker.cwd })
    expect(code).toBe(2)
    expect(stderr).toContain(words)
    expect(stderr).not.toContain(SECRET)
  })
})

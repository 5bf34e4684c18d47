import { describe, expect, it } from 'vitest'
import { cloudOptionsOf, credentialsOf } from '../../../adapters/openstack/account.ts'
import { checkCredentials } from '../../../cli/credential-form.ts'
import type { OpenstackAccountSpec } from '../../../resources/cloud-account.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

const spec = (scope: OpenstackAccountSpec['scope']): OpenstackAccountSpec => ({
  cloud: 'openstack',
  gateway: 'site-a',
  authUrl: 'https://keystone.example/v3',
  interface: 'internal',
  endpoints: { compute: 'https://nova.example' },
  sealed: 'pcg-hpke-v1.a.b.c',
  ...(scope === undefined ? {} : { scope }),
})

describe('an account as the client takes it', () => {
  it.each([
    [{ projectId: 'p' }, { type: 'project', id: 'p' }],
    [
      { projectName: 'p', projectDomainName: 'Default' },
      { type: 'project', name: 'p', domain: { name: 'Default' } },
    ],
    [
      { projectName: 'p', projectDomainId: 'd' },
      { type: 'project', name: 'p', domain: { id: 'd' } },
    ],
    [{ domainId: 'd' }, { type: 'domain', domain: { id: 'd' } }],
    [{ domainName: 'D' }, { type: 'domain', domain: { name: 'D' } }],
    [{ system: 'all' as const }, { type: 'system' }],
    [{ trustId: 't' }, { type: 'trust', id: 't' }],
    [undefined, undefined],
  ])('has the scope %j', (scope, expected) => {
    expect(cloudOptionsOf(spec(scope)).scope).toEqual(expected)
  })

  it('keeps where the cloud is', () => {
    expect(cloudOptionsOf(spec(undefined))).toMatchObject({
      authUrl: 'https://keystone.example/v3',
      interface: 'internal',
      endpoints: { compute: 'https://nova.example' },
    })
  })
})

const SECRET = 'hunter2-very-secret'
const USER = { username: 'u', userDomainName: 'Default' }
const PASSWORD = { type: 'password', password: SECRET }
const CREDENTIAL = { type: 'application-credential', secret: SECRET }

describe('sealed credentials', () => {
  const domain = { userDomain: { name: 'Default' } }
  it.each([
    [
      { ...PASSWORD, ...USER },
      { ...PASSWORD, username: 'u', ...domain },
    ],
    [
      { ...PASSWORD, username: 'u', userDomainId: 'd' },
      { ...PASSWORD, username: 'u', userDomain: { id: 'd' } },
    ],
    [
      { ...PASSWORD, userId: 'i' },
      { ...PASSWORD, userId: 'i' },
    ],
    [
      { ...CREDENTIAL, id: 'a' },
      { ...CREDENTIAL, id: 'a' },
    ],
    [
      { ...CREDENTIAL, name: 'n', ...USER },
      { ...CREDENTIAL, name: 'n', username: 'u', ...domain },
    ],
    [
      { type: 'token', token: SECRET },
      { type: 'token', token: SECRET },
    ],
    [
      { type: 'token', token: SECRET, clientCertificate: 'C', clientKey: 'K' },
      { type: 'token', token: SECRET, clientCertificate: { cert: 'C', key: 'K' } },
    ],
  ])('%j are understood, by the gateway as by who seals them', (record, expected) => {
    expect(credentialsOf(record)).toEqual(expected)
    expect(checkCredentials(record, 'a.json')).toEqual(record)
  })

  it.each([
    [{ ...USER, type: 'password' }, 'password'],
    [{ ...PASSWORD }, 'username'],
    [{ ...PASSWORD, username: 'u' }, 'userDomainName'],
    [{ ...PASSWORD, ...USER, password: '' }, 'password'],
    [{ type: 'application-credential', id: 'a' }, 'secret'],
    [{ ...CREDENTIAL }, 'id'],
    [{ ...CREDENTIAL, name: 'n' }, 'username'],
    [{ ...CREDENTIAL, name: 'n', username: 'u' }, 'userDomainName'],
    [{ type: 'token' }, 'token'],
    [{ type: 'token', token: SECRET, clientKey: 'K' }, 'clientCertificate'],
    [{ type: 'token', token: SECRET, clientCertificate: 'C' }, 'clientKey'],
    [{ type: 'kerberos', token: SECRET }, 'type'],
  ])('%j are refused by both, naming what is missing and no secret', (record: Record<string, string>, field) => {
    for (const check of [() => credentialsOf(record), () => checkCredentials(record, 'a.json')]) {
      const error = thrownBy(check)
      expect(error.code).toBe('invalid')
      expect(error.message).toContain(field)
      expect(`${error.message} ${error.remedy}`).not.toContain(SECRET)
    }
  })

  it('without a type are none for OpenStack, and are sealed as a user with a password', () => {
    const record = { username: 'u', password: SECRET }
    expect(thrownBy(() => credentialsOf(record)).message).toContain('type')
    expect(checkCredentials(record, 'a.json')).toEqual(record)
  })

  it('with a field that nobody knows are not sealed: it is probably a typing error', () => {
    const error = thrownBy(() => checkCredentials({ ...PASSWORD, ...USER, userDomainNam: 'x' }, 'a.json'))
    expect(error).toMatchObject({ subject: 'a.json', remedy: 'Did you mean userDomainName?' })
  })
})

function thrownBy(check: () => unknown): PcgError {
  try {
    check()
  } catch (thrown) {
    if (thrown instanceof PcgError) return thrown
  }
  throw new Error('nothing was thrown')
}

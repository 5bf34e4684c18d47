/** Imports of a clouds.yaml through the command line. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { parseResources } from '../../../resources/parse-yaml.ts'
import { createSealingKey, open, type SealingKey } from '../../../resources/sealing.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { type HostOptions, pcg, type Ran } from './test-host.ts'

export const SECRET = 'hunter2-very-secret'
export const AUTH = {
  auth_url: 'https://keystone.example:5000/v3',
  username: 'pcg',
  password: SECRET,
  user_domain_name: 'Default',
  project_name: 'clusters',
  project_domain_name: 'Default',
}
export const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
export const KEY = '-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n'

export let broker: FakeBroker
let key: SealingKey

/** For each test a broker with one gateway that has joined. */
export function useBroker(): void {
  beforeEach(async () => {
    broker = await startFakeBroker()
    key = await createSealingKey()
    const gateway = {
      resource: { kind: 'Gateway', metadata: { name: 'site-a' } },
      status: { sealingKey: Buffer.from(key.publicKey).toString('base64') },
    }
    broker.on('GET /v1/gateways/site-a', { json: gateway })
    broker.on('GET /v1/gateways', { json: { items: [gateway] } })
  })
  afterEach(() => broker.close())
}

export async function file(name: string, content: string | object): Promise<void> {
  const path = join(broker.cwd, name)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
}

/** Imports a clouds.yaml with one cloud. */
export async function imported(cloud: object, args = '', options: HostOptions = {}): Promise<Ran> {
  await file('clouds.yaml', { clouds: { prod: cloud } })
  return await pcg(['account', 'import', 'clouds.yaml', ...args.split(' ').filter(Boolean)], {
    cwd: broker.cwd,
    ...options,
  })
}

/** The account that was printed, with its credentials opened as the gateway does. */
export async function accountIn({ code, stdout, stderr }: Ran) {
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stdout + stderr + JSON.stringify(broker.asked)).not.toContain(SECRET)
  const [account] = parseResources([{ name: 'stdout', text: stdout }])
  if (account?.kind !== 'CloudAccount' || account.spec.cloud !== 'openstack') throw new Error('no OpenStack account')
  const { sealed, ...spec } = account.spec
  const binding = { tenant: 'acme', gateway: spec.gateway, account: account.metadata.name }
  return { name: account.metadata.name, spec, credentials: await open(key, sealed, binding), stderr }
}

/** What is said of an import that must fail. */
export async function refused(cloud: object, args = ''): Promise<string> {
  const { code, stdout, stderr } = await imported(cloud, args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).not.toContain(SECRET)
  return stderr
}

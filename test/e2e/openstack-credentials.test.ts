import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccountStatus } from '../../resources/cloud-account.ts'
import type { ApplicationCredential } from '../peers/openstack/project.ts'
import { peer, title } from '../peers/peer.ts'
import { OpenstackScene } from './support/openstack-scene.ts'
import { ACCOUNT, openstackAccount, smallOpenstackCluster } from './support/openstack-site.ts'
import type { Saas } from './support/saas.ts'

const openstack = await peer('openstack')
const PATIENCE_MS = 120_000
/** Long enough for whoever asks again by itself: clusters, machines, the watch. */
const SOME_SECONDS_MS = 5_000

describe.skipIf(!openstack.available)(title('credentials for an OpenStack', openstack), () => {
  let scene: OpenstackScene
  let saas: Saas
  /** All that was in use here. */
  const secrets: string[] = []

  beforeAll(async () => {
    scene = await OpenstackScene.start({ network: true })
    ;({ saas } = scene)
    secrets.push(scene.project.password)
  })
  afterAll(() => scene?.close())

  async function credential(): Promise<ApplicationCredential> {
    const made = await scene.project.applicationCredential()
    secrets.push(made.secret)
    return made
  }

  const useCredential = async ({ id, secret }: Pick<ApplicationCredential, 'id' | 'secret'>): Promise<void> =>
    saas.apply(await openstackAccount(saas, scene.cloud, scene.project, { type: 'application-credential', id, secret }))

  async function usePassword(account: string, password: string): Promise<void> {
    const { username } = scene.project
    const record = { type: 'password', username, userDomainName: 'Default', password }
    await saas.apply(await openstackAccount(saas, scene.cloud, scene.project, record, account))
  }

  /** The account's status once it is of what was applied last. */
  async function settled(): Promise<AccountStatus> {
    const desired = await saas.client.get('CloudAccount', ACCOUNT, scene.signal)
    const generation = 'generation' in desired ? desired.generation : undefined
    let status: AccountStatus | null = null
    await saas.until(
      async () => {
        status = await scene.account()
        return status?.observedGeneration === generation && status?.phase !== 'Verifying'
      },
      async () => JSON.stringify(status),
    )
    if (status === null) throw new Error('the account has no status')
    return status
  }

  /** How often keystone was asked for a token and said no. */
  const refusals = (): number =>
    scene.cloud.front.traffic.requests.filter(
      ({ api, method, path, status }) =>
        api === 'keystone' && method === 'POST' && path.startsWith('/v3/auth/tokens') && status === 401,
    ).length

  const refusedCalls = (): number => scene.cloud.front.traffic.requests.filter(({ status }) => status === 401).length

  it('are tried once if they are wrong, whatever asks for them; the right ones put all in order', async () => {
    const account = 'locked'
    const before = refusals()
    secrets.push('not the password')
    await usePassword(account, 'not the password')
    await saas.until(async () => (await scene.account(account))?.phase === 'Suspended')
    expect((await scene.account(account))?.findings).toContainEqual(
      expect.objectContaining({
        severity: 'error',
        subject: `account ${account}`,
        remedy: expect.stringContaining('pcg secret seal'),
      }),
    )
    await saas.apply(
      smallOpenstackCluster('locked-out', { account }),
      smallOpenstackCluster('locked-too', { account, workers: 1 }),
    )
    expect(await scene.obstacle('locked-out', 'Preflight')).toContain(account)
    expect(await scene.obstacle('locked-too', 'Preflight')).toContain(account)
    await expect(saas.client.inventory(account, scene.signal)).rejects.toMatchObject({ code: 'credentials' })
    await sleep(SOME_SECONDS_MS)
    expect(refusals() - before).toBe(1)

    await saas.client.delete('Cluster', 'locked-too', false, scene.signal)
    await saas.gone('locked-too')
    await usePassword(account, scene.project.password)
    await saas.ready('locked-out', PATIENCE_MS)
    await scene.remove('locked-out', PATIENCE_MS)
    await saas.client.delete('CloudAccount', account, false, scene.signal)
    await saas.until(async () => !(await saas.client.has('CloudAccount', account, scene.signal)))
    expect(refusals() - before).toBe(1)
  })

  describe('that are rotated', () => {
    let first: ApplicationCredential
    let second: ApplicationCredential

    it('take the place of those in use once they were tested, and the former ones are needed no more', async () => {
      first = await credential()
      await useCredential(first)
      expect((await settled()).phase).toBe('Ready')
      await saas.apply(smallOpenstackCluster('served'))
      await saas.ready('served', PATIENCE_MS)
      const [machine] = await saas.machines('served')

      second = await credential()
      const refused = refusedCalls()
      await useCredential(second)
      expect((await settled()).phase).toBe('Ready')
      await discard(first)

      await saas.apply(smallOpenstackCluster('served', { workers: 1 }))
      await saas.until(async () => (await saas.cluster('served'))?.machines.ready === 2, undefined, PATIENCE_MS)
      expect((await saas.machines('served')).map(({ name }) => name)).toContain(machine?.name)
      // Its tokens ended with it: none was used.
      expect(refusedCalls()).toBe(refused)
    })

    it('stay away if the cloud refuses them: the former ones go on, and the status says why', async () => {
      const { id } = await credential()
      const before = refusals()
      secrets.push('a typing error')
      await useCredential({ id, secret: 'a typing error' })
      const { phase, findings } = await settled()
      expect(phase).toBe('Invalid')
      expect(findings).toContainEqual(
        expect.objectContaining({
          severity: 'error',
          message: expect.stringContaining('the former ones are still in use'),
          remedy: expect.stringContaining('pcg secret seal'),
        }),
      )
      await saas.apply(smallOpenstackCluster('served', { workers: 0 }))
      await saas.until(async () => (await saas.machines('served')).length === 1, undefined, PATIENCE_MS)
      await saas.ready('served')
      await sleep(SOME_SECONDS_MS)
      expect(refusals() - before).toBe(1)
    })

    it('are not tried again by a gateway that starts anew, which goes on with the former ones', async () => {
      const before = refusals()
      await scene.gateway.kill()
      await scene.gateway.start()
      await saas.apply(smallOpenstackCluster('served', { workers: 1 }))
      await saas.until(async () => (await saas.cluster('served'))?.machines.ready === 2, undefined, PATIENCE_MS)
      const { phase, findings } = await settled()
      expect(phase).toBe('Invalid')
      expect(findings.map(({ message }) => message).join()).toContain('the former ones are still in use')
      expect(refusals()).toBe(before)
    })

    it('are in order again once good ones are applied', async () => {
      await useCredential(await credential())
      expect(await settled()).toMatchObject({ phase: 'Ready' })
      await discard(second)
      await scene.remove('served', PATIENCE_MS)
      expect(await scene.ledger()).toEqual([])
    })

    async function discard({ id }: ApplicationCredential): Promise<void> {
      const path = `/v3/users/${scene.project.userId}/application_credentials/${id}`
      await scene.cloud.apiAs(scene.project).delete('keystone', path)
    }
  })

  describe('and what comes of them', () => {
    it('are in no file and no log of either end', () => {
      const tokens = [...scene.cloud.front.traffic.tokens]
      expect(tokens.length).toBeGreaterThan(4)
      expect(secrets.length).toBeGreaterThan(5)
      const files = filesBelow(saas.folder)
      expect(files.length).toBeGreaterThan(10)
      const told = files.map((file) => ({ file, bytes: readFileSync(file) }))
      // It would be seen if it were there: this isn't secret, and is.
      expect(told.some(({ bytes }) => bytes.includes(scene.cloud.authUrl))).toBe(true)
      const leaks = [...secrets, ...tokens].flatMap((secret) =>
        told.filter(({ bytes }) => bytes.includes(secret)).map(({ file }) => ({ file, secret })),
      )
      expect(leaks).toEqual([])
    })

    it('lie in files that nobody else may read', () => {
      const open = filesBelow(saas.folder).filter((file) => (statSync(file).mode & 0o077) !== 0)
      expect(open.filter((file) => !/\.(log|boundaries)$/.test(file))).toEqual([])
      const gateway = readdirSync(saas.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      expect(gateway.map(({ name }) => statSync(join(saas.folder, name)).mode & 0o077)).toEqual(gateway.map(() => 0))
    })
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** A changed account: nothing of what works stops before what takes its place has been seen to work. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Adapter } from '../../../adapters/adapter.ts'
import { shareSession } from '../../../gateway/accounts/share-session.ts'
import type { AccountStatus, CloudAccount } from '../../../resources/cloud-account.ts'
import type { Finding } from '../../../resources/query.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import { cluster, profile } from './fixtures.ts'
import { account, openstackAccount, Site } from './site.ts'

const MISSING: Finding = { severity: 'error', subject: 'role member', message: 'is missing' }

/** A login with credentials, from its first call until it is closed. */
interface Login {
  readonly credentials: string
  closed: boolean
  verified: number
}

let site: Site
let logins: Login[]
/** What the cloud says to whom; everybody else is let in. */
let answers: Map<string, () => Finding[]>
let log: string[]

beforeEach(async () => {
  logins = []
  log = []
  answers = new Map()
  site = await Site.start((adapter, account) => as(account, adapter))
})
afterEach(() => site.close())

function as({ spec }: CloudAccount, adapter: Adapter): Adapter {
  const credentials = spec.cloud === 'sandbox' ? 'none' : (spec.sealed.split('.').at(-1) ?? '')
  const login: Login = { credentials, closed: false, verified: 0 }
  logins.push(login)
  return {
    ...adapter,
    verify: async () => {
      login.verified++
      log.push(`verify ${credentials}`)
      return answers.get(credentials)?.() ?? [{ severity: 'ok', subject: 'cloud', message: 'answers' }]
    },
    close: async () => {
      login.closed = true
      log.push(`close ${credentials}`)
      await adapter.close()
    },
  }
}

const refuse = (credentials: string) =>
  answers.set(credentials, () => {
    throw new PcgError('credentials', `wrong password of ${credentials}`)
  })
const status = (): AccountStatus | undefined =>
  site
    .reports()
    .flatMap((report) =>
      report.type === 'status' && report.kind === 'CloudAccount' ? [report.status as AccountStatus] : [],
    )
    .at(-1)
const settled = (generation: number) =>
  site.until(() => status()?.observedGeneration === generation && status()?.phase !== 'Verifying')
const inUse = (): string[] => logins.filter((login) => !login.closed).map((login) => login.credentials)
/** Works only while the account has a session that is usable. */
async function grow(workers: number): Promise<void> {
  await site.put(cluster({ workers }))
  await site.until(() => site.status()?.phase === 'Ready' && site.machines().length === workers + 1)
}

async function begin(): Promise<void> {
  await site.put(openstackAccount('first'))
  await settled(1)
  await site.put(profile())
  await grow(1)
}

describe('other credentials of an account', () => {
  it('take the place of the former ones once they were verified, and not before', async () => {
    await begin()
    await site.put(openstackAccount('second'))
    await site.until(() => inUse().join() === 'second')
    expect(log).toEqual(['verify first', 'verify second', 'close first'])
    expect(status()).toMatchObject({ phase: 'Ready', observedGeneration: 4 })
    await grow(2)
  })

  it('that the cloud refuses are tried once; the former ones stay in use, and the status says so', async () => {
    await begin()
    refuse('second')
    await site.put(openstackAccount('second'))
    await settled(4)
    expect(inUse()).toEqual(['first'])
    expect(status()).toMatchObject({
      phase: 'Invalid',
      findings: [
        {
          severity: 'error',
          subject: 'account lab',
          message: expect.stringMatching(
            /refused the new credentials.*former ones are still in use.*wrong password of second/,
          ),
          remedy: expect.stringMatching(/pcg secret seal/),
        },
      ],
    })
    await grow(2)
    site.orchestrator.listed('lab', [])
    await site.orchestrator.accounts.verifyNow('lab', new AbortController().signal)
    expect(log.filter((line) => line === 'verify second')).toHaveLength(1)
    expect(status()?.phase).toBe('Invalid')
    expect(status()?.findings).toHaveLength(2)
  })

  it('that were refused give way to the right ones', async () => {
    await begin()
    refuse('second')
    await site.put(openstackAccount('second'))
    await settled(4)
    await site.put(openstackAccount('third'))
    await settled(5)
    await site.until(() => inUse().join() === 'third')
    expect(status()).toMatchObject({ phase: 'Ready' })
  })

  it('that were refused are not tried after a restart either, and the former ones are used again', async () => {
    await begin()
    refuse('second')
    await site.put(openstackAccount('second'))
    await settled(4)
    await site.restart()
    await site.until(() => logins.filter(({ credentials }) => credentials === 'first').length === 2)
    await grow(2)
    expect(inUse()).toEqual(['first'])
    expect(log.filter((line) => line === 'verify second')).toHaveLength(1)
    expect(status()).toMatchObject({ phase: 'Invalid', observedGeneration: 4 })
    expect(status()?.findings.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('wrong password of second'),
    )
  })

  it('came while the gateway was down: they are verified first then too', async () => {
    await begin()
    refuse('second')
    await site.restart(() => site.put(openstackAccount('second')))
    await settled(4)
    expect(inUse()).toEqual(['first'])
    await grow(2)
    expect(status()?.phase).toBe('Invalid')
  })

  it('that are let in and lack something wait beside the former ones, and are tried again', async () => {
    await begin()
    answers.set('second', () => [MISSING])
    await site.put(openstackAccount('second'))
    await settled(4)
    expect(status()).toMatchObject({ phase: 'Invalid', findings: [{ severity: 'warning' }, MISSING] })
    expect(inUse()).toEqual(['first'])
    await grow(2)
    answers.delete('second')
    expect(await site.orchestrator.accounts.reconcile('lab', new AbortController().signal)).toBeNull()
    expect(inUse()).toEqual(['second'])
    expect(status()).toMatchObject({ phase: 'Ready', findings: [{ severity: 'ok' }] })
  })

  it('stand alone where the former ones did not work: refused, they suspend the account', async () => {
    refuse('first')
    refuse('second')
    await site.put(openstackAccount('first'))
    await site.until(() => status()?.phase === 'Suspended')
    await site.put(openstackAccount('second'))
    await site.until(() => status()?.observedGeneration === 2 && status()?.phase === 'Suspended')
    expect(log.filter((line) => line.startsWith('verify'))).toEqual(['verify first', 'verify second'])
  })

  it('that were refused are still named when the cloud refuses the former ones as well', async () => {
    await begin()
    refuse('second')
    await site.put(openstackAccount('second'))
    await settled(4)
    refuse('first')
    await site.orchestrator.accounts.verifyNow('lab', new AbortController().signal).catch(() => undefined)
    await site.until(() => status()?.phase === 'Suspended')
    expect(status()?.findings.map(({ message }) => message)).toEqual([
      'wrong password of first',
      expect.stringContaining('wrong password of second'),
    ])
    log.length = 0
    await site.restart()
    await site.until(() => log.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(log.filter((line) => line.startsWith('verify'))).toEqual(['verify second'])
  })
})

describe('an account that keeps its credentials', () => {
  it('never has two sessions: the old one is closed before the new one is opened', async () => {
    await begin()
    const { spec, ...rest } = openstackAccount('first')
    await site.put({
      ...rest,
      spec: { ...spec, ...(spec.cloud === 'openstack' ? { region: 'Two' } : {}) },
    } as CloudAccount)
    await settled(4)
    expect(log).toEqual(['verify first', 'close first', 'verify first'])
    expect(inUse()).toEqual(['first'])
  })
})

describe('an account that is deleted', () => {
  it('leaves no credentials in the journal', async () => {
    await site.put(openstackAccount('first'))
    await settled(1)
    expect(site.journal.accounts.get('lab').verified).not.toBeNull()
    await site.delete('CloudAccount', 'lab')
    await site.until(() => site.journal.desired.get('CloudAccount', 'lab') === undefined)
    expect(site.journal.accounts.get('lab').verified).toBeNull()
  })
})

describe('whether two forms of an account would log in as the same, at the same place', () => {
  const unseal = async (_: string, sealed: string): Promise<Record<string, string>> => {
    const text = sealed.split('.').at(-1) ?? ''
    if (text === 'foreign') throw new Error('sealed to another gateway')
    return { type: 'password', password: text.replace(/-again$/, '') }
  }
  const elsewhere = (credentials: string): CloudAccount => {
    const { spec, ...rest } = openstackAccount(credentials)
    return { ...rest, spec: { ...spec, authUrl: 'https://other.example:5000' } } as CloudAccount
  }

  it.each<[string, CloudAccount, CloudAccount, boolean]>([
    ['the same credentials, sealed twice', openstackAccount('first'), openstackAccount('first-again'), true],
    ['other credentials', openstackAccount('first'), openstackAccount('second'), false],
    ['the same credentials at another Keystone', openstackAccount('first'), elsewhere('first'), false],
    ['credentials that can’t be opened', openstackAccount('first'), openstackAccount('foreign'), false],
    ['sandboxes', account(), account(), true],
  ])('%s', async (_, a, b, shared) => {
    expect(await shareSession(a, b, unseal)).toBe(shared)
  })
})

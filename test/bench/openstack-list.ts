/**
 * One side of the openstack bench, a process of its own: `openstack-list.ts ours` lists and models, `bare` only parses what
 * the same GETs bring. Settings come as a line of JSON on standard input; then each further line starts a round, which is
 * answered by a line of JSON.
 */
import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'
import { openCloud } from '../../adapters/openstack/client/cloud.ts'
import { listAll } from '../../adapters/openstack/listing.ts'
import { readServer } from '../../adapters/openstack/machine/seen.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'

export interface ListSettings {
  readonly authUrl: string
  /** Nova's, with its version. */
  readonly computeUrl: string
  readonly username: string
  readonly password: string
  readonly project: string
  /** Servers a page. */
  readonly limit: number
}

export interface ListRound {
  readonly ms: number
  readonly servers: number
  /** With a name, a status and an address that was read. */
  readonly complete: number
}

const [mode = ''] = process.argv.slice(2)
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const settings: ListSettings = JSON.parse((await input.next()).value ?? '')
const side = mode === 'ours' ? ours(settings) : bare(settings)
console.log(JSON.stringify({ ready: true }))
for (let next = await input.next(); !next.done; next = await input.next()) {
  const start = performance.now()
  const { servers, complete } = await side.list()
  console.log(JSON.stringify({ ms: performance.now() - start, servers, complete } satisfies ListRound))
}
await side.close()

interface Side {
  list(): Promise<Pick<ListRound, 'servers' | 'complete'>>
  close(): Promise<void>
}

function ours({ authUrl, username, password, project, limit }: ListSettings): Side {
  const scope = { type: 'project', name: project, domain: { name: 'Default' } } as const
  const cloud = openCloud(
    { authUrl, region: undefined, interface: 'public', scope, authority: undefined, endpoints: {} },
    { type: 'password', username, userDomain: { name: 'Default' }, password },
    { clock: systemClock, log: silentLog },
  )
  return {
    async list() {
      const signal = AbortSignal.timeout(120_000)
      const rows = await listAll(cloud, 'compute', '/servers/detail', 'servers', { limit }, signal)
      const servers = rows.map(readServer)
      return {
        servers: servers.length,
        complete: servers.filter(({ name, status }) => name !== '' && status !== '').length,
      }
    },
    close: () => cloud.close(),
  }
}

function bare({ authUrl, computeUrl, username, password, project, limit }: ListSettings): Side {
  const dispatcher = new Agent()
  const domain = { name: 'Default' }
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: project, domain } },
  }
  let token: Promise<string> | undefined

  async function logIn(): Promise<string> {
    const { headers, body } = await request(`${authUrl}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth }),
      dispatcher,
    })
    await body.dump()
    return String(headers['x-subject-token'])
  }

  return {
    async list() {
      token ??= logIn()
      const headers = { 'x-auth-token': await token, 'openstack-api-version': 'compute 2.93' }
      let servers = 0
      for (let url: string | undefined = `${computeUrl}/servers/detail?limit=${limit}`; url !== undefined; ) {
        const { body } = await request(url, { headers, dispatcher })
        const page: { servers: unknown[]; servers_links?: { rel: string; href: string }[] } = JSON.parse(
          await body.text(),
        )
        servers += page.servers.length
        url = page.servers_links?.find(({ rel }) => rel === 'next')?.href
      }
      return { servers, complete: servers }
    },
    close: () => dispatcher.close(),
  }
}

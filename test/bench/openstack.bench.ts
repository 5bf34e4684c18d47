/**
 * 1,000 servers of a project into the adapter's own model. Time: beside a bare loop of the same paged GETs that only parses
 * JSON. CPU of the client, a whole process from its start to its end: beside Debian's `openstack server list --long`.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gatewayTag, machineTag, markMetadata } from '../../adapters/openstack/owner-mark.ts'
import { type OpenstackCloud, startOpenstack } from '../peers/openstack/cloud.ts'
import { openstackClient, openstackPackages } from '../peers/openstack/packages.ts'
import type { OpenstackProject } from '../peers/openstack/project.ts'
import { cloneServer } from './clone-server.ts'
import type { Bench, Figures } from './harness.ts'
import { type LineProcess, startLineProcess } from './line-process.ts'
import type { ListRound, ListSettings } from './openstack-list.ts'

const run = promisify(execFile)

const SERVERS = 1_000
const PAGE = 200
/** As cli/pcg starts Node. */
const LAUNCHED = {
  flags: '--max-semi-space-size=8 --heap-growing-percent=40',
  env: {
    MALLOC_ARENA_MAX: '2',
    MALLOC_TRIM_THRESHOLD_: '131072',
    NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/node'),
  },
}
const LIST = join(import.meta.dirname, 'openstack-list.ts')

export const bench: Bench = {
  peer: "a bare loop of the same GETs (time), Debian's openstack client (CPU)",
  needs: ['openstack'],
  warmUps: 2,
  rounds: 7,
  metrics: [
    { name: 'cpu', unit: 'ms', goal: { of: 'ratio', atMost: 0.2 } },
    { name: 'time', unit: 'ms', goal: { of: 'ratio', atMost: 1.2 } },
  ],
  start: async ({ say, signal }) => {
    say('starting OpenStack')
    const cloud = await startOpenstack()
    const folder = await mkdtemp(join(tmpdir(), 'pcg-bench-'))
    const processes: LineProcess[] = []
    const close = async (): Promise<void> => {
      await Promise.all(processes.map((process) => process.close()))
      await cloud.close()
      await rm(folder, { recursive: true, force: true })
    }
    try {
      const project = await cloud.newProject()
      say(`making ${SERVERS} servers`)
      await makeServers(cloud, project, signal)
      const settings = settingsFor(cloud, project)
      const [ours, bare] = [
        startLineProcess(process.execPath, [LIST, 'ours']),
        startLineProcess(process.execPath, [LIST, 'bare']),
      ]
      processes.push(ours, bare)
      await Promise.all([ours.ask(settings), bare.ask(settings)])
      const input = join(folder, 'one-round')
      await writeFile(input, `${JSON.stringify(settings)}\n{}\n`, { mode: 0o600 })
      const once = `${process.execPath} ${LAUNCHED.flags} ${LIST} ours < ${input}`
      const client = await clientOf(cloud, project)
      return {
        ours: async () => ({ time: await timeOf(ours), cpu: await cpuOf(once, { ...process.env, ...LAUNCHED.env }) }),
        theirs: async (): Promise<Figures> => ({
          time: await timeOf(bare),
          cpu: await cpuOf(client.command, client.env),
        }),
        close,
      }
    } catch (error) {
      await close()
      throw error
    }
  },
}

function settingsFor(cloud: OpenstackCloud, project: OpenstackProject): ListSettings {
  const { nova } = cloud.settings.ports
  const { username, password, name } = project
  return {
    authUrl: cloud.directAuthUrl,
    computeUrl: `http://127.0.0.1:${nova}/v2.1`,
    username,
    password,
    project: name,
    limit: PAGE,
  }
}

/** One that nova built, on a network, with our marks; and its copies. */
async function makeServers(cloud: OpenstackCloud, project: OpenstackProject, signal: AbortSignal): Promise<void> {
  const api = cloud.apiAs(project)
  const control = cloud.control(project)
  const { flavors } = await api.get<{ flavors: { id: string; name: string }[] }>('nova', '/v2.1/flavors')
  const { images } = await api.get<{ images: { id: string; name: string }[] }>('glance', '/v2/images')
  const owner = { gateway: 'default/site-1', cluster: 'prod', machine: randomUUID() }
  const { server } = await api.post<{ server: { id: string } }>('nova', '/v2.1/servers', {
    server: {
      name: 'prod-workers-x7k2p',
      imageRef: images.find(({ name }) => name === 'debian-12')?.id,
      flavorRef: flavors.find(({ name }) => name === 'm1.small')?.id,
      networks: [{ uuid: project.network?.networkId }],
      metadata: markMetadata(owner),
      tags: [machineTag(owner), gatewayTag(owner.gateway)],
    },
  })
  for (let status = ''; status !== 'ACTIVE'; status = (await control.server(server.id)).status)
    await sleep(200, undefined, { signal })
  cloneServer(cloud.settings.folder, server.id, SERVERS - 1)
}

async function clientOf(
  cloud: OpenstackCloud,
  project: OpenstackProject,
): Promise<{ command: string; env: NodeJS.ProcessEnv }> {
  const packages = await openstackPackages('look')
  if (!packages.available) throw new Error(packages.reason)
  const { command, env } = openstackClient(packages.folder)
  return {
    command: `${command.join(' ')} server list --long`,
    env: {
      ...env,
      OS_AUTH_URL: cloud.directAuthUrl,
      OS_IDENTITY_API_VERSION: '3',
      OS_USERNAME: project.username,
      OS_PASSWORD: project.password,
      OS_PROJECT_NAME: project.name,
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
      OS_REGION_NAME: cloud.region,
    },
  }
}

/** Of a round; ms. */
async function timeOf(side: LineProcess): Promise<number> {
  const { ms, servers, complete } = await side.ask<ListRound>({})
  if (servers !== SERVERS || complete !== SERVERS) throw new Error(`${servers} servers came back, ${complete} complete`)
  return ms
}

/** Of a whole process, user and system; ms. */
async function cpuOf(command: string, env: NodeJS.ProcessEnv): Promise<number> {
  const timed = `TIMEFORMAT='%U %S'; time { ${command} > /dev/null; }`
  const { stderr } = await run('bash', ['-c', timed], { env, maxBuffer: 64 << 20 })
  const found = /([\d.]+) ([\d.]+)\s*$/.exec(stderr)
  if (found === null) throw new Error(`no times in: ${stderr}`)
  return (Number(found[1]) + Number(found[2])) * 1_000
}

import { join, relative, resolve } from 'node:path'
import { stringify } from 'yaml'
import { parseResources } from '../../resources/parse-yaml.ts'
import type { Resource } from '../../resources/resource.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { nameOf } from '../api-types.ts'
import { Client } from '../client.ts'
import { ensureGateway } from '../commands/enroll.ts'
import { sealingKeyOf } from '../commands/secret.ts'
import { type Context, readContext } from '../config.ts'
import { follow } from '../follow.ts'
import type { Host } from '../host.ts'
import { spoken } from '../kind-argument.ts'
import { findingsOf, statusPhase } from '../output/item-status.ts'
import { writeItems } from '../output/items.ts'
import { paintFor } from '../output/paint.ts'
import { duration } from '../output/time.ts'
import { readPath } from '../resource-files.ts'
import { type Child, startChild } from './child.ts'
import type { SimulatedCloud } from './simulated-cloud.ts'
import { prepareFolder, writeContext, writePrivate } from './state-folder.ts'

export type QuickstartCloud = 'sandbox' | 'vsphere' | 'openstack'

export interface QuickstartOptions {
  readonly cloud: QuickstartCloud
  readonly exit: boolean
  readonly state: string
  readonly timeoutMs: number
}

const GATEWAY = 'site-a'
const LOOPBACK = '127.0.0.1:0'
const JOIN_MS = 30_000
/** In the examples. */
const ACCOUNTS: Readonly<Record<QuickstartCloud, string>> = {
  sandbox: 'lab',
  vsphere: 'vcenter',
  openstack: 'openstack',
}
/** Of each cloud; what lies beside them shows other ways. */
const EXAMPLE_FILES = ['account.yaml', 'profile.yaml', 'cluster.yaml']
const EXAMPLES = join(import.meta.dirname, '../../examples')

/** Ends what was started, the newest first. */
type Cleanup = () => Promise<void>

/**
 * Runs the whole on this machine: a broker and a gateway as processes of their own, a cluster through them. Stays until the
 * signal, unless `exit`. Rejects if the cluster isn't ready in time, or one of the processes ends. Leaves no process behind.
 */
export async function quickstart(host: Host, options: QuickstartOptions): Promise<void> {
  const cleanups: Cleanup[] = []
  try {
    await runAll(host, options, cleanups)
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  }
}

async function runAll(host: Host, options: QuickstartOptions, cleanups: Cleanup[]): Promise<void> {
  const began = host.clock.now()
  const report = reporter(host)
  const folder = resolve(host.cwd, options.state)
  const cleared = await prepareFolder(folder)
  report.done(`state in ${shown(host, folder)}${cleared ? '; what an earlier run left there is removed' : ''}`)

  const simulated = await startCloud(options.cloud, report, cleanups)
  const broker = await startPart(host, folder, cleanups, 'broker', ['--api', LOOPBACK, '--tunnel', LOOPBACK])
  report.done(`broker: API ${broker.ready.apiUrl}, tunnel ${broker.ready.tunnelAddress} (process ${broker.pid})`)

  const context = await readContext(join(folder, 'broker', 'admin.json'))
  const client = new Client(context)
  cleanups.push(async () => client.close())
  await shareContext(host, context, report)

  const gateway = await enrolGateway(host, folder, client, cleanups)
  report.done(`gateway ${GATEWAY}: joined with a one-time token, connected over mutual TLS (process ${gateway.pid})`)
  const broken = Promise.race([broker.failed, gateway.failed])
  broken.catch(() => {})

  const resources = await exampleResources(host, options.cloud, async (account) => {
    if (simulated === undefined) return undefined
    const { seal } = await import('../../resources/sealing.ts')
    const publicKey = await sealingKeyOf(client, GATEWAY, host.signal)
    const sealed = await seal(publicKey, simulated.credentials, { tenant: context.tenant, gateway: GATEWAY, account })
    report.done(`credentials of account ${account} sealed to the gateway's key: the broker can't read them`)
    return { ...simulated.access, sealed }
  })
  const isCluster = ({ kind }: Resource): boolean => kind === 'Cluster'
  await client.apply(
    resources.filter((resource) => !isCluster(resource)),
    false,
    host.signal,
  )
  for (const { kind, metadata } of resources)
    if (kind === 'CloudAccount') report.done(await accountVerified(host, client, metadata.name))
  const clusters = resources.filter(isCluster).map(({ metadata }) => metadata.name)
  await client.apply(resources.filter(isCluster), false, host.signal)
  report.done(`applied examples/${options.cloud}: ${resources.map(spokenResource).join(', ')}`)

  const applyBegan = host.clock.now()
  host.out.write('\n')
  await Promise.race([follow(host, client, { clusters, until: 'ready', timeoutMs: options.timeoutMs }), broken])
  host.out.write('\n')
  const listed = await client.list('Machine', host.signal)
  const machines = listed.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), 'en'))
  writeItems(host, [['Machine', machines]])
  const now = host.clock.now()
  host.out.write(
    `\nCluster ${clusters.join(', ')} is ready: ${duration(now - applyBegan)} after it was applied, ${duration(now - began)} after the start.\n`,
  )
  if (options.exit) return
  host.out.write(`${hints(host, options.cloud, folder, clusters[0] ?? '', machines.map(nameOf).at(-1) ?? '')}\n`)
  await Promise.race([untilStopped(host), broken])
  host.out.write('\nStopping the gateway and the broker.\n')
}

interface Reporter {
  /** Of what takes long: before it is begun. */
  doing(text: string): void
  done(text: string): void
}

function reporter(host: Host): Reporter {
  const paint = paintFor(host.out)
  return {
    doing: (text) => host.out.write(`${paint.dim('…')} ${text}\n`),
    done: (text) => host.out.write(`${paint.green('✓')} ${text}\n`),
  }
}

/** Undefined for the sandbox, which the gateway has in itself. */
async function startCloud(
  cloud: QuickstartCloud,
  report: Reporter,
  cleanups: Cleanup[],
): Promise<SimulatedCloud | undefined> {
  const start = await SIMULATED[cloud]?.(report)
  if (start === undefined) return undefined
  const simulated = await start()
  cleanups.push(() => simulated.close())
  report.done(simulated.what)
  return simulated
}

const SIMULATED: Readonly<
  Record<QuickstartCloud, ((report: Reporter) => Promise<() => Promise<SimulatedCloud>>) | null>
> = {
  sandbox: null,
  vsphere: async (report) => {
    report.doing('vcsim, the vCenter simulator: installed and built the first time, which may take minutes')
    return (await import('./simulated-vcenter.ts')).startSimulatedVcenter
  },
  openstack: async (report) => {
    report.doing("OpenStack's own services: unpacked the first time, which may take minutes, and started")
    return (await import('./simulated-openstack.ts')).startSimulatedOpenstack
  },
}

async function startPart(
  host: Host,
  folder: string,
  cleanups: Cleanup[],
  name: 'broker' | 'gateway',
  args: readonly string[],
): Promise<Child> {
  const [program, ...before] = host.self
  const child = await startChild({
    name,
    program,
    args: [...before, name, '--supervised', '--state', join(folder, name), ...args],
    env: host.env,
    logFile: join(folder, `${name}.log`),
    signal: host.signal,
  })
  cleanups.push(() => child.stop())
  return child
}

/** Puts the context where `pcg` finds it in this folder. */
async function shareContext(host: Host, context: Context, report: Reporter): Promise<void> {
  const { server, authority, apiKey, tenant } = context
  const path = join(host.cwd, '.pcg', 'config.yaml')
  const aside = await writeContext(path, stringify({ server, authority, apiKey, tenant }, { lineWidth: 0 }))
  if (aside !== undefined) report.done(`your own ${shown(host, path)} is kept as ${shown(host, aside)}`)
}

async function enrolGateway(host: Host, folder: string, client: Client, cleanups: Cleanup[]): Promise<Child> {
  await ensureGateway(client, GATEWAY, host.signal)
  const { token } = await client.joinToken(GATEWAY, undefined, host.signal)
  const tokenFile = join(folder, 'join-token')
  await writePrivate(tokenFile, `${token}\n`)
  const args = ['--token-file', tokenFile, '--phone-home-listen', LOOPBACK]
  const gateway = await startPart(host, folder, cleanups, 'gateway', args)
  await Promise.race([untilConnected(host, client), gateway.failed])
  return gateway
}

async function untilConnected(host: Host, client: Client): Promise<void> {
  const deadline = host.clock.now() + JOIN_MS
  while (statusPhase(await client.get('Gateway', GATEWAY, host.signal)) !== 'Connected') {
    if (host.clock.now() > deadline)
      throw new PcgError('timeout', `not connected within ${duration(JOIN_MS)}`, { subject: `gateway ${GATEWAY}` })
    await host.clock.sleep(50, host.signal)
  }
}

/** Resolves when its gateway has checked it. Rejects with what the gateway found wrong. */
async function accountVerified(host: Host, client: Client, account: string): Promise<string> {
  const deadline = host.clock.now() + JOIN_MS
  for (;;) {
    const item = await client.get('CloudAccount', account, host.signal)
    const wrong = findingsOf(item).filter(({ severity }) => severity === 'error')
    if (wrong.length > 0)
      throw new PcgError('internal', 'the gateway found something wrong with it', {
        subject: `account ${account}`,
        details: wrong,
      })
    if (statusPhase(item) === 'Ready') return `account ${account}: checked by the gateway, usable`
    if (host.clock.now() > deadline)
      throw new PcgError('timeout', `not checked within ${duration(JOIN_MS)}`, { subject: `account ${account}` })
    await host.clock.sleep(50, host.signal)
  }
}

function spokenResource({ kind, metadata }: Resource): string {
  return spoken(kind, metadata.name)
}

/** The examples of a cloud; `access` gives what the account of this run needs beside them. */
async function exampleResources(
  host: Host,
  cloud: QuickstartCloud,
  access: (account: string) => Promise<object | undefined>,
): Promise<Resource[]> {
  const texts = await Promise.all(EXAMPLE_FILES.map((file) => readPath(host, join(EXAMPLES, cloud, file))))
  const resources = texts.flatMap((text) => parseResources(text))
  return await Promise.all(
    resources.map(async (resource): Promise<Resource> => {
      if (resource.kind !== 'CloudAccount') return resource
      const own = await access(resource.metadata.name)
      return own === undefined ? resource : { ...resource, spec: { ...resource.spec, ...own } }
    }),
  )
}

type Hint = readonly [line: string, meaning: string]

function hints(host: Host, cloud: QuickstartCloud, folder: string, cluster: string, machine: string): string {
  const account = ACCOUNTS[cloud]
  const example = relative(host.cwd, join(EXAMPLES, cloud, 'cluster.yaml'))
  const lines: Hint[] = [
    ['npx pcg get all', 'everything there is'],
    [`npx pcg describe cluster ${cluster}`, 'conditions, machines, events'],
    [`npx pcg describe machine ${machine}`, 'its timeline, with the cause of each stage'],
    [`npx pcg inventory ${account}`, 'what a placement may choose from'],
    [`npx pcg plan -f ${example}`, 'what would be done (change a count in it first)'],
    [`npx pcg apply -f ${example} --wait`, 'and do it'],
    [`npx pcg ledger ${GATEWAY}`, 'every object that was made'],
    ...(cloud === 'sandbox' ? [behindItsBack(host, folder, machine)] : []),
    [`npx pcg delete cluster ${cluster} --wait`, 'undo all of it'],
  ]
  const width = Math.max(...lines.map(([line]) => line.length))
  const rows = lines.map(([line, meaning]) => `  ${line.padEnd(width)}  # ${meaning}\n`)
  return `\nIt stays up. In another terminal, in this folder:\n${rows.join('')}\nCtrl-C ends it.`
}

function behindItsBack(host: Host, folder: string, machine: string): Hint {
  const state = relative(host.cwd, join(folder, 'gateway'))
  return [`npx pcg sandbox power-off ${machine} --state ${state}`, 'the gateway heals it: describe it again']
}

function shown(host: Host, path: string): string {
  const short = relative(host.cwd, path)
  return short.startsWith('..') ? path : `./${short}`
}

function untilStopped(host: Host): Promise<void> {
  if (host.signal.aborted) return Promise.resolve()
  return new Promise((resolve) => host.signal.addEventListener('abort', () => resolve(), { once: true }))
}

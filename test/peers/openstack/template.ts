/**
 * The databases of a fresh cloud, made once (schemas, accounts, catalog, compute hosts, what seed.ts makes) and unpacked
 * for each start. What depends on the folder and the ports is rewritten then.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cacheFolder } from '../cache-folder.ts'
import { AdminApi } from './admin-api.ts'
import {
  APIS,
  COMPUTE_HOSTS,
  configurationFiles,
  type ServicePorts,
  type Settings,
  serviceUrl,
} from './configuration.ts'
import { packagesFingerprint } from './packages.ts'
import { freePorts, makeSchema, type Services, startServices } from './processes.ts'
import { seedIdentity, seedResources } from './seed.ts'

const run = promisify(execFile)
const KEPT = ['db', 'fernet', 'receipts', 'credential', 'images', 'template.json']
const FOLDERS = ['etc', 'db', 'log', 'lock', 'hands', 'images', 'instances', 'state/staging', 'state/tasks']

interface TemplateFacts {
  readonly folder: string
  readonly ports: ServicePorts
  readonly password: string
}

/** The template's archive, made if this state of packages and scripts has none yet (20 to 40 s on two cores). */
export async function openstackTemplate(packages: string): Promise<string> {
  const folder = join(await cacheFolder(), 'openstack')
  const archive = join(folder, `template-${await fingerprint(packages)}.tgz`)
  if (existsSync(archive)) return archive
  const lock = `${archive}.lock`
  // Processes that start at once would only take each other's CPU.
  while (!(await takeLock(lock))) {
    await sleep(500)
    if (existsSync(archive)) return archive
  }
  try {
    await packTemplate(archive, packages)
    return archive
  } finally {
    await rm(lock, { force: true })
  }
}

async function packTemplate(archive: string, packages: string): Promise<void> {
  const making = await mkdtemp(join(tmpdir(), 'pcg-openstack-'))
  try {
    await makeTemplate({ folder: making, packages, ports: await freePorts(), password: randomBytes(9).toString('hex') })
    const packed = `${archive}.${process.pid}`
    await run('tar', ['-czf', packed, '-C', making, ...KEPT])
    await rename(packed, archive)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

/** The file holds who has it; whose process has ended has it no more. */
async function takeLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const holder = Number(await readFile(path, 'utf8').catch(() => 'gone'))
    if (Number.isInteger(holder) && holder > 0 && !existsSync(`/proc/${holder}`)) await rm(path, { force: true })
    return false
  }
}

/** Makes a new cloud's folder from the template, ready for its services to start. */
export async function unpackTemplate(packages: string): Promise<Settings> {
  const archive = await openstackTemplate(packages)
  const folder = await mkdtemp(join(tmpdir(), 'pcg-openstack-'))
  try {
    await makeFolders(folder)
    await run('tar', ['-xzf', archive, '-C', folder])
    const made: TemplateFacts = JSON.parse(await readFile(join(folder, 'template.json'), 'utf8'))
    const settings = { folder, packages, ports: await freePorts(), password: made.password }
    relocate(made, settings)
    await writeConfiguration(settings)
    return settings
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function makeTemplate(settings: Settings): Promise<void> {
  const { folder, ports, password } = settings
  await makeFolders(folder)
  await writeConfiguration(settings)
  await writeFile(join(folder, 'admin-password'), password, { mode: 0o600 })
  const schemas = await Promise.allSettled(APIS.map((api) => makeSchema(api, settings)))
  for (const made of schemas) if (made.status === 'rejected') throw made.reason
  const admin = adminApiOf(settings)
  const prepareIdentity = (): Promise<void> => seedIdentity(admin, settings)
  const services = await startServices(settings, { buildSeconds: 0, octavia: false, prepareIdentity })
  try {
    await computeHostsInPlacement(admin, services)
    await seedResources(admin)
    await networkAgents(admin, services)
  } finally {
    await services.end()
  }
  for (const name of await readdir(join(folder, 'db'))) {
    if (name.endsWith('.sqlite')) compact(join(folder, 'db', name))
  }
  const facts: TemplateFacts = { folder, ports, password }
  await writeFile(join(folder, 'template.json'), JSON.stringify(facts))
}

export function adminApiOf(settings: Settings): AdminApi {
  const urls = Object.fromEntries(APIS.map((api) => [api, serviceUrl(settings, api)])) as Record<
    (typeof APIS)[number],
    string
  >
  return new AdminApi({ urls, username: 'admin', password: settings.password, project: 'admin' })
}

async function computeHostsInPlacement(admin: AdminApi, services: Services): Promise<void> {
  await until('placement has the compute hosts', services, async () => {
    const { resource_providers: hosts } = await admin.get<{ resource_providers: { uuid: string; name: string }[] }>(
      'placement',
      '/resource_providers',
    )
    for (const { uuid } of hosts) {
      const { inventories } = await admin.get<{ inventories: Record<string, unknown> }>(
        'placement',
        `/resource_providers/${uuid}/inventories`,
      )
      if (!('VCPU' in inventories)) return false
    }
    return hosts.length === COMPUTE_HOSTS.length
  })
}

async function networkAgents(admin: AdminApi, services: Services): Promise<void> {
  await until('neutron has its agents', services, async () => {
    const { agents } = await admin.get<{ agents: unknown[] }>('neutron', '/v2.0/agents')
    return agents.length === COMPUTE_HOSTS.length
  })
}

async function until(what: string, services: Services, done: () => Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 120_000
  let last: unknown = null
  while (Date.now() < giveUp) {
    const crash = services.crash()
    if (crash !== null) throw new Error(crash)
    try {
      if (await done()) return
    } catch (error) {
      last = error
    }
    await sleep(300)
  }
  throw new Error(`OpenStack: it never came true that ${what}${last === null ? '' : `: ${String(last)}`}`)
}

/** The paths and ports that the databases hold, and how old its services' last signs of life look. */
function relocate(made: TemplateFacts, { folder, ports }: Settings): void {
  const now = new Date().toISOString().replace('T', ' ').replace('Z', '')
  change(folder, 'nova_api', 'UPDATE cell_mappings SET database_connection = replace(database_connection, ?, ?)', [
    made.folder,
    folder,
  ])
  change(folder, 'glance', 'UPDATE image_locations SET value = replace(value, ?, ?)', [made.folder, folder])
  for (const api of APIS) {
    const from = `http://127.0.0.1:${made.ports[api]}`
    const to = `http://127.0.0.1:${ports[api]}`
    change(folder, 'keystone', 'UPDATE endpoint SET url = replace(url, ?, ?)', [from, to])
  }
  change(folder, 'nova', 'UPDATE services SET updated_at = ?, last_seen_up = ?', [now, now])
  change(folder, 'cinder', 'UPDATE services SET updated_at = ?', [now])
  change(folder, 'neutron', 'UPDATE agents SET heartbeat_timestamp = ?', [now])
}

function change(folder: string, name: string, statement: string, values: readonly string[]): void {
  const database = new DatabaseSync(join(folder, 'db', `${name}.sqlite`))
  try {
    database.prepare(statement).run(...values)
  } finally {
    database.close()
  }
}

function compact(path: string): void {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE; VACUUM;')
  } finally {
    database.close()
  }
}

async function makeFolders(folder: string): Promise<void> {
  for (const name of FOLDERS) await mkdir(join(folder, name), { recursive: true })
  for (const name of ['fernet', 'receipts', 'credential']) await mkdir(join(folder, name), { mode: 0o700 })
}

async function writeConfiguration(settings: Settings): Promise<void> {
  for (const [name, text] of Object.entries(configurationFiles(settings))) {
    await writeFile(join(settings.folder, 'etc', name), text, { mode: 0o600 })
  }
  const forScripts = { ports: settings.ports, hosts: COMPUTE_HOSTS }
  await writeFile(join(settings.folder, 'settings.json'), JSON.stringify(forScripts))
}

/** Of what decides on a template's contents: other packages or scripts get another one. */
async function fingerprint(packages: string): Promise<string> {
  const hash = createHash('sha256').update(await packagesFingerprint(packages))
  for (const name of (await readdir(import.meta.dirname)).sort()) {
    if (
      !/^(configuration\.ts|seed\.ts|template\.ts|schema\.py|service\.py|network_agents\.py|compute_driver\.py)$/.test(
        name,
      )
    )
      continue
    hash.update(name).update(await readFile(join(import.meta.dirname, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

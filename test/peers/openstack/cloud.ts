/**
 * A real OpenStack on this machine: keystone, placement, glance, neutron, nova, cinder and, where it is asked for, Octavia of
 * Debian's packages, over HTTPS.
 *
 *     const openstack = await peer('openstack')                      // test/peers/peer.ts
 *     describe.skipIf(!openstack.available)(title('…', openstack), () => {
 *       const cloud = await startOpenstack()                         // in beforeAll; some 10 s if it isn't running yet
 *       const project = await cloud.newProject()                     // of this test file alone
 *       cloud.authUrl, cloud.authorityPem, cloud.region, project.username, project.password, project.name
 *       await cloud.close()                                          // in afterAll
 *     })
 *
 * Under `npm test` all files share one cloud, which starts when the first of them asks; the project, and the front with
 * its counters and faults, are each file's own. A file that is run by vitest directly has a cloud of its own.
 *
 * In it: flavors m1.tiny, m1.small, m1.medium, m1.large and, without a disk, v1.small and v1.medium; the image
 * `debian-12` (min_disk 2, min_ram 256); volume types `standard` and `fast`; the external network `public`
 * (203.0.113.0/24); zones `nova` (two hosts) and `az-1` (one). The driver of nova keeps no servers, that of cinder no
 * bytes, and a load balancer of Octavia becomes ACTIVE and balances nothing.
 */
import { rm } from 'node:fs/promises'
import type { Availability, Effort } from '../availability.ts'
import { AdminApi } from './admin-api.ts'
import { APIS, type ApiName, REGION, type Settings, serviceUrl } from './configuration.ts'
import { OpenstackControl } from './control.ts'
import { type Front, PREFIXES, startFront } from './front.ts'
import { openstackPackages } from './packages.ts'
import { startServices } from './processes.ts'
import { makeProject, type OpenstackProject, type ProjectOptions } from './project.ts'
import { addImage } from './seed.ts'
import { askShared, SHARED_VARIABLE } from './shared.ts'
import { adminApiOf, openstackTemplate, unpackTemplate } from './template.ts'

export interface OpenstackOptions {
  /** Whether it has to be one that nobody else uses; false if not given. */
  readonly own?: boolean
  /** Whether the catalog has Octavia; false if not given. */
  readonly octavia?: boolean
  /** Whether the front speaks TLS; true if not given. */
  readonly tls?: boolean
}

export interface OpenstackCloud {
  /** `https://127.0.0.1:PORT/identity/v3`, by the front. */
  readonly authUrl: string
  /** To trust as an authority; '' without TLS. */
  readonly authorityPem: string
  readonly region: string
  readonly admin: { readonly username: string; readonly password: string; readonly project: string }
  readonly front: Front
  /** Past the front, by plain HTTP, as admin. */
  readonly api: AdminApi
  /** Past the front: where measurements are not to include it. */
  readonly directAuthUrl: string
  readonly settings: Settings
  newProject(options?: ProjectOptions): Promise<OpenstackProject>
  /** Hands inside a project, from outside. */
  control(project: Pick<OpenstackProject, 'id'>): OpenstackControl
  /** Public, of a few bytes; returns its id. `properties` are glance's: name, min_disk, min_ram, owner, … */
  addImage(properties: Readonly<Record<string, unknown>>): Promise<string>
  /** A client of ours as that user, past the front. */
  apiAs(project: Pick<OpenstackProject, 'name' | 'username' | 'password'>): AdminApi
  /** Ends the services; where others use them, too, this one's projects lose their servers instead. */
  close(): Promise<void>
}

/** Whether OpenStack can be run here. */
export async function openstackAvailability(effort: Effort): Promise<Availability> {
  const packages = await openstackPackages(effort)
  return packages.available ? { available: true } : packages
}

/** Makes what each start needs ahead of the tests, so that none of them waits for it. */
export async function buildOpenstack(): Promise<void> {
  await openstackTemplate(await packagesFolder())
}

/** Starts one, or joins the one that the run's test files share; with a front of its own either way. */
export async function startOpenstack(options: OpenstackOptions = {}): Promise<OpenstackCloud> {
  const shared = process.env[SHARED_VARIABLE] ?? ''
  if (shared !== '' && options.own !== true) return openCloud(await askShared(shared), options, null)
  const server = await startOpenstackServer(options)
  try {
    return await openCloud(server.settings, options, server.end)
  } catch (error) {
    await server.end()
    throw error
  }
}

/** Long enough that a build is seen; a project's `control` can say otherwise. */
const BUILD_SECONDS = 0.3

export interface OpenstackServer {
  readonly settings: Settings
  /** The services' resident memory together. */
  memoryMiB(): Promise<number>
  /** The last words of a service that ended by itself, else null. */
  crash(): string | null
  /** Throws if one of them had crashed: then what the tests saw is not to be trusted. */
  end(): Promise<void>
}

/** The services without a front. */
export async function startOpenstackServer({
  octavia = false,
}: Pick<OpenstackOptions, 'octavia'> = {}): Promise<OpenstackServer> {
  const settings = await unpackTemplate(await packagesFolder())
  try {
    const services = await startServices(settings, { buildSeconds: BUILD_SECONDS, octavia })
    return {
      settings,
      memoryMiB: services.memoryMiB,
      crash: services.crash,
      async end() {
        const crash = services.crash()
        await services.end()
        await rm(settings.folder, { recursive: true, force: true })
        if (crash !== null) throw new Error(`OpenStack: ${crash}`)
      },
    }
  } catch (error) {
    await rm(settings.folder, { recursive: true, force: true })
    throw error
  }
}

/** `end` ends the services; null: others use them, too. */
async function openCloud(
  settings: Settings,
  options: OpenstackOptions,
  end: (() => Promise<void>) | null,
): Promise<OpenstackCloud> {
  const services = Object.fromEntries(APIS.map((name) => [name, serviceUrl(settings, name)])) as Record<ApiName, string>
  const { octavia: _, ...withoutOctavia } = services
  const shown = options.octavia === true ? services : withoutOctavia
  const front = await startFront({ services: shown, tls: options.tls ?? true })
  const api = adminApiOf(settings)
  const projects: OpenstackProject[] = []
  const control = ({ id }: Pick<OpenstackProject, 'id'>): OpenstackControl =>
    new OpenstackControl(api, { projectId: id, folder: settings.folder })
  const userApi = (username: string, password: string, project: string): AdminApi =>
    new AdminApi({ urls: services, username, password, project })
  return {
    authUrl: `${front.url}/${PREFIXES.keystone}/v3`,
    authorityPem: front.authorityPem,
    region: REGION,
    admin: { username: 'admin', password: settings.password, project: 'admin' },
    front,
    api,
    directAuthUrl: `${services.keystone}/v3`,
    settings,
    async newProject(wanted) {
      const project = await makeProject(api, userApi, wanted)
      projects.push(project)
      return project
    },
    control,
    addImage: (properties) => addImage(api, { visibility: 'public', ...properties }),
    apiAs: ({ name, username, password }) => userApi(username, password, name),
    async close() {
      await front.close()
      if (end === null) await Promise.allSettled(projects.map((project) => control(project).deleteServers()))
      else await end()
    },
  }
}

async function packagesFolder(): Promise<string> {
  const packages = await openstackPackages('install')
  if (!packages.available) throw new Error(packages.reason)
  return packages.folder
}

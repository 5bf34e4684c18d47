/** The OpenStack that `pcg quickstart --cloud openstack` uses is the one that the tests use. */
import { PcgError } from '../../runtime/pcg-error.ts'
import { openstackAvailability, startOpenstack } from '../../test/peers/openstack/cloud.ts'
import { playOpenstackGuests } from '../../test/peers/openstack/guests.ts'
import type { SimulatedCloud } from './simulated-cloud.ts'

/** So long as a build is seen to go on, and short enough for a first look. */
const BUILD_SECONDS = 1
const BOOT_MS = 1_000

/** Unpacks (the first time) and starts OpenStack's services, with a project for the cluster, and guests that phone home. */
export async function startSimulatedOpenstack(): Promise<SimulatedCloud> {
  const availability = await openstackAvailability('install')
  if (!availability.available)
    throw new PcgError('unavailable', `OpenStack's services can't be had: ${availability.reason}`, {
      remedy: 'Run it on Debian 12 or newer; or leave out --cloud openstack: the sandbox needs nothing.',
    })
  const openstack = await startOpenstack()
  const stop = new AbortController()
  try {
    const project = await openstack.newProject({ network: false })
    await openstack.control(project).setBuildSeconds(BUILD_SECONDS)
    const guests = playOpenstackGuests(openstack.api, {
      projectId: project.id,
      signal: stop.signal,
      delayMs: BOOT_MS,
    })
    return {
      what: `OpenStack: keystone, nova, neutron, cinder, glance and placement behind ${openstack.authUrl}`,
      access: {
        authUrl: openstack.authUrl,
        authority: openstack.authorityPem,
        region: openstack.region,
        scope: { projectName: project.name, projectDomainName: 'Default' },
      },
      credentials: {
        type: 'password',
        username: project.username,
        userDomainName: 'Default',
        password: project.password,
      },
      async close() {
        stop.abort()
        await guests.ended
        await openstack.close()
      },
    }
  } catch (cause) {
    stop.abort()
    await openstack.close()
    throw cause
  }
}

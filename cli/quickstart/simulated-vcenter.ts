/** The vCenter that `pcg quickstart --cloud vsphere` uses is the one that the tests use. */
import { PcgError } from '../../runtime/pcg-error.ts'
import { startVcsim, vcsimAvailability } from '../../test/peers/vcsim.ts'
import { playGuests } from '../../test/peers/vcsim-guest.ts'
import type { SimulatedCloud } from './simulated-cloud.ts'

/** So long as clones are seen to move, and short enough for a first look. */
const TASK_MS = 1_000
const BOOT_MS = 1_000

/** Installs (the first time) and starts vcsim, with guests that phone home. */
export async function startSimulatedVcenter(): Promise<SimulatedCloud> {
  const availability = await vcsimAvailability('install')
  if (!availability.available)
    throw new PcgError('unavailable', `the vCenter simulator can't be had: ${availability.reason}`, {
      remedy:
        'Install golang-go and golang-github-vmware-govmomi-dev; or leave out --cloud vsphere: the sandbox needs nothing.',
    })
  const vcsim = await startVcsim({ taskMs: TASK_MS })
  const stop = new AbortController()
  const guests = playGuests(vcsim, { signal: stop.signal, delayMs: BOOT_MS })
  return {
    what: `vCenter: vcsim on ${vcsim.host}:${vcsim.port}`,
    access: { server: `${vcsim.host}:${vcsim.port}`, thumbprint: vcsim.thumbprint },
    credentials: { username: vcsim.username, password: vcsim.password },
    async close() {
      stop.abort()
      await guests.ended
      await vcsim.close()
    },
  }
}

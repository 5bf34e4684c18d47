/**
 * The guests that the hypervisor doesn't have: each server of a project that becomes ACTIVE with user-data reads it and
 * phones home over HTTPS, as the real one's cloud-init would; one of a control plane then asks the gateway who leaves the
 * cluster. A server that is off, or gone, falls silent; one that is started again phones home again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { type PhoneHomeFile, phoneHomeOf } from '../guestinfo.ts'
import { phoneHome, serveControlPlane } from '../phone-home.ts'
import type { AdminApi } from './admin-api.ts'
import { type CloudServer, OpenstackControl } from './control.ts'

export interface OpenstackGuestOptions {
  readonly projectId: string
  /** Ends all guests. */
  readonly signal: AbortSignal
  /** From ACTIVE to the phone-home; 0 if not given. */
  readonly delayMs?: number
  /** How often it is looked for servers that became ACTIVE; 500 ms if not given. */
  readonly everyMs?: number
  /** How often a control plane's guest asks the gateway; 1 s if not given. */
  readonly askMs?: number
  /** Which servers have a guest that works; all if not given. */
  readonly boots?: (server: CloudServer) => boolean
}

export interface OpenstackGuests {
  /** What became of each boot so far, in order. */
  readonly boots: readonly OpenstackBoot[]
  /** Resolves when the signal has aborted and every guest has ended. */
  readonly ended: Promise<void>
}

export type OpenstackBoot = { readonly server: string; readonly id: string; readonly addresses: readonly string[] } & (
  | { readonly outcome: 'accepted' }
  /** The gateway said no: its HTTP status and words. */
  | { readonly outcome: 'refused'; readonly status: number; readonly message: string }
  /** What cloud-init could not read. */
  | { readonly outcome: 'unreadable'; readonly message: string }
)

export function playOpenstackGuests(api: AdminApi, options: OpenstackGuestOptions): OpenstackGuests {
  const { projectId, signal, delayMs = 0, everyMs = 500, askMs = 1_000 } = options
  const control = new OpenstackControl(api, { projectId, folder: '/nonexistent' })
  const boots: OpenstackBoot[] = []
  const running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>()

  async function look(): Promise<void> {
    const path = `/v2.1/servers?all_tenants=1&status=ACTIVE&project_id=${projectId}`
    const { servers } = await api.get<{ servers: { id: string }[] }>('nova', path)
    const on = new Set(servers.map(({ id }) => id))
    for (const [id, guest] of running) {
      if (on.has(id)) continue
      guest.stop.abort()
      running.delete(id)
    }
    for (const id of on) {
      if (running.has(id)) continue
      const stop = new AbortController()
      running.set(id, { stop, ended: boot(id, AbortSignal.any([signal, stop.signal])) })
    }
  }

  /** One boot, to its end; never rejects. */
  async function boot(id: string, ending: AbortSignal): Promise<void> {
    let seen = { server: id, id, addresses: [] as string[] }
    try {
      await sleep(delayMs, undefined, { signal: ending })
      const server = await control.server(id)
      if (!(options.boots?.(server) ?? true)) return
      const guest = readUserData(server['OS-EXT-SRV-ATTR:user_data'] ?? null)
      const addresses = Object.values(server.addresses).flatMap((network) => network.map(({ addr }) => addr))
      seen = { server: server.name, id, addresses }
      if (guest?.phoneHome == null) return
      const answer = await phoneHome(guest.phoneHome, addresses, ending)
      if (answer.status < 300) boots.push({ ...seen, outcome: 'accepted' })
      else boots.push({ ...seen, outcome: 'refused', ...answer })
      await serveControlPlane(guest, { askMs, signal: ending })
    } catch (error) {
      if (!ending.aborted) boots.push({ ...seen, outcome: 'unreadable', message: String(error) })
    }
  }

  async function play(): Promise<void> {
    while (!signal.aborted) {
      // A cloud that is being closed shows no servers for now.
      await look().catch(() => {})
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
    await Promise.all([...running.values()].map((guest) => guest.ended))
  }
  return { boots, ended: play() }
}

export interface OpenstackGuest {
  readonly userData: string
  readonly phoneHome: PhoneHomeFile | null
}

/**
 * Reads a server's user-data as cloud-init's OpenStack data source does: base64 as nova keeps it, gzip inside if one likes.
 * @returns null if there is none; throws if cloud-init could not read it either.
 */
export function readUserData(encoded: string | null): OpenstackGuest | null {
  if (encoded === null || encoded === '') return null
  const bytes = Buffer.from(encoded, 'base64')
  const userData = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
  if (!userData.startsWith('#cloud-config')) throw new Error('the user-data is no #cloud-config')
  return { userData, phoneHome: phoneHomeOf(userData) }
}

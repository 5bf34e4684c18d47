/** What a guest does over HTTPS once it has read its user-data, as the machines' own scripts do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { z } from 'zod'
import type { PhoneHomeFile } from './guestinfo.ts'

/** Tries again while the gateway can't be reached, as `curl --retry` does. */
export async function phoneHome(
  file: PhoneHomeFile,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<{ status: number; message: string }> {
  const dispatcher = new Agent({ connect: { ca: file.authority } })
  try {
    for (;;) {
      try {
        const { statusCode, body } = await request(file.url, {
          method: 'POST',
          headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ phase: 'ready', addresses }),
          dispatcher,
          signal,
        })
        const message = await body.text()
        if (statusCode < 500) return { status: statusCode, message }
      } catch (error) {
        if (signal.aborted) throw error
      }
      await sleep(250, undefined, { signal })
    }
  } finally {
    await dispatcher.destroy()
  }
}

/**
 * A control plane's part until its power goes: whoever is to leave the cluster, which runs nothing here, has left. Of any
 * other machine, there is nothing to do.
 */
export async function serveControlPlane(
  guest: { readonly userData: string; readonly phoneHome: PhoneHomeFile | null },
  { askMs, signal }: { askMs: number; signal: AbortSignal },
): Promise<void> {
  const file = guest.phoneHome
  if (file === null || !guest.userData.includes('path: /usr/local/lib/pcg/join-wanted.sh\n')) return
  const dispatcher = new Agent({ connect: { ca: file.authority } })
  const headers = { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' }
  try {
    for (;;) {
      await sleep(askMs, undefined, { signal })
      try {
        const { body } = await request(`${file.url}/join-wanted`, { headers, dispatcher, signal })
        const { leaving } = wantedSchema.parse(await body.json())
        for (const { name } of leaving) {
          const report = JSON.stringify({ machine: name, outcome: 'left' })
          const left = await request(`${file.url}/left`, { method: 'POST', headers, body: report, dispatcher, signal })
          await left.body.dump()
        }
      } catch (error) {
        // A gateway that restarts is asked again.
        if (signal.aborted) throw error
      }
    }
  } finally {
    await dispatcher.destroy()
  }
}

const wantedSchema = z.object({ leaving: z.array(z.object({ name: z.string() })) })

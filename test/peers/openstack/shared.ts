/**
 * One OpenStack for all the test files of a run: `npm test` is its host. It starts when the first file asks, is started
 * again if it crashed, and ends with the run.
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { OpenstackServer } from './cloud.ts'
import type { Settings } from './configuration.ts'

/** The environment variable in which the host hands its address to the tests. */
export const SHARED_VARIABLE = 'PCG_SHARED_OPENSTACK'

export interface SharedHost {
  /** For SHARED_VARIABLE. Its path is a secret: the answer holds the cloud's passwords. */
  readonly url: string
  close(): Promise<void>
}

/** `start` starts the services. */
export async function hostShared(start: () => Promise<OpenstackServer>): Promise<SharedHost> {
  const path = `/${randomBytes(16).toString('hex')}`
  let running: Promise<OpenstackServer> | null = null

  async function settings(): Promise<Settings> {
    const server = await running?.catch(() => null)
    if (server != null && server.crash() === null) return server.settings
    await server?.end().catch(() => {})
    running = start()
    return (await running).settings
  }

  // One after the other: two files that ask at once get the same.
  let last: Promise<unknown> = Promise.resolve()
  const host = createServer((incoming, outgoing) => {
    if (incoming.url !== path) {
      outgoing.writeHead(404).end()
      return
    }
    const answer = last.then(settings)
    last = answer.catch(() => {})
    answer.then(
      (found) => outgoing.end(JSON.stringify(found)),
      (error: unknown) => outgoing.writeHead(500).end(String(error)),
    )
  })
  // A start takes its time.
  host.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    host.once('error', reject)
    host.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(host.address() as AddressInfo).port}${path}`,
    async close() {
      const closed = new Promise<void>((resolve) => host.close(() => resolve()))
      host.closeAllConnections()
      await closed
      await last
      const server = await running?.catch(() => null)
      await server?.end()
    },
  }
}

/** The shared cloud's settings; it is running then. */
export async function askShared(url: string): Promise<Settings> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}

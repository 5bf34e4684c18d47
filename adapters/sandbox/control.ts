/** Hands for a sandbox in another process: a local socket that takes lines like `power-off prod-workers-x7k2p`. */
import { chmod, constants, open, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { SandboxCloud } from './cloud.ts'

const MAX_LINE = 1_000
/** Bytes that a socket's path may have; see unix(7). */
const MAX_PATH = 107
const REMEDY = 'Say `power-off NAME`, `remove NAME` or `resize NAME CPUS`.'

export interface SandboxControl {
  close(): Promise<void>
}

/** Listens at `path`, a socket that only its owner may use, in the place of one that a dead process left there. */
export async function serveControl(cloud: SandboxCloud, path: string): Promise<SandboxControl> {
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let line = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      line += chunk
      if (line.includes('\n') || line.length > MAX_LINE) socket.end(`${answer(cloud, line.split('\n')[0] ?? '')}\n`)
    })
  })
  const place = await reach(path)
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    await place.release()
  }
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(place.path, resolve))
    await chmod(path, 0o600)
  } catch (error) {
    await close()
    throw error
  }
  return { close }
}

/** Has the sandbox that listens at `path` changed by a line as above. Throws in the sandbox's words if it refuses. */
export async function changeOutside(path: string, line: string): Promise<void> {
  const said = await ask(path, line).catch((cause: unknown) => {
    throw new PcgError('unavailable', `no sandbox answers at ${path}`, {
      cause,
      remedy: 'Start the gateway whose account is the sandbox.',
    })
  })
  if (said !== 'ok\n') throw new PcgError('invalid', said.trim(), { remedy: REMEDY })
}

async function ask(path: string, line: string): Promise<string> {
  const place = await reach(path)
  try {
    const socket = createConnection(place.path)
    socket.end(`${line}\n`)
    return await text(socket)
  } finally {
    await place.release()
  }
}

/** The path itself, or, where it is too long for a socket, the way through its folder, which stays open until the release. */
async function reach(path: string): Promise<{ readonly path: string; release(): Promise<void> }> {
  if (Buffer.byteLength(path) <= MAX_PATH) return { path, release: async () => {} }
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: `/proc/self/fd/${folder.fd}/${basename(path)}`, release: () => folder.close() }
}

function answer(cloud: SandboxCloud, line: string): string {
  try {
    return change(cloud, line)
  } catch (cause) {
    return PcgError.from(cause).message
  }
}

function change(cloud: SandboxCloud, line: string): string {
  const [action = '', name = '', cpus = ''] = line.trim().split(/\s+/)
  const machine = cloud.named(name)
  if (machine === null) return `the sandbox has no machine "${name}"`
  switch (action) {
    case 'power-off':
      cloud.outside.powerOff(machine)
      return 'ok'
    case 'remove':
      cloud.outside.remove(machine)
      return 'ok'
    case 'resize':
      if (!/^[1-9]\d{0,2}$/.test(cpus)) return `"${cpus}" is no number of CPUs`
      cloud.outside.resize(machine, { cpus: Number(cpus) })
      return 'ok'
    default:
      return `the sandbox cannot "${action}"`
  }
}

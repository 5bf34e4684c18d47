/** Hands for a sandbox in another process: a local socket that takes lines like `power-off prod-workers-x7k2p`. */
import { chmod, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { SandboxCloud } from './cloud.ts'

const MAX_LINE = 1_000
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
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  await chmod(path, 0o600)
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Has the sandbox that listens at `path` changed by a line as above. Throws in the sandbox's words if it refuses. */
export async function changeOutside(path: string, line: string): Promise<void> {
  const socket = createConnection(path)
  socket.end(`${line}\n`)
  const said = await text(socket).catch((cause: unknown) => {
    throw new PcgError('unavailable', `no sandbox answers at ${path}`, {
      cause,
      remedy: 'Start the gateway whose account is the sandbox.',
    })
  })
  if (said !== 'ok\n') throw new PcgError('invalid', said.trim(), { remedy: REMEDY })
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

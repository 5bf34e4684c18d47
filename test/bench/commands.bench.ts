/**
 * A command from its publishing at the broker (fsync) over the tunnel into the gateway's journal (fsync) and its
 * acknowledgement back, with broker and gateway each in a process of its own. Beside it, what that can't do without: a ping
 * over a bidirectional stream of grpc-js and one fsync of the same disk.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import type { Command } from '../../resources/command.ts'
import { TunnelClient } from '../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { type BenchBroker, ECHO_NAME, startBenchBroker } from './commands-broker.ts'
import type { GatewayOrder } from './commands-gateway.ts'
import { type Bench, type Figures, median } from './harness.ts'

const SINGLES = 400
const BULK = 10_000
/** Commands under way at once in the bulk: what group commit works with. */
const UNDER_WAY = 512
const POOLS = 1_000
const BLOCK = Buffer.alloc(4_096)

export const bench: Bench = {
  peer: 'grpc-js ping + fsync',
  rounds: 7,
  metrics: [
    { name: 'rate', unit: 'commands/s', goal: { of: 'ours', atLeast: 5_000 } },
    { name: 'p50', unit: 'ms', goal: { of: 'ratio', atMost: 3 } },
  ],
  start: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pcg-commands-'))
    await mkdir(join(folder, 'gateway'), { mode: 0o700 })
    const broker = await startBenchBroker(folder)
    const gateway = fork(join(import.meta.dirname, 'commands-gateway.ts'))
    const order: GatewayOrder = { folder: join(folder, 'gateway'), token: broker.token, tls: broker.tls }
    gateway.send(order)
    const end = async (): Promise<void> => {
      await ended(gateway)
      await broker.close()
      await rm(folder, { recursive: true, force: true })
    }
    try {
      const yardstick = await startYardstick(await echoPortOf(gateway), broker.tls.ca, folder)
      return {
        ours: () => ourRound(broker),
        theirs: () => yardstick.round(),
        close: async () => {
          yardstick.close()
          await end()
        },
      }
    } catch (cause) {
      await end()
      throw cause
    }
  },
}

let generation = 0

/** The next change of one of many pools: each is news to the gateway. */
function nextCommand(): Buffer {
  generation += 1
  const name = `pool-${generation % POOLS}`
  const command: Command = {
    type: 'put',
    generation,
    resource: {
      apiVersion: 'pcg/v1',
      kind: 'IPPool',
      metadata: { name },
      spec: {
        ranges: [{ first: '10.0.0.10', last: '10.0.0.250' }],
        prefix: 24,
        gateway: '10.0.0.1',
        nameservers: ['10.0.0.2'],
        searchDomains: [],
      },
    },
  }
  return Buffer.from(JSON.stringify(command))
}

async function ourRound(broker: BenchBroker): Promise<Figures> {
  const times: number[] = []
  for (let n = 0; n < SINGLES; n += 1) times.push(await timed(() => broker.publish(nextCommand())))
  let left = BULK
  const bulkMs = await timed(async () => {
    const one = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        await broker.publish(nextCommand())
      }
    }
    await Promise.all(Array.from({ length: UNDER_WAY }, one))
  })
  return { p50: median(times) ?? Number.NaN, rate: (BULK / bulkMs) * 1_000 }
}

interface Yardstick {
  round(): Promise<Figures>
  close(): void
}

async function startYardstick(port: number, ca: string, folder: string): Promise<Yardstick> {
  const client = new TunnelClient(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(ca)), {
    'grpc.ssl_target_name_override': ECHO_NAME,
    'grpc.enable_http_proxy': 0,
  })
  const stream = client.attach()
  stream.on('error', () => {})
  const file = openSync(join(folder, 'yardstick'), 'w')
  const ping = async (): Promise<void> => {
    const answered = once(stream, 'data')
    stream.write({ frame: { $case: 'heartbeat', value: { nonce: 1, reply: false } }, epoch: 1 })
    await answered
  }
  await ping()
  return {
    async round() {
      const times: number[] = []
      for (let n = 0; n < SINGLES; n += 1) {
        const pingMs = await timed(ping)
        writeSync(file, BLOCK)
        times.push(pingMs + (await timed(async () => fsyncSync(file))))
      }
      return { p50: median(times) ?? Number.NaN }
    },
    close() {
      stream.cancel()
      client.close()
      closeSync(file)
    },
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now()
  await work()
  return performance.now() - since
}

async function echoPortOf(gateway: ChildProcess): Promise<number> {
  const [message] = await Promise.race([
    once(gateway, 'message'),
    once(gateway, 'exit').then(() =>
      Promise.reject(new Error('the gateway of the bench ended before it was attached')),
    ),
  ])
  return Number(message.echoPort)
}

async function ended(gateway: ChildProcess): Promise<void> {
  if (gateway.exitCode !== null || gateway.signalCode !== null) return
  const exit = once(gateway, 'exit')
  gateway.disconnect()
  await exit
}

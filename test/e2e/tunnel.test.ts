import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { formatJoinToken, parseJoinToken } from '../../tunnel/join-token.ts'
import { type FaultProxy, startFaultProxy } from '../peers/fault-proxy.ts'
import { GatewayProcess } from './support/gateway-process.ts'
import { Saas } from './support/saas.ts'
import { sandboxCluster, useSandbox } from './support/sandbox-site.ts'

const GATEWAY = 'site-1'

describe('the tunnel between real processes, through a network that misbehaves', () => {
  const stop = new AbortController()
  let saas: Saas
  let proxy: FaultProxy
  let gateway: GatewayProcess
  let token = ''

  beforeAll(async () => {
    saas = await Saas.start()
    const [host = '', port = ''] = saas.broker.tunnelAddress.split(':')
    proxy = await startFaultProxy({ host, port: Number(port) })
    gateway = await saas.gateway(GATEWAY, (issued) => {
      token = formatJoinToken({ ...parseJoinToken(issued), address: proxy.address })
      return token
    })
    await useSandbox(saas, GATEWAY)
  })
  afterEach(() => proxy.resume())
  afterAll(async () => {
    stop.abort()
    await saas?.close()
    await proxy?.close()
  })

  const phase = async (): Promise<string> => (await saas.gatewayStatus(GATEWAY)).phase
  const connected = (): Promise<void> => saas.until(async () => (await phase()) === 'Connected')
  const workersOf = async (cluster: string): Promise<number> =>
    (await saas.machines(cluster)).filter((machine) => machine.pool === 'workers' && machine.phase === 'Ready').length

  it('a command that was sent while it is cut arrives, and has its effect once', async () => {
    proxy.refuse()
    proxy.cut()
    await saas.apply(sandboxCluster('cut', 1))
    await saas.apply(sandboxCluster('cut', 3))
    await saas.until(async () => (await phase()) === 'Disconnected')
    proxy.resume()
    await saas.ready('cut')
    expect(await workersOf('cut')).toBe(3)
  })

  it('a path that is open but silent is noticed by both ends, and left', async () => {
    await connected()
    proxy.stall()
    await saas.until(async () => (await phase()) === 'Disconnected')
    await saas.apply(sandboxCluster('stalled', 1))
    proxy.resume()
    await saas.ready('stalled')
  })

  it('flapping loses nothing and doubles nothing', async () => {
    const flapping = proxy.flap(Array.from({ length: 12 }, (_, index) => 60 + index * 40))
    for (let workers = 1; workers <= 8; workers++) {
      await saas.apply(sandboxCluster('flapping', workers))
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    await flapping
    await saas.until(async () => (await workersOf('flapping')) === 8)
    await saas.ready('flapping')
    const events = await saas.client.events({ kind: 'Machine', limit: 1_000 }, stop.signal)
    const readies = events
      .filter((event) => event.reason === 'Ready' && event.name.startsWith('flapping-'))
      .map((event) => event.name)
    expect(readies).toHaveLength(9)
    expect(new Set(readies).size).toBe(9)
  })

  it('the gateway goes on while the tunnel is down, and what happened arrives afterwards', async () => {
    await saas.apply(sandboxCluster('alone', 6))
    await saas.until(async () => (await saas.machines('alone')).length === 7)
    proxy.refuse()
    proxy.cut()
    const log = (): string => readFileSync(gateway.logPath, 'utf8')
    await saas.until(async () => log().includes('"phase":"connecting"'))
    // Longer than all of its machines take: they are ready before anybody hears of it.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect((await saas.cluster('alone'))?.phase).not.toBe('Ready')
    const back = Date.now()
    proxy.resume()
    await saas.ready('alone')
    const [machine] = await saas.machines('alone')
    const timeline = await saas.client.timeline(machine?.name ?? '', stop.signal)
    expect(Date.parse(timeline.find((entry) => entry.stage === 'ready')?.time ?? '')).toBeLessThan(back)
  })

  it('a broker that is gone and comes back finds everything as it was', async () => {
    await saas.broker.close()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await saas.startBroker()
    await connected()
    await saas.apply(sandboxCluster('after', 1))
    await saas.ready('after')
    expect((await saas.cluster('cut'))?.phase).toBe('Ready')
  })

  it('a token that was used is refused, with the remedy', async () => {
    const thief = new GatewayProcess({ stateDir: join(saas.folder, 'thief'), token })
    saas.gateways.push(thief)
    await expect(thief.start()).rejects.toThrow(/token.*(used|spent)/)
  })

  it('a revoked gateway is cut off at once, and stays so', async () => {
    await connected()
    await saas.client.revoke(GATEWAY, stop.signal)
    await saas.until(async () => (await phase()) === 'Revoked')
    await gateway.kill()
    await gateway.start()
    await saas.until(async () => readFileSync(gateway.logPath, 'utf8').includes('"phase":"refused"'))
    expect(await phase()).toBe('Revoked')
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peer, title } from '../peers/peer.ts'
import { GatewayProcess } from './support/gateway-process.ts'
import { Saas } from './support/saas.ts'
import { sandboxCluster, useSandbox } from './support/sandbox-site.ts'

const faketime = await peer('faketime')
const GATEWAY = 'site-1'
/** As Debian's `faketime` command sets it; that itself stays between a process and whoever would end it. */
const YEAR_AHEAD = { LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1', FAKETIME: '+366d' }

describe.skipIf(!faketime.available)(title('a gateway whose clock is a year ahead', faketime), () => {
  let saas: Saas
  let gateway: GatewayProcess
  let wrong: GatewayProcess

  beforeAll(async () => {
    saas = await Saas.start()
    gateway = await saas.gateway(GATEWAY)
    await useSandbox(saas, GATEWAY)
    await saas.apply(sandboxCluster('before', 1))
    await saas.ready('before')
    await gateway.kill()
    wrong = new GatewayProcess({ stateDir: join(saas.folder, GATEWAY), environment: YEAR_AHEAD })
    saas.gateways.push(wrong)
  })
  afterAll(() => saas?.close())

  const identity = (): string[] =>
    ['key.pem', 'certificate.pem'].map((file) => readFileSync(join(saas.folder, GATEWAY, 'identity', file), 'utf8'))
  const log = (): string => readFileSync(wrong.logPath, 'utf8')

  it('says that its clock may be wrong, tries seldom, and keeps its identity', async () => {
    const before = identity()
    await saas.apply(sandboxCluster('meanwhile', 1))
    await wrong.start()
    await saas.until(async () => /clock/.test(log()))
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(log().match(/"phase":"refused"|"failures":\d+/g)?.length ?? 0).toBeLessThan(10)
    expect(identity()).toEqual(before)
    await wrong.kill()
  })

  it('comes back by itself, with nothing lost, once the clock is right', async () => {
    await gateway.start()
    await saas.until(async () => (await saas.gatewayStatus(GATEWAY)).phase === 'Connected')
    await saas.ready('meanwhile')
    expect((await saas.cluster('before'))?.phase).toBe('Ready')
  })
})

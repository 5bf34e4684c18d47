/**
 * The gateway's process of the `commands` bench: the real link and journal, and beside them a bare grpc-js server of the
 * same method over the same TLS, which is the yardstick for what a message there and back costs.
 * It is told by its first message where everything is, and ends with its parent.
 */
import { join } from 'node:path'
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { Journal } from '../../gateway/journal/journal.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { enrol } from '../../tunnel/enrol.ts'
import { type AttachRequest, type AttachResponse, TunnelService } from '../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import { openIdentityStore } from '../../tunnel/identity-store.ts'
import { startLink } from '../../tunnel/link.ts'
import type { ServerTls } from '../../tunnel/server-certificate.ts'

export interface GatewayOrder {
  readonly folder: string
  readonly token: string
  /** Of the yardstick's server. */
  readonly tls: ServerTls
}

process.once('disconnect', () => process.exit(0))
process.once('message', (order: GatewayOrder) => {
  start(order).then(
    (echoPort) => process.send?.({ echoPort }),
    (cause: unknown) => {
      console.error(cause)
      process.exit(1)
    },
  )
})

async function start({ folder, token, tls }: GatewayOrder): Promise<number> {
  const identityStore = openIdentityStore(join(folder, 'identity'))
  const sealingKey = new Uint8Array(32)
  const signal = new AbortController().signal
  await enrol({ token, identityStore, sealingKey, version: 'bench', signal })
  const journal = Journal.open(join(folder, 'gateway.db'), systemClock)
  startLink({
    identityStore,
    inbox: journal,
    outbox: journal.outbox,
    answers: { answer: async (payload) => payload },
    sealingKey,
    version: 'bench',
    log: silentLog,
    clock: systemClock,
    onState: () => {},
  })
  return startEcho(tls)
}

function startEcho(tls: ServerTls): Promise<number> {
  const server = new Server()
  server.addService(TunnelService, {
    attach: (call: ServerDuplexStream<AttachRequest, AttachResponse>) => {
      call.on('error', () => {})
      call.on('data', ({ frame }: AttachRequest) => {
        if (frame?.$case === 'heartbeat') call.write({ frame, epoch: 1 })
      })
    },
  })
  const keys = [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, keys), (cause, port) =>
      cause === null ? resolve(port) : reject(cause),
    )
  })
}

/** A broker of grpc-js' own server, frame by frame: for what our endpoint would never send. */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { type AttachRequest, type AttachResponse, TunnelService } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import type { ServerTls } from '../../../tunnel/server-certificate.ts'

type Call = ServerDuplexStream<AttachRequest, AttachResponse>

export interface RawBroker {
  readonly port: number
  /** Of every stream, in the order of their coming. */
  readonly received: AttachRequest[]
  close(): void
}

/** `script` is called for every frame that comes, with how to send. */
export async function startRawBroker(
  tls: ServerTls,
  script: (request: AttachRequest, send: (frame: NonNullable<AttachResponse['frame']>, epoch: number) => void) => void,
): Promise<RawBroker> {
  const received: AttachRequest[] = []
  const server = new Server()
  server.addService(TunnelService, {
    attach: (call: Call) => {
      call.on('error', () => {})
      call.on('end', () => call.end())
      call.on('data', (request: AttachRequest) => {
        received.push(request)
        script(request, (frame, epoch) => call.write({ frame, epoch }))
      })
    },
  })
  const keys = [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, keys), (cause, bound) =>
      cause === null ? resolve(bound) : reject(cause),
    )
  })
  return { port, received, close: () => server.forceShutdown() }
}

export function welcome(epoch: number, heartbeatIntervalMs = 60_000): NonNullable<AttachResponse['frame']> {
  return { $case: 'welcome', value: { epoch, heartbeatIntervalMs, lastEvent: 0, nowMs: Date.now() } }
}

/** A gateway of grpc-js' own client, frame by frame: for what our link would never send, and to show that others can attach. */
import { type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js'
import { type AttachRequest, type AttachResponse, TunnelClient } from '../../../tunnel/gen/pcg/tunnel/v1/tunnel.ts'
import type { Credentials } from '../../../tunnel/identity-store.ts'
import { RAW_NAME } from './site.ts'

export interface RawGateway {
  readonly received: AttachResponse[]
  /** Set once the broker ended the stream. */
  ended: { code: number; details: string } | undefined
  send(frame: NonNullable<AttachRequest['frame']>, epoch: number): void
  hello(changes?: Partial<{ protocolVersion: number; journalId: string; lastDelivery: number }>): void
  close(): void
}

export function attachRaw(
  address: string,
  own: Pick<Credentials, 'keyPem' | 'chainPem' | 'authoritiesPem'> | null,
  ca: string,
): RawGateway {
  const client = new TunnelClient(
    address,
    credentials.createSsl(
      Buffer.from(ca),
      own === null ? null : Buffer.from(own.keyPem),
      own === null ? null : Buffer.from(own.chainPem),
    ),
    { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': RAW_NAME },
  )
  const call: ClientDuplexStream<AttachRequest, AttachResponse> = client.attach()
  const raw: RawGateway = {
    received: [],
    ended: undefined,
    send: (frame, epoch) => call.write({ frame, epoch }),
    hello(changes = {}) {
      const value = {
        protocolVersion: 1,
        version: 'raw',
        lastDelivery: 0,
        sealingKey: Buffer.alloc(32),
        journalId: 'raw',
        ...changes,
      }
      raw.send({ $case: 'hello', value }, 0)
    },
    close: () => client.close(),
  }
  call.on('data', (response: AttachResponse) => raw.received.push(response))
  call.on('error', (error: ServiceError) => {
    raw.ended = { code: error.code, details: error.details }
  })
  call.on('end', () => {
    raw.ended ??= { code: 0, details: '' }
  })
  return raw
}

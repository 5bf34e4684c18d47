/** The broker's half of the `commands` bench: the real message log behind the real endpoint, and how to see an acknowledgement. */
import { join } from 'node:path'
import { SqliteLog } from '../../broker/log/sqlite-log.ts'
import { systemClock } from '../../runtime/clock.ts'
import { GroupCommit, openDatabase } from '../../runtime/group-commit.ts'
import { silentLog } from '../../runtime/log.ts'
import { openAuthority } from '../../tunnel/certificate-authority.ts'
import { startEndpoint } from '../../tunnel/endpoint.ts'
import type { EnrolmentRecords, GatewaySessions } from '../../tunnel/endpoint-ports.ts'
import { createJoinToken } from '../../tunnel/join-token.ts'
import { openServerCertificate, type ServerTls } from '../../tunnel/server-certificate.ts'

const TOPIC = 'bench'
const CONSUMER = 'gateway'
/** The name that the yardstick's client takes its peer by. */
export const ECHO_NAME = 'echo.test'

export interface BenchBroker {
  readonly token: string
  readonly tls: ServerTls
  /** Publishes one command; resolves when the gateway has acknowledged it. */
  publish(payload: Uint8Array): Promise<void>
  close(): Promise<void>
}

export async function startBenchBroker(folder: string): Promise<BenchBroker> {
  const clock = systemClock
  const db = openDatabase(join(folder, 'broker.db'))
  const commits = new GroupCommit(db)
  const messages = new SqliteLog({ db, commits, clock })
  const authority = await openAuthority({ folder: join(folder, 'authority'), clock })
  const names = ['127.0.0.1', ECHO_NAME]
  const tls = await openServerCertificate({ folder: join(folder, 'server'), names, authority, clock })

  let published = 0
  let acknowledged = 0
  const waiting: { readonly sequence: number; readonly resolve: () => void }[] = []
  let first = 0
  const sessions: GatewaySessions = {
    authorize: async () => {},
    attach: async (_identity, info) => ({ epoch: 1, resumeAfter: info.lastDelivery, lastEvent: 0 }),
    detach: async () => {},
    current: () => true,
    seen: () => {},
    deliveries: (_identity, after, limit) => messages.read(TOPIC, { after, limit, maxBytes: 1 << 20 }),
    onPublished: (_identity, listener) => messages.onPublished(TOPIC, listener),
    async acknowledged(_identity, _epoch, sequence) {
      await messages.acknowledge(TOPIC, CONSUMER, sequence)
      acknowledged = sequence
      for (let next = waiting[first]; next !== undefined && next.sequence <= sequence; next = waiting[first]) {
        first += 1
        next.resolve()
      }
    },
    events: async (_identity, _epoch, _journal, events) => events.at(-1)?.sequence ?? 0,
  }
  const records: EnrolmentRecords = {
    redeem: async () => ({ tenant: 'bench', gateway: 'bench' }),
    renewed: async () => {},
  }
  const endpoint = await startEndpoint({
    host: '127.0.0.1',
    port: 0,
    tls,
    sessions,
    records,
    authority,
    log: silentLog,
    clock,
  })
  return {
    token: createJoinToken(endpoint.address, authority.fingerprint),
    tls,
    async publish(payload) {
      published += 1
      const messageId = `command-${String(published).padStart(12, '0')}`
      const [{ sequence } = { sequence: 0 }] = await messages.publish(TOPIC, [{ messageId, payload, traceId: 'bench' }])
      if (sequence > acknowledged) await new Promise<void>((resolve) => waiting.push({ sequence, resolve }))
    },
    async close() {
      await endpoint.close()
      await messages.close()
      commits.close()
      db.close()
    },
  }
}

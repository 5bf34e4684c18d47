/** A broker's endpoint and a gateway's link over real sockets, with a proxy in between that can misbehave. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { parseAddress } from '../../../tunnel/address.ts'
import { type CertificateAuthority, openAuthority } from '../../../tunnel/certificate-authority.ts'
import { dial } from '../../../tunnel/dial.ts'
import { type Endpoint, type EndpointOptions, startEndpoint } from '../../../tunnel/endpoint.ts'
import { enrol } from '../../../tunnel/enrol.ts'
import { type Channel, openChannel } from '../../../tunnel/grpc-channel.ts'
import { type Credentials, type IdentityStore, openIdentityStore } from '../../../tunnel/identity-store.ts'
import { createJoinToken } from '../../../tunnel/join-token.ts'
import { type Link, type LinkOptions, startLink } from '../../../tunnel/link.ts'
import type { LinkTiming } from '../../../tunnel/link-policy.ts'
import type { LinkState } from '../../../tunnel/link-ports.ts'
import { openServerCertificate, type ServerTls } from '../../../tunnel/server-certificate.ts'
import { type FaultProxy, startFaultProxy } from '../../peers/fault-proxy.ts'
import { FakeBroker } from './fake-broker.ts'
import { FakeGateway } from './fake-gateway.ts'

/** The name under which grpc-js' own client dials: it takes no IP address for a TLS peer. */
export const RAW_NAME = 'broker.test'
export const EDGE = { tenant: 'acme', gateway: 'edge' } as const
export const HEARTBEAT_MS = 200

const QUICK: LinkTiming = {
  backoff: { firstMs: 20, maxMs: 100, factor: 2 },
  refusedBackoff: { firstMs: 2_000, maxMs: 2_000, factor: 1 },
  minUptimeMs: 100,
}

/** The system's clock, moved by what a test says. */
export class MovableClock implements Clock {
  aheadMs = 0

  now(): number {
    return Date.now() + this.aheadMs
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }
}

/** The system's clock, moved for good. */
export function movedClock(byMs: number): Clock {
  return { ...systemClock, now: () => Date.now() + byMs }
}

function endpointDefaults(parts: {
  authority: CertificateAuthority
  tls: ServerTls
  broker: FakeBroker
  clock: Clock
}): EndpointOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    tls: parts.tls,
    sessions: parts.broker,
    records: parts.broker,
    authority: parts.authority,
    log: silentLog,
    clock: parts.clock,
    heartbeatMs: HEARTBEAT_MS,
  }
}

/** Everything that a test opened, closed in reverse order when it ends. */
export class Site {
  readonly folder: string
  /** The broker's. */
  readonly clock: MovableClock
  readonly authority: CertificateAuthority
  readonly tls: ServerTls
  readonly broker: FakeBroker
  readonly gateway = new FakeGateway()
  readonly identityStore: IdentityStore
  readonly states: LinkState[] = []
  readonly proxy: FaultProxy
  endpoint: Endpoint
  readonly #links: Link[] = []

  private constructor(parts: {
    folder: string
    authority: CertificateAuthority
    tls: ServerTls
    proxy: FaultProxy
    broker: FakeBroker
    endpoint: Endpoint
    clock: MovableClock
  }) {
    this.folder = parts.folder
    this.clock = parts.clock
    this.authority = parts.authority
    this.tls = parts.tls
    this.proxy = parts.proxy
    this.identityStore = openIdentityStore(join(parts.folder, 'identity'))
    this.broker = parts.broker
    this.endpoint = parts.endpoint
  }

  static async open(options: Partial<EndpointOptions> = {}): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'pcg-tunnel-'))
    const clock = new MovableClock()
    const authority = await openAuthority({ folder: join(folder, 'ca'), clock })
    const tls = await openServerCertificate({
      folder: join(folder, 'tls'),
      names: ['127.0.0.1', RAW_NAME],
      authority,
      clock,
    })
    const broker = new FakeBroker()
    const endpoint = await startEndpoint({ ...endpointDefaults({ authority, tls, broker, clock }), ...options })
    const proxy = await startFaultProxy(parseAddress(endpoint.address))
    return new Site({ folder, authority, tls, proxy, broker, endpoint, clock })
  }

  /** Starts the endpoint (again); the proxy leads there from then on. */
  async startBroker(options: Partial<EndpointOptions> = {}): Promise<void> {
    this.endpoint = await startEndpoint({ ...endpointDefaults(this), ...options })
    this.proxy.retarget(parseAddress(this.endpoint.address))
  }

  token(options: { expired?: boolean; identity?: typeof EDGE } = {}): string {
    const token = createJoinToken(this.proxy.address, this.authority.fingerprint)
    this.broker.allow(token, options.identity ?? EDGE, options.expired)
    return token
  }

  async enrol(clock: Clock = systemClock): Promise<void> {
    await enrol({
      token: this.token(),
      identityStore: this.identityStore,
      sealingKey: new Uint8Array(32),
      version: 'test',
      signal: new AbortController().signal,
      clock,
    })
  }

  /** A channel to the endpoint itself, for calls that no gateway would make; `client` shows this certificate. */
  async rawChannel(client: Credentials | null): Promise<Channel> {
    const { address } = this.endpoint
    const { signal } = new AbortController()
    const socket = await dial({ address, client, verify: () => {}, timeoutMs: 1_000, signal })
    return openChannel(socket, address)
  }

  /** Starts a link; without waiting for anything. */
  link(options: Partial<LinkOptions> = {}): Link {
    const link = startLink({
      identityStore: this.identityStore,
      inbox: this.gateway,
      outbox: this.gateway,
      answers: this.gateway,
      sealingKey: new Uint8Array(32),
      version: 'test',
      log: silentLog,
      clock: systemClock,
      onState: (state) => this.states.push(state),
      timing: QUICK,
      dialTimeoutMs: 1_000,
      ...options,
    })
    this.#links.push(link)
    return link
  }

  /** Enrols, attaches, and waits until that is so. */
  async attached(options: Partial<LinkOptions> = {}): Promise<Link> {
    await this.enrol()
    const link = this.link(options)
    await until(() => link.state().phase === 'attached')
    return link
  }

  async close(): Promise<void> {
    this.proxy.resume()
    for (const link of this.#links) await link.close()
    await this.endpoint.close()
    await this.proxy.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Resolves when `met`; fails after `timeoutMs` with what was waited for. */
export async function until(met: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!met()) {
    if (Date.now() > end) throw new Error(`not so within ${timeoutMs} ms: ${met}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

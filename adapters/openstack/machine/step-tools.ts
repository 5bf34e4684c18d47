import type { MachineSpec, Outcome } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { lockedOutcome } from '../outcomes.ts'
import { findPorts, findServers } from './finding.ts'
import { inOrder } from './observed.ts'
import type { SeenPort, SeenServer } from './seen.ts'
import type { Site } from './site.ts'
import { formatToken, type MachineToken } from './token.ts'

export interface StepTools {
  readonly cloud: OpenstackCloud
  readonly site: Site
}

export const DONE: Outcome = { kind: 'done' }

export function running(token: MachineToken): Outcome {
  return { kind: 'running', token: formatToken(token) }
}

/** What the step acts on isn't there (any more): observing shows what is. */
export function missing(what: string): Outcome {
  return { kind: 'unknown', message: `${what} is not there` }
}

export interface ServerWithPort {
  /** Those that count. */
  readonly server: SeenServer | undefined
  readonly port: SeenPort | undefined
  readonly ports: readonly SeenPort[]
}

export async function findServerWithPort(
  { cloud }: StepTools,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<ServerWithPort> {
  const found = await findPorts(cloud, spec.owner, signal)
  const servers = await findServers(cloud, spec.owner, found, signal)
  const { servers: sorted, ports } = inOrder({ servers, ports: found, volumes: [], members: [] })
  return { server: sorted[0], port: ports[0], ports }
}

/** The outcome for a server that somebody locked: nova would refuse whoever isn't an administrator, and they meant all. */
export function refusedByLock(server: SeenServer): Outcome | undefined {
  return server.locked ? lockedOutcome(`server ${server.name} (${server.id}) is locked`) : undefined
}

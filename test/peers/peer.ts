/**
 * The real peers that tests may need. `npm test` prepares them (installs, builds) and says in PCG_PEERS what came of it;
 * where vitest is run directly, a peer is looked for when the first test asks, and nothing is installed.
 *
 *     const vcsim = await peer('vcsim')
 *     describe.skipIf(!vcsim.available)(title('clones', vcsim), () => { … })
 */
import type { Availability, Effort } from './availability.ts'
import { debianPackages } from './debian-packages.ts'
import { buildOpenstack, openstackAvailability } from './openstack/cloud.ts'
import { buildVcsim, vcsimAvailability } from './vcsim.ts'

interface PeerSource {
  /** Finds out, and with `install` brings about, that it is there. */
  find(effort: Effort): Promise<Availability>
  /** What takes time and can be done once, ahead of the tests. */
  build?(): Promise<unknown>
}

const PEERS = {
  vcsim: { find: vcsimAvailability, build: buildVcsim },
  openstack: { find: openstackAvailability, build: buildOpenstack },
  'cloud-init': { find: (effort) => debianPackages(['cloud-init'], effort) },
  faketime: { find: (effort) => debianPackages(['faketime'], effort) },
  /** What runs and checks the scripts of machines. */
  shell: { find: (effort) => debianPackages(['bash', 'curl', 'iproute2', 'shellcheck'], effort) },
} satisfies Record<string, PeerSource>

const sources: Readonly<Record<PeerName, PeerSource>> = PEERS

export type PeerName = keyof typeof PEERS
export const PEER_NAMES = Object.keys(PEERS) as PeerName[]

/** The environment variable in which `npm test` hands its findings to the tests: JSON, peer → availability. */
export const PEERS_VARIABLE = 'PCG_PEERS'

export type PeerFindings = Readonly<Partial<Record<PeerName, Availability>>>

export type Peer = Availability & { readonly name: PeerName }

const asked = new Map<PeerName, Promise<Availability>>()

/** Whether a test may use this peer. Asked once a process. */
export async function peer(name: PeerName): Promise<Peer> {
  const found = findingsOf(process.env[PEERS_VARIABLE])[name]
  if (found !== undefined) return { name, ...found }
  const known = asked.get(name) ?? sources[name].find('look')
  asked.set(name, known)
  return { name, ...(await known) }
}

/** Installs and builds what the peer needs. */
export async function preparePeer(name: PeerName): Promise<Availability> {
  const found = await sources[name].find('install')
  if (!found.available) return found
  try {
    await sources[name].build?.()
    return found
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** A suite's title, with the reason if it is skipped for want of a peer. */
export function title(text: string, { name, ...found }: Peer): string {
  return found.available ? text : `${text} ${skipMark(name)} ${found.reason})`
}

/** By which `npm test` finds out what was skipped for want of which peer. */
export function skipMark(name: PeerName): string {
  return `(skipped for want of ${name}:`
}

function findingsOf(text: string | undefined): PeerFindings {
  return text === undefined || text === '' ? {} : JSON.parse(text)
}

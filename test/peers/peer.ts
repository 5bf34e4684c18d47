/**
 * The real peers that tests may need. `npm test` prepares them (installs, builds) and says in PCG_PEERS what came of it;
 * where vitest is run directly, a peer is looked for when the first test asks, and nothing is installed.
 *
 *     const vcsim = await peer('vcsim')
 *     describe.skipIf(!vcsim.available)(title('clones', vcsim), () => { … })
 */
import type { Availability, Effort } from './availability.ts'
import { debianPackages } from './debian-packages.ts'
import { vcsimAvailability } from './vcsim.ts'

/** Name → how to find out, and with `install` to bring about, that it is there. */
const PEERS = {
  vcsim: vcsimAvailability,
  'cloud-init': (effort: Effort) => debianPackages(['cloud-init'], effort),
}

export type PeerName = keyof typeof PEERS
export const PEER_NAMES = Object.keys(PEERS) as PeerName[]

/** The environment variable in which `npm test` hands its findings to the tests: JSON, peer → availability. */
export const PEERS_VARIABLE = 'PCG_PEERS'

export type PeerFindings = Partial<Record<PeerName, Availability>>

const asked = new Map<PeerName, Promise<Availability>>()

/** Whether a test may use this peer. Asked once a process. */
export function peer(name: PeerName): Promise<Availability> {
  const found = findingsOf(process.env[PEERS_VARIABLE])[name]
  if (found !== undefined) return Promise.resolve(found)
  const known = asked.get(name) ?? PEERS[name]('look')
  asked.set(name, known)
  return known
}

/** Installs and builds what the peer needs. */
export function preparePeer(name: PeerName): Promise<Availability> {
  return PEERS[name]('install')
}

/** A suite's title, with the reason if it is skipped for want of a peer. */
export function title(text: string, availability: Availability): string {
  return availability.available ? text : `${text} (skipped: ${availability.reason})`
}

function findingsOf(text: string | undefined): PeerFindings {
  return text === undefined || text === '' ? {} : JSON.parse(text)
}

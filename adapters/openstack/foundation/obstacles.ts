/** What stands in the way of deleting a cluster's network, in words: its owner must decide, for none of it is ours to delete. */
import type { Outcome, OwnerMark } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { recordAt, textAt } from '../json-value.ts'
import { listAll } from '../listing.ts'
import { readMarkText } from '../owner-mark.ts'
import { AUTOMATIC_OWNERS } from './read-parts.ts'
import { busy, fatal } from './step-outcome.ts'

/** More than that nobody reads in an error. */
const SHOWN = 8

type Query = Readonly<Record<string, string>>

/** Ports that the query finds. @param what can't be deleted, in words: `subnet prod` */
export async function portsInTheWay(
  cloud: OpenstackCloud,
  owner: OwnerMark,
  what: string,
  query: Query,
  signal: AbortSignal,
): Promise<Outcome> {
  const all = await listAll(cloud, 'network', '/ports', 'ports', query, signal)
  return inTheWay(
    owner,
    what,
    all.filter((port) => !AUTOMATIC_OWNERS.includes(textAt(port, 'device_owner'))),
    (port) => describePort(cloud, port, signal),
  )
}

/** Floating IPs whose way leads over a router. */
export async function floatingIpsInTheWay(
  cloud: OpenstackCloud,
  owner: OwnerMark,
  what: string,
  query: Query,
  signal: AbortSignal,
): Promise<Outcome> {
  const all = await listAll(cloud, 'network', '/floatingips', 'floatingips', query, signal)
  return inTheWay(owner, what, all, (each) => Promise.resolve(`floating IP ${textAt(each, 'floating_ip_address')}`))
}

/** Somebody else's subnets on our network, which neutron would delete with it; undefined if there are none. */
export async function subnetsInTheWay(
  cloud: OpenstackCloud,
  owner: OwnerMark,
  what: string,
  networkId: string,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const all = await listAll(cloud, 'network', '/subnets', 'subnets', { network_id: networkId }, signal)
  const others = all.filter((subnet) => !isOurs(subnet, owner))
  if (others.length === 0) return undefined
  return inTheWay(owner, what, others, (each) => Promise.resolve(`subnet ${called(each)}`))
}

/** What is ours goes by itself; what isn't waits for its owner. */
async function inTheWay(
  owner: OwnerMark,
  what: string,
  found: readonly unknown[],
  describe: (each: unknown) => Promise<string>,
): Promise<Outcome> {
  const others = found.filter((each) => !isOurs(each, owner))
  const named = await Promise.all((others.length > 0 ? others : found).slice(0, SHOWN).map(describe))
  const more = (others.length > 0 ? others : found).length - named.length
  const list = `${named.join(', ')}${more > 0 ? `, and ${more} more` : ''}`
  if (others.length > 0)
    return fatal(
      'InTheWay',
      `${what} can't be deleted: it is used by ${list}`,
      'Delete or disconnect what is named there, which this gateway did not make; then the deletion goes on by itself.',
    )
  return busy(found.length === 0 ? `${what} is in use` : `${what} is still used by ${list}`)
}

function isOurs(value: unknown, owner: OwnerMark): boolean {
  const mark = readMarkText(textAt(value, 'description'))
  return mark?.gateway === owner.gateway && mark.cluster === owner.cluster
}

/** `port db-1 (4f…) of server db-1 (9a…)` */
export async function describePort(cloud: OpenstackCloud, port: unknown, signal: AbortSignal): Promise<string> {
  const itself = `port ${called(port)}`
  const device = textAt(port, 'device_id')
  if (device === '') return itself
  const owner = textAt(port, 'device_owner')
  if (!owner.startsWith('compute:')) return `${itself} of ${owner === '' ? 'device' : owner} ${device}`
  // Only its name is wanted: what keeps it from being read is no reason to say nothing.
  const server = await cloud
    .service('compute')
    .find(`/servers/${device}`, { signal })
    .catch(() => undefined)
  const serverName = textAt(recordAt(server, 'server'), 'name')
  return `${itself} of server ${serverName === '' ? device : `${serverName} (${device})`}`
}

/** `db-1 (4f…)` */
export function called(value: unknown): string {
  const id = textAt(value, 'id')
  const name = textAt(value, 'name')
  return name === '' ? id : `${name} (${id})`
}

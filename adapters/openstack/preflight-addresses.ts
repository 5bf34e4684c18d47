/** Whether a subnet has the addresses that machines are to get. Pure. */
import { addressNumber, addressText } from '../../resources/ip-ranges.ts'
import type { Finding } from '../../resources/query.ts'
import type { MachineSpec, MachineUid } from '../adapter.ts'
import type { SeenPort } from './standing.ts'

interface Range {
  readonly first: number
  readonly last: number
}

/** A subnet that is there, or that will be made. */
export interface SubnetPlan {
  /** `subnet nodes`, `network 10.0.0.0/24` */
  readonly subject: string
  readonly cidr: string
  readonly gateway: string | null
  readonly pools: readonly { readonly start: string; readonly end: string }[]
  readonly dhcp: boolean
}

export interface AddressQuestion {
  readonly subnet: SubnetPlan
  /** Those on the subnet that the project sees. */
  readonly ports: readonly SeenPort[]
  /** As far as the cloud says it; else they are counted by the ports. */
  readonly free: number | undefined
  /** Those that are to be on it. */
  readonly machines: readonly MachineSpec[]
  /** Of the cluster's foundation: an address of its own choice, or one that the cloud chooses. */
  readonly endpoint: { readonly owner: MachineUid; readonly address: string | undefined } | undefined
}

/** As neutron makes one if it is told nothing but the CIDR: the first host is the router, all others can be given away. */
export function plannedSubnet(cidr: string): SubnetPlan {
  const { first, last } = rangeOf(cidr)
  return {
    subject: `network ${cidr}`,
    cidr,
    gateway: addressText(first + 1),
    pools: last - first < 3 ? [] : [{ start: addressText(first + 2), end: addressText(last - 1) }],
    dhcp: true,
  }
}

export function addressFindings(question: AddressQuestion): Finding[] {
  const { subnet, ports, machines, endpoint } = question
  const holders = new Map(ports.flatMap((port) => port.addresses.map(({ address }) => [address, port] as const)))
  const chosen = [
    ...machines.flatMap(({ name, owner, address }) =>
      address.type === 'static' ? [{ what: `${name}'s address`, owner: owner.machine, address: address.address }] : [],
    ),
    ...(endpoint?.address === undefined
      ? []
      : [{ what: 'network.endpoint.address', owner: endpoint.owner, address: endpoint.address }]),
  ]
  return [
    ...chosen.flatMap(({ what, owner, address }) => oneAddress(subnet, what, address, owner, holders.get(address))),
    ...countFindings(question),
    ...dhcpFindings(question),
  ]
}

function oneAddress(
  subnet: SubnetPlan,
  what: string,
  address: string,
  owner: MachineUid,
  holder: SeenPort | undefined,
): Finding[] {
  const { first, last } = rangeOf(subnet.cidr)
  const number = addressNumber(address)
  const error = (message: string, remedy: string): Finding[] => [{ severity: 'error', subject: what, message, remedy }]
  if (number < first || number > last)
    return error(
      `${address} is not within ${subnet.cidr} (${subnet.subject})`,
      'Choose one within it, or another network or subnet.',
    )
  if (last - first > 2 && (number === first || number === last))
    return error(`${address} is the first or last of ${subnet.cidr}, which no host may have`, 'Choose another one.')
  if (address === subnet.gateway) return error(`${address} is the gateway of ${subnet.subject}`, 'Choose another one.')
  if (holder === undefined || holder.machine === owner) return []
  const name = holder.name === '' ? '' : ` (${holder.name})`
  return error(
    `${address} is held by port ${holder.id}${name}`,
    'Remove that port if nobody uses it, or choose another address.',
  )
}

/** Those that the cloud chooses come from the subnet's pools. */
function countFindings({ subnet, ports, free, machines, endpoint }: AddressQuestion): Finding[] {
  const held = new Set(ports.flatMap(({ machine }) => machine ?? []))
  const without = machines.filter(({ address, owner }) => address.type === 'dhcp' && !held.has(owner.machine)).length
  const further = endpoint !== undefined && endpoint.address === undefined && !held.has(endpoint.owner) ? 1 : 0
  const wanted = without + further
  const left = free ?? leftInPools(subnet, ports)
  if (wanted <= left) return []
  return [
    {
      severity: 'error',
      subject: subnet.subject,
      message: `${wanted} addresses are wanted, and it has ${left} left`,
      remedy: 'Widen its allocation pools, name a larger subnet, or ask for fewer machines.',
    },
  ]
}

function leftInPools({ pools }: SubnetPlan, ports: readonly SeenPort[]): number {
  const ranges = pools.map(({ start, end }): Range => ({ first: addressNumber(start), last: addressNumber(end) }))
  const size = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  const taken = ports
    .flatMap(({ addresses }) => addresses.map(({ address }) => addressNumber(address)))
    .filter((address) => ranges.some(({ first, last }) => address >= first && address <= last))
  return size - new Set(taken).size
}

function dhcpFindings({ subnet, machines }: AddressQuestion): Finding[] {
  if (subnet.dhcp || !machines.some(asksMetadataService)) return []
  return [
    {
      severity: 'warning',
      subject: subnet.subject,
      message: 'has no DHCP, so a machine that gets its user-data from the metadata service may not reach it',
      remedy: 'Set placement.userData to config-drive, or switch DHCP on.',
    },
  ]
}

function asksMetadataService({ placement }: MachineSpec): boolean {
  return placement.cloud === 'openstack' && placement.userData === 'metadata-service'
}

function rangeOf(cidr: string): Range {
  const [address = '0.0.0.0', prefix = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(prefix))
  const number = addressNumber(address)
  const first = number - (number % size)
  return { first, last: first + size - 1 }
}

/** Whether machines, and what they share, can be made: before anything is spent. One pass for all of them. Reads only. */
import type { OpenstackPlacement } from '../../resources/cluster.ts'
import type { Finding } from '../../resources/query.ts'
import type { FoundationSpec, MachineSpec } from '../adapter.ts'
import type { Identity, OpenstackCloud } from './client/cloud.ts'
import type { OpenstackFoundation } from './foundation/foundation-observed.ts'
import { needsOf } from './foundation/needs.ts'
import { wantsVipPort } from './foundation/wanted.ts'
import { freeAddresses } from './free-addresses.ts'
import { textAt } from './json-value.ts'
import type { NamedFlavor, NamedImage, NamedNetwork, NamedSubnet } from './named.ts'
import type { Names } from './names.ts'
import { type Noted, noteNames } from './noted.ts'
import { type AddressQuestion, addressFindings, plannedSubnet, type SubnetPlan } from './preflight-addresses.ts'
import { endpointFindings } from './preflight-endpoint.ts'
import { fitFindings, imageFindings, userDataFindings } from './preflight-fit.ts'
import { quotaFindings, readQuotas } from './quotas.ts'
import { readStanding, type Standing, volumesOf } from './standing.ts'
import { added, machineWants, type Sized } from './wants.ts'

export interface PreflightDependencies {
  readonly cloud: OpenstackCloud
  readonly names: Names
  /** What of a foundation is there; null if nothing. */
  readonly observeFoundation: (spec: FoundationSpec, signal: AbortSignal) => Promise<OpenstackFoundation | null>
}

/** A placement with what its names stand for; undefined where they stand for nothing. */
interface Place {
  readonly placement: OpenstackPlacement
  readonly machines: readonly MachineSpec[]
  readonly image: NamedImage | undefined
  readonly network: NamedNetwork | undefined
  readonly subnet: NamedSubnet | undefined
}

/** @returns nothing where all is well */
export async function preflightMachines(
  dependencies: PreflightDependencies,
  machines: readonly MachineSpec[],
  foundation: FoundationSpec | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { cloud, names } = dependencies
  const identity = await cloud.identity(signal)
  const { projectId } = identity
  if (projectId === undefined) return [noProject()]
  const noted: Noted = { findings: [] }
  const [places, observed = null] = await Promise.all([
    Promise.all(groups(machines, foundation).map((group) => placeOf(names, group, noted, signal))),
    foundation === undefined ? null : noteNames(noted, () => dependencies.observeFoundation(foundation, signal)),
  ])
  const sized = await sizedOf(names, machines, noted, signal)
  const networkIds = [...new Set(places.flatMap(({ network }) => network?.id ?? []))]
  const [standing, free] = await Promise.all([
    readStanding(cloud, { machines, networkIds, projectId }, signal),
    freeAddresses(cloud, signal, foreignNetworks(places, projectId)),
  ])
  for (const place of places) {
    noted.findings.push(...fitsOf(place, sized, identity))
    noted.findings.push(...securityFindings(place, foundation))
    noted.findings.push(...placeAddressFindings(place, standing, free, { foundation, observed, projectId }))
  }
  noted.findings.push(...userDataFindings(machines))
  if (foundation?.placement.cloud === 'openstack') {
    const { placement } = foundation
    const place = places.find((each) => isSame(each.placement, placement))
    const question = { foundation, placement, projectId, network: place?.network, ports: standing.ports }
    noted.findings.push(...(await endpointFindings(dependencies, question, signal)))
  }
  noted.findings.push(
    ...(await spendingFindings(
      dependencies,
      { identity, projectId, sized, standing, foundation, observed },
      noted,
      signal,
    )),
  )
  return distinct(noted.findings)
}

function noProject(): Finding {
  return {
    severity: 'error',
    subject: 'spec.scope',
    message: 'the token is for no project, and machines belong to one',
    remedy: 'Name a project in spec.scope of the account.',
  }
}

interface Group {
  readonly placement: OpenstackPlacement
  readonly machines: readonly MachineSpec[]
}

/** By placement; the foundation's is one of them even without machines. */
function groups(machines: readonly MachineSpec[], foundation: FoundationSpec | undefined): Group[] {
  const found = new Map<string, { placement: OpenstackPlacement; machines: MachineSpec[] }>()
  const groupOf = (placement: OpenstackPlacement) => {
    const key = JSON.stringify(placement)
    const group = found.get(key) ?? { placement, machines: [] }
    found.set(key, group)
    return group
  }
  if (foundation?.placement.cloud === 'openstack') groupOf(foundation.placement)
  for (const machine of machines)
    if (machine.placement.cloud === 'openstack') groupOf(machine.placement).machines.push(machine)
  return [...found.values()]
}

async function placeOf(names: Names, group: Group, noted: Noted, signal: AbortSignal): Promise<Place> {
  const { placement } = group
  const note = <T>(find: () => Promise<T>) => noteNames(noted, find)
  const optional = <T>(name: string | undefined, find: (name: string) => Promise<T>) =>
    name === undefined ? undefined : note(() => find(name))
  const [image, ground, zone] = await Promise.all([
    note(() => names.image(placement.image, signal)),
    groundOf(names, placement, noted, signal),
    optional(placement.availabilityZone, (name) => names.availabilityZone(name, signal)),
    optional(placement.keypair, (name) => names.keypair(name, signal)),
    ...placement.securityGroups.map((name) => note(() => names.securityGroup(name, signal))),
  ])
  if (image !== undefined) noted.findings.push(...imageFindings(image))
  if (zone?.available === false)
    noted.findings.push({
      severity: 'error',
      subject: `availability zone ${zone.name}`,
      message: 'is not available: nova puts nothing into it',
      remedy: 'Name another one, or leave placement.availabilityZone out.',
    })
  return { ...group, image, ...ground }
}

/** What the network's names stand for. */
async function groundOf(
  names: Names,
  { network }: OpenstackPlacement,
  noted: Noted,
  signal: AbortSignal,
): Promise<Pick<Place, 'network' | 'subnet'>> {
  if (network.type === 'create') {
    const { router } = network
    if (router !== undefined) await noteNames(noted, () => names.externalNetwork(router, signal))
    return { network: undefined, subnet: undefined }
  }
  const found = await noteNames(noted, () => names.network(network.network, signal))
  if (found === undefined) return { network: undefined, subnet: undefined }
  return { network: found, subnet: await noteNames(noted, () => names.subnet(found.id, network.subnet, signal)) }
}

async function sizedOf(
  names: Names,
  machines: readonly MachineSpec[],
  noted: Noted,
  signal: AbortSignal,
): Promise<Sized[]> {
  const flavors = new Map<string, NamedFlavor | undefined>()
  for (const { size } of machines) {
    if (size.type !== 'flavor' || flavors.has(size.flavor)) continue
    flavors.set(size.flavor, await noteNames(noted, () => names.flavor(size.flavor, signal)))
  }
  if (machines.some(({ size }) => size.type === 'custom'))
    noted.findings.push({
      severity: 'error',
      subject: 'flavor',
      message: 'is missing: on OpenStack the flavor says how many CPUs and how much memory a machine has',
      remedy: 'Name one for each pool, in place of cpus and memoryMiB.',
    })
  return machines.map((machine) => ({
    machine,
    flavor: machine.size.type === 'flavor' ? flavors.get(machine.size.flavor) : undefined,
  }))
}

function fitsOf({ placement, machines, image }: Place, sized: readonly Sized[], { roles }: Identity): Finding[] {
  const here = new Set(machines)
  return sized.flatMap(({ machine, flavor }) => {
    if (image === undefined || flavor === undefined || !here.has(machine)) return []
    const bootVolume = placement.bootVolume !== undefined
    return fitFindings({ image, flavor, bootVolume, diskGiB: machine.diskGiB, administrator: roles.includes('admin') })
  })
}

/** Ports have neither groups nor address pairs on a network that has port security switched off. */
function securityFindings({ placement, network }: Place, foundation: FoundationSpec | undefined): Finding[] {
  if (network === undefined) return []
  const subject = `network ${network.name}`
  const findings: Finding[] = []
  if (!network.portSecurity && (foundation !== undefined || placement.securityGroups.length > 0))
    findings.push({
      severity: 'error',
      subject,
      message: 'has port security switched off, so its ports take no security groups and no virtual IP',
      remedy: `Switch it on (\`openstack network set --enable-port-security ${network.name}\`), or name another network.`,
    })
  if (!network.up)
    findings.push({
      severity: 'error',
      subject,
      message: 'is switched off',
      remedy: `Switch it on (\`openstack network set --enable ${network.name}\`), or name another network.`,
    })
  return findings
}

interface Shared {
  readonly foundation: FoundationSpec | undefined
  readonly observed: OpenstackFoundation | null
  readonly projectId: string
}

function placeAddressFindings(
  place: Place,
  standing: Standing,
  free: ReadonlyMap<string, number>,
  { foundation, observed, projectId }: Shared,
): Finding[] {
  const subnet = subnetPlanOf(place)
  if (subnet === undefined) return []
  const networkId = place.network?.id ?? observed?.networks[0]?.id
  const ports = standing.ports.filter((port) => port.networkId === networkId)
  const foreign = foreignNetworks([place], projectId).length > 0
  const question: AddressQuestion = {
    subnet,
    ports: place.subnet === undefined ? ports : ports.map((port) => onSubnet(port, place.subnet?.id ?? '')),
    free: foreign ? free.get(place.subnet?.id ?? '') : undefined,
    machines: place.machines,
    endpoint: endpointAddressOf(isSame(place.placement, foundation?.placement) ? foundation : undefined),
  }
  return addressFindings(question)
}

/** Those whose ports are seen in part only, for they are another project's. */
function foreignNetworks(places: readonly Place[], projectId: string): string[] {
  const networks = places.flatMap(({ network }) => network ?? [])
  return [...new Set(networks.filter((network) => network.projectId !== projectId).map(({ id }) => id))]
}

function onSubnet(port: Standing['ports'][number], subnetId: string): Standing['ports'][number] {
  return { ...port, addresses: port.addresses.filter((address) => address.subnetId === subnetId) }
}

function subnetPlanOf({ placement, subnet }: Place): SubnetPlan | undefined {
  if (placement.network.type === 'create') return plannedSubnet(placement.network.cidr)
  if (subnet === undefined) return undefined
  const { id, name, cidr, gatewayIp, pools, dhcp } = subnet
  return { subject: `subnet ${name || id}`, cidr, gateway: gatewayIp, pools, dhcp }
}

function endpointAddressOf(foundation: FoundationSpec | undefined): AddressQuestion['endpoint'] {
  if (foundation === undefined) return undefined
  const { endpoint, owner } = foundation
  if (endpoint.type === 'virtual-ip') return { owner: owner.machine, address: endpoint.address }
  const takesOne = wantsVipPort(endpoint) || endpoint.type === 'load-balancer'
  return takesOne ? { owner: owner.machine, address: undefined } : undefined
}

interface Spending {
  readonly identity: Identity
  readonly projectId: string
  readonly sized: readonly Sized[]
  readonly standing: Standing
  readonly foundation: FoundationSpec | undefined
  readonly observed: OpenstackFoundation | null
}

async function spendingFindings(
  { cloud, names }: PreflightDependencies,
  { identity, projectId, sized, standing, foundation, observed }: Spending,
  noted: Noted,
  signal: AbortSignal,
): Promise<Finding[]> {
  const types = [...new Set(sized.flatMap(({ machine }) => volumesOf(machine).map(({ type }) => type)))]
  const [cinder, octavia] = await Promise.all([cloud.has('block-storage', signal), cloud.has('load-balancer', signal)])
  const typeNames = new Map<string | undefined, string | undefined>()
  if (cinder) for (const type of types) typeNames.set(type, await typeNameOf(cloud, names, type, noted, signal))
  const { counts, ...others } = machineWants(sized, standing, (type) => typeNames.get(type))
  const all = added(counts, foundation === undefined ? {} : needsOf(foundation, observed))
  const wants = {
    ...others,
    counts: { ...all, ...(cinder ? {} : NO_VOLUMES), ...(octavia ? {} : NO_BALANCERS) },
  }
  const quotas = await readQuotas(cloud, projectId, wants, signal)
  return [
    ...(types.length > 0 && !cinder ? [noVolumes()] : []),
    ...quotaFindings(wants, quotas, identity.projectName ?? projectId),
  ]
}

/** What a cloud doesn't have has no quota; that it isn't there is said already. */
const NO_VOLUMES = { volumes: 0, gigabytes: 0 } as const
const NO_BALANCERS = { 'load balancers': 0 } as const

function noVolumes(): Finding {
  return {
    severity: 'error',
    subject: 'volumes',
    message: 'are asked for, and this cloud has none (no Cinder in its catalog)',
    remedy: "Leave placement.bootVolume and the pools' disks out.",
  }
}

/** By which cinder counts; its default type's where none is named. */
async function typeNameOf(
  cloud: OpenstackCloud,
  names: Names,
  type: string | undefined,
  noted: Noted,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (type !== undefined) return (await noteNames(noted, () => names.volumeType(type, signal)))?.name
  const answer = await cloud
    .service('block-storage')
    .find<{ readonly volume_type?: unknown }>('/types/default', { signal })
  return textAt(answer?.volume_type, 'name') || undefined
}

function isSame(one: OpenstackPlacement, other: FoundationSpec['placement'] | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()]
}

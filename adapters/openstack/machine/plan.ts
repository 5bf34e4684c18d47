/** What leads from a machine as it is to a machine as it should be. Pure: `pcg plan` prints it, and the gateway does it step by step. */
import type { MachineSpec, Step } from '../../adapter.ts'
import { type OpenstackMachineStep, slotsOf, volumeName } from './machine-step.ts'
import { type OpenstackObserved, type Part, type Parts, partsOf, volumeIn, type Wanted } from './observed.ts'
import type { SeenPort, SeenServer, SeenVolume, Slot } from './seen.ts'
import { needOf } from './server-status.ts'

export function planMachine(spec: MachineSpec, observed: OpenstackObserved | null): OpenstackMachineStep[] {
  if (spec.want === 'absent') return observed === null ? [] : partsOf(observed).toSorted(byUndoing).map(deletion)
  if (observed === null) return planNew(spec, NOTHING)
  const surplus = surplusOf(spec, observed).map(deletion)
  const [server] = observed.servers
  return [...surplus, ...(server === undefined ? planNew(spec, observed) : planServer(spec, observed, server))]
}

type Ingredients = Parts & Pick<OpenstackObserved, 'wanted'>

const NOTHING: Ingredients = { servers: [], ports: [], volumes: [], members: [], wanted: undefined }

/** The reverse of how they are made. */
const UNDOING: Readonly<Record<Part['kind'], number>> = { Member: 0, Server: 1, Volume: 2, Port: 3 }

function byUndoing(one: Part, other: Part): number {
  return UNDOING[one.kind] - UNDOING[other.kind]
}

/** All but one of each thing, and volumes that the machine isn't to have. */
function surplusOf(spec: MachineSpec, observed: OpenstackObserved): Part[] {
  const wanted = new Set(slotsOf(spec).map(({ slot }) => volumeIn(observed, slot)))
  const volumes = observed.volumes.filter((volume) => !wanted.has(volume))
  const members = spec.serves?.type === 'load-balancer' ? observed.members.slice(1) : observed.members
  const parts = { servers: observed.servers.slice(1), ports: observed.ports.slice(1), volumes, members }
  return partsOf(parts).toSorted(byUndoing)
}

function planNew(spec: MachineSpec, parts: Ingredients): OpenstackMachineStep[] {
  const [port] = parts.ports
  return [
    ...(port === undefined ? [createPort(spec)] : portDrift(spec, port, parts.wanted)),
    ...slotsOf(spec).flatMap(({ slot, sizeGiB }) => planVolume(spec, slot, sizeGiB, volumeIn(parts, slot))),
    createServer(spec),
    ...memberSteps(spec, parts),
  ]
}

/** Until it can be given to a server. */
function planVolume(
  spec: MachineSpec,
  slot: Slot,
  sizeGiB: number,
  volume: SeenVolume | undefined,
): OpenstackMachineStep[] {
  const name = volumeName(spec, slot)
  const what = slot === 'boot' ? ` from image ${imageOf(spec)}` : ''
  const create = {
    kind: 'create-volume',
    slot,
    summary: `create volume ${name} of ${sizeGiB} GiB${what}`,
    creates: [{ kind: 'Volume', name }],
  } as const
  if (volume === undefined) return [create]
  switch (volume.status) {
    case 'available':
      return []
    case 'error':
      return [discardVolume(volume), create]
    case 'error_deleting':
    case 'deleting':
      return [deletion({ kind: 'Volume', id: volume.id, name: volume.name }), create]
    default:
      return [{ kind: 'await-volume', slot, summary: `wait until volume ${name} is ready`, creates: [] }]
  }
}

function planServer(spec: MachineSpec, observed: OpenstackObserved, server: SeenServer): OpenstackMachineStep[] {
  const need = needOf(server)
  switch (need.need) {
    case 'wait':
      return [plain('await-server', `wait until ${spec.name} is no longer ${stateOf(server)}`)]
    case 'wait-gone':
      return [deletion({ kind: 'Server', id: server.id, name: server.name }), ...planNew(spec, observed)]
    case 'discard':
      return [discardServer(server), ...planNew(spec, observed)]
    case 'recover':
      return [plain('recover-server', `restart ${spec.name}, which is in ERROR`)]
    case 'verify-resize': {
      const right = observed.wanted === undefined || server.flavor === observed.wanted.flavor
      return [
        right
          ? plain('confirm-resize', `confirm that ${spec.name} has flavor ${server.flavor}`)
          : plain('revert-resize', `take back that ${spec.name} has flavor ${server.flavor}`),
      ]
    }
    case 'start':
    case 'nothing': {
      const powerOn = need.need === 'start' ? [plain('power-on', `power on ${spec.name}: ${need.action}`)] : []
      return [
        ...planPort(spec, observed, server),
        // Nova resizes and attaches to a server that runs or is off, and to no other.
        ...(server.status === 'SHUTOFF' ? [] : powerOn),
        ...planVolumes(spec, observed, server),
        ...planFlavor(spec, observed, server),
        ...(server.status === 'SHUTOFF' ? powerOn : []),
        ...memberSteps(spec, observed),
      ]
    }
    default:
      return need satisfies never
  }
}

function planPort(spec: MachineSpec, observed: OpenstackObserved, server: SeenServer): OpenstackMachineStep[] {
  const [port] = observed.ports
  const attach = plain('attach-port', `connect the port of ${spec.name} to it`)
  if (port === undefined) return [createPort(spec), attach]
  return [...portDrift(spec, port, observed.wanted), ...(port.deviceId === server.id ? [] : [attach])]
}

/** A boot volume that is gone can't be given to a server that runs from it. */
function planVolumes(spec: MachineSpec, observed: OpenstackObserved, server: SeenServer): OpenstackMachineStep[] {
  return slotsOf(spec).flatMap(({ slot, sizeGiB }) => {
    const volume = volumeIn(observed, slot)
    if (slot === 'boot' || (volume !== undefined && server.volumeIds.includes(volume.id))) return []
    const summary = `attach volume ${volumeName(spec, slot)} to ${spec.name}`
    return [...planVolume(spec, slot, sizeGiB, volume), { kind: 'attach-volume', slot, summary, creates: [] } as const]
  })
}

function planFlavor(spec: MachineSpec, { wanted }: OpenstackObserved, server: SeenServer): OpenstackMachineStep[] {
  if (wanted === undefined || wanted.flavor === server.flavor) return []
  return [
    plain('resize', `resize ${spec.name}: flavor ${server.flavor} → ${wanted.flavor}`),
    plain('confirm-resize', `confirm that ${spec.name} has flavor ${wanted.flavor}`),
  ]
}

function portDrift(spec: MachineSpec, port: SeenPort, wanted: Wanted | undefined): OpenstackMachineStep[] {
  if (wanted === undefined) return []
  const { securityGroupIds: groups, pairs } = wanted
  const changes: string[] = []
  if (groups.length > 0 && !sameSet(groups, port.securityGroupIds)) changes.push('security groups')
  if (!sameSet(pairs, port.pairs)) changes.push('allowed address pairs')
  if (changes.length === 0) return []
  return [plain('update-port', `put the port of ${spec.name} right: ${changes.join(', ')}`)]
}

function memberSteps(spec: MachineSpec, { members }: Pick<Parts, 'members'>): OpenstackMachineStep[] {
  if (spec.serves?.type !== 'load-balancer') return []
  const [member] = members
  if (member !== undefined && member.status !== 'ERROR') return []
  const summary = `add ${spec.name} to the load balancer of the API`
  return [
    ...(member === undefined ? [] : [deletion({ kind: 'Member', ...member })]),
    { kind: 'add-member', summary, creates: [{ kind: 'Member', name: spec.name }] },
  ]
}

function createPort(spec: MachineSpec): OpenstackMachineStep {
  const where = spec.address.type === 'static' ? ` at ${spec.address.address}` : ''
  return {
    kind: 'create-port',
    summary: `create port ${spec.name}${where}`,
    creates: [{ kind: 'Port', name: spec.name }],
  }
}

function createServer(spec: MachineSpec): OpenstackMachineStep {
  const flavor = spec.size.type === 'flavor' ? spec.size.flavor : '?'
  return {
    kind: 'create-server',
    summary: `create server ${spec.name} of flavor ${flavor} from image ${imageOf(spec)}`,
    creates: [{ kind: 'Server', name: spec.name }],
  }
}

function imageOf({ placement }: Pick<MachineSpec, 'placement'>): string {
  return placement.cloud === 'openstack' ? placement.image : '?'
}

function discardServer({ id, name }: SeenServer): OpenstackMachineStep {
  const summary = `delete server ${name} (${id}), which failed to be built`
  return { kind: 'delete-failed-server', part: { kind: 'Server', id, name }, summary, creates: [] }
}

function discardVolume({ id, name }: SeenVolume): OpenstackMachineStep {
  const summary = `delete volume ${name} (${id}), which failed to be made`
  return { kind: 'delete-failed-volume', part: { kind: 'Volume', id, name }, summary, creates: [] }
}

const DELETIONS = {
  Server: 'delete-server',
  Volume: 'delete-volume',
  Port: 'delete-port',
  Member: 'remove-member',
} as const

const WORDS: Readonly<Record<Part['kind'], string>> = {
  Server: 'server',
  Volume: 'volume',
  Port: 'port',
  Member: 'load balancer member',
}

function deletion(part: Part): OpenstackMachineStep {
  const summary = `delete ${WORDS[part.kind]} ${part.name} (${part.id})`
  return { kind: DELETIONS[part.kind], part: onlyPart(part), summary, creates: [] }
}

/** A step is journalled: nothing of what the cloud said about the object besides. */
function onlyPart(part: Part): Part {
  const { id, name } = part
  return part.kind === 'Member' ? { kind: part.kind, id, name, poolId: part.poolId } : { kind: part.kind, id, name }
}

function stateOf({ status, task }: SeenServer): string {
  return task === undefined ? status : `${status} (${task})`
}

function plain(
  kind: Exclude<OpenstackMachineStep, { part: Part } | { slot: Slot }>['kind'],
  summary: Step['summary'],
): OpenstackMachineStep {
  return { kind, summary, creates: [] }
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  const [ones, others] = [new Set(one), new Set(other)]
  return ones.size === others.size && ones.isSubsetOf(others)
}

import type { CloudAccountSpec } from '../../resources/cloud-account.ts'
import type { MachineStatus } from '../../resources/machine.ts'
import type { ReportedKind, Resource } from '../../resources/resource.ts'
import type { Item, MachineItem, ResourceItem } from '../api-types.ts'
import { isObject } from '../is-object.ts'
import { findingsOf, readyReason, statusPhase } from './item-status.ts'
import { type Paint, paintState, printable } from './paint.ts'
import { age, relative } from './time.ts'

const TITLES: Readonly<Record<ReportedKind, readonly string[]>> = {
  Gateway: ['NAME', 'PHASE', 'VERSION', 'LAST SEEN', 'WAITING', 'CERTIFICATE ENDS', 'DESCRIPTION'],
  CloudAccount: ['NAME', 'CLOUD', 'SERVER', 'GATEWAY', 'PHASE', 'AGE', 'MESSAGE'],
  ClusterProfile: ['NAME', 'OS', 'KUBERNETES', 'LAYERS', 'AGE'],
  IPPool: ['NAME', 'RANGES', 'PREFIX', 'GATEWAY', 'AGE'],
  Cluster: ['NAME', 'PHASE', 'READY', 'PROFILE', 'ACCOUNT', 'AGE', 'MESSAGE'],
  Machine: ['NAME', 'CLUSTER', 'POOL', 'PHASE', 'ADDRESS', 'ID', 'STAGE'],
}

export function titlesOf(kind: ReportedKind): readonly string[] {
  return TITLES[kind]
}

/** The cells of an item under the titles of its kind. */
export function cellsOf(item: Item, paint: Paint, now: number): string[] {
  const cells = 'resource' in item ? resourceCells(item, item.resource, paint, now) : machineCells(item, paint)
  return cells
}

function machineCells({ name, cluster, status }: MachineItem, paint: Paint): string[] {
  const stage = status.phase === 'Ready' ? '' : stageText(name, status)
  return [
    name,
    cluster,
    status.pool,
    paintState(paint, status.phase),
    status.addresses.join(','),
    status.externalId ?? '',
    stage,
  ]
}

/** `clone debian-12`, of `clone debian-12 to demo-general-x7k2p`. */
export function withoutName(words: string, machine: string): string {
  return words.replaceAll(` to ${machine}`, '').replaceAll(` ${machine}`, '')
}

/** `clone debian-12 40%`: without the machine's own name, beside which it stands. */
export function stageText(machine: string, { stage, progress }: MachineStatus): string {
  const words = withoutName(printable(stage), machine)
  return progress === undefined ? words : `${words} ${Math.floor(progress * 100)}%`
}

function resourceCells(item: ResourceItem, resource: Resource, paint: Paint, now: number): string[] {
  const { name } = resource.metadata
  const born = age(item.createdAt, now)
  const status = isObject(item.status) ? item.status : {}
  const phase = item.deleting ? 'Deleting' : statusPhase(item)
  switch (resource.kind) {
    case 'Gateway':
      return [
        name,
        paintState(paint, phase),
        text(status.version),
        relative(optional(status.lastSeen), now),
        status.pendingCommands === 0 ? '' : text(status.pendingCommands),
        relative(optional(status.certificateEnds), now),
        resource.spec.description ?? '',
      ]
    case 'CloudAccount':
      return [
        name,
        resource.spec.cloud,
        serverOf(resource.spec),
        resource.spec.gateway,
        paintState(paint, phase),
        born,
        accountTrouble(item),
      ]
    case 'ClusterProfile': {
      const { os, kubernetes, cni, csi, addons } = resource.spec.layers
      const layers = [cni, csi, ...addons].flatMap((layer) => (layer ? [`${layer.name} ${layer.version}`] : []))
      const orchestrator = kubernetes.distribution === 'none' ? 'none' : kubernetes.version
      return [name, `${os.distribution} ${os.version}`, orchestrator, layers.join(', '), born]
    }
    case 'IPPool': {
      const ranges = resource.spec.ranges.map(({ first, last }) => `${first}-${last}`).join(', ')
      return [name, ranges, `/${resource.spec.prefix}`, resource.spec.gateway, born]
    }
    case 'Cluster': {
      const machines = isObject(status.machines) ? status.machines : undefined
      const count = machines === undefined ? '' : `${text(machines.ready)}/${text(machines.desired)}`
      return [
        name,
        paintState(paint, phase),
        count,
        resource.spec.profile,
        resource.spec.account,
        born,
        readyReason(item),
      ]
    }
    default:
      return resource satisfies never
  }
}

/** Which of a company's clouds it is. */
function serverOf(spec: CloudAccountSpec): string {
  switch (spec.cloud) {
    case 'vsphere':
      return spec.server
    case 'openstack':
      return URL.parse(spec.authUrl)?.host ?? spec.authUrl
    case 'sandbox':
      return ''
    default:
      return spec satisfies never
  }
}

function accountTrouble(item: ResourceItem): string {
  const [first] = findingsOf(item).filter(({ severity }) => severity === 'error')
  return first === undefined ? '' : printable(`${first.subject}: ${first.message}`)
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value)
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** From the names of a placement to vCenter's objects. Pure; the tree is read elsewhere. */
import type { VspherePlacement } from '../../resources/cluster.ts'
import type { Finding } from '../../resources/query.ts'
import type { NetworkBacking } from './devices.ts'
import { ancestry, datacenterOf, nodesOf, pathBelow, type Tree, type TreeNode } from './inventory-tree.ts'
import type { MoRef } from './moref.ts'
import { field, flag, list, number, ref, text } from './soap-value.ts'

export interface ResolvedPlacement {
  readonly datacenter: TreeNode
  readonly folder: MoRef
  readonly pool: TreeNode
  readonly datastore: DatastorePlace
  readonly network: NetworkBacking
  readonly networkNode: TreeNode
  readonly template: TreeNode
  readonly isTemplate: boolean
}

export interface DatastorePlace {
  readonly ref: MoRef
  readonly name: string
  readonly freeBytes: number
}

export type Resolution =
  | { readonly ok: true; readonly placement: ResolvedPlacement }
  | { readonly ok: false; readonly findings: readonly Finding[] }

/** How many of what is there instead are named. */
const SHOWN = 8

export function resolvePlacement(tree: Tree, wanted: VspherePlacement): Resolution {
  const datacenters = nodesOf(tree, 'Datacenter')
  const datacenter = datacenters.find((node) => matches(tree, node, wanted.datacenter))
  if (datacenter === undefined) {
    return { ok: false, findings: [absent('datacenter', wanted.datacenter, 'this vCenter', namesOf(datacenters))] }
  }
  const inside = (...types: string[]) =>
    nodesOf(tree, ...types).filter((node) => datacenterOf(tree, node) === datacenter)
  const findings: Finding[] = []
  const pick = (kind: string, name: string, candidates: readonly Candidate[]): TreeNode | undefined => {
    const found = choose(kind, name, datacenter.name, candidates)
    if ('severity' in found) findings.push(found)
    else return found
  }

  const vmFolder = ref(datacenter.values.get('vmFolder'))
  const folders = inside('Folder').flatMap((node) => named(node, pathBelow(tree, node, vmFolder)))
  const folder = wanted.folder === undefined ? undefined : pick('folder', wanted.folder, folders)
  const pool = pick('resourcePool', wanted.resourcePool, poolCandidates(tree, inside('ResourcePool')))
  const datastore = pick('datastore', wanted.datastore, candidatesByName(inside('Datastore')))
  const networks = inside('Network', 'DistributedVirtualPortgroup', 'OpaqueNetwork').filter((node) => !isUplink(node))
  const network = pick('network', wanted.network, candidatesByName(networks))
  const vms = inside('VirtualMachine').flatMap((node) => named(node, pathBelow(tree, node, vmFolder)))
  const templates = vms.filter(({ node }) => flag(node.values.get('config.template')) === true)
  // A VM that isn't a template is found too, so that the message can say just that.
  const template = pick(
    'template',
    wanted.template,
    vms.some((one) => one.names.includes(wanted.template)) ? vms : templates,
  )
  const backing = network === undefined ? undefined : networkBackingOf(tree, network)
  if (network !== undefined && backing === undefined) {
    findings.push(
      error(
        `network ${network.name}`,
        `is a ${network.ref.type}, which VMs can't be connected to`,
        'Name another network.',
      ),
    )
  }
  if (datastore !== undefined) findings.push(...outOfUse(datastore))
  if (datastore !== undefined && pool !== undefined) findings.push(...mounts(tree, pool, datastore, network))
  const target = folder?.ref ?? vmFolder
  if (findings.length > 0 || !pool || !datastore || !network || !backing || !template || !target) {
    return { ok: false, findings }
  }
  return {
    ok: true,
    placement: {
      datacenter,
      folder: target,
      pool,
      datastore: {
        ref: datastore.ref,
        name: datastore.name,
        freeBytes: number(datastore.values.get('summary'), 'freeSpace') ?? 0,
      },
      network: backing,
      networkNode: network,
      template,
      isTemplate: flag(template.values.get('config.template')) === true,
    },
  }
}

interface Candidate {
  readonly node: TreeNode
  /** What it may be called in a placement; the first is what is shown. */
  readonly names: readonly string[]
}

function choose(kind: string, name: string, datacenter: string, candidates: readonly Candidate[]): TreeNode | Finding {
  const found = candidates.filter(({ names }) => names.includes(name))
  const [first] = found
  if (first === undefined) {
    return absent(
      kind,
      name,
      `datacenter ${datacenter}`,
      candidates.map(({ names }) => names[0] ?? ''),
    )
  }
  if (found.length === 1) return first.node
  const paths = found.map(({ names }) => names.at(-1) ?? '')
  return error(
    `${kind} ${name}`,
    `is the name of ${found.length} in datacenter ${datacenter}`,
    `Write one of: ${paths.join(', ')}.`,
  )
}

function absent(kind: string, name: string, where: string, instead: readonly string[]): Finding {
  const shown = instead.toSorted().slice(0, SHOWN)
  const more = instead.length > shown.length ? ` and ${instead.length - shown.length} more` : ''
  const there =
    shown.length === 0 ? 'there is none at all, or the user may see none' : `there are ${shown.join(', ')}${more}`
  return error(`${kind} ${name}`, `does not exist in ${where}: ${there}`, `Correct placement.${kind}.`)
}

function error(subject: string, message: string, remedy: string): Finding {
  return { severity: 'error', subject, message, remedy }
}

function matches(tree: Tree, node: TreeNode, name: string): boolean {
  return node.name === name || pathBelow(tree, node, tree.root) === name.replace(/^\//, '')
}

function namesOf(nodes: readonly TreeNode[]): string[] {
  return nodes.map(({ name }) => name)
}

/** By name and by path. */
function named(node: TreeNode, path: string | undefined): Candidate[] {
  return path === undefined || path === '' ? [] : [{ node, names: [...new Set([node.name, path])] }]
}

function candidatesByName(nodes: readonly TreeNode[]): Candidate[] {
  return nodes.map((node) => ({ node, names: [node.name] }))
}

/** A pool by its name or path; a compute cluster's (or host's) name means its root pool. */
export function poolCandidates(tree: Tree, pools: readonly TreeNode[]): Candidate[] {
  return pools.map((node) => {
    const way = ancestry(tree, node)
    const owner = way.findIndex(({ ref: { type } }) => type.endsWith('ComputeResource'))
    const below = way.slice(owner + 2).map(({ name }) => name)
    const compute = way[owner]?.name ?? ''
    if (below.length === 0) return { node, names: [compute, `${compute}/Resources`] }
    return {
      node,
      names: [...new Set([node.name, [compute, ...below].join('/'), [compute, 'Resources', ...below].join('/')])],
    }
  })
}

/** A distributed switch's own port group, which leads out of the hosts. */
export function isUplink(node: TreeNode): boolean {
  const tagged = list(node.values.get('tag')).some((tag) => text(tag, 'key') === 'SYSTEM/DVS.UPLINKPG')
  return tagged || /-DVUplinks-/.test(node.name)
}

function networkBackingOf(tree: Tree, node: TreeNode): NetworkBacking | undefined {
  if (node.ref.type === 'Network') return { kind: 'standard', network: node.ref, name: node.name }
  if (node.ref.type === 'OpaqueNetwork') {
    const networkId = text(node.values.get('summary'), 'opaqueNetworkId')
    const networkType = text(node.values.get('summary'), 'opaqueNetworkType')
    return networkId === undefined || networkType === undefined ? undefined : { kind: 'opaque', networkId, networkType }
  }
  const portgroupKey = text(node.values.get('config.key'))
  const dvs = ref(node.values.get('config.distributedVirtualSwitch'))
  const switchUuid = dvs === undefined ? undefined : text(tree.nodes.get(dvs.value)?.values.get('uuid'))
  return portgroupKey === undefined || switchUuid === undefined
    ? undefined
    : { kind: 'distributed', portgroupKey, switchUuid }
}

function outOfUse(datastore: TreeNode): Finding[] {
  const summary = datastore.values.get('summary')
  const mode = text(summary, 'maintenanceMode') ?? 'normal'
  const why =
    flag(summary, 'accessible') === false ? 'is not accessible' : mode === 'normal' ? undefined : 'is in maintenance'
  if (why === undefined) return []
  return [error(`datastore ${datastore.name}`, why, 'Bring it back into use, or name another datastore.')]
}

/** Whether the pool's hosts have the datastore and the network. */
function mounts(tree: Tree, pool: TreeNode, datastore: TreeNode, network: TreeNode | undefined): Finding[] {
  const owner = ref(pool.values.get('owner'))
  const compute = owner === undefined ? undefined : tree.nodes.get(owner.value)
  if (compute === undefined) return []
  return [datastore, network].flatMap((node) => {
    if (node === undefined) return []
    const kind = node === datastore ? 'datastore' : 'network'
    const there = list(compute.values.get(kind)).some((one) => field(one, 'value') === node.ref.value)
    if (there || !compute.values.has(kind)) return []
    return error(
      `${kind} ${node.name}`,
      `is not on the hosts of ${compute.name}, where resource pool ${pool.name} is`,
      `Name a ${kind} of ${compute.name}, or another resource pool.`,
    )
  })
}

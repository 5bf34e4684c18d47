/** What a placement may name, from the tree. Pure. */
import type { InventoryItem } from '../../resources/query.ts'
import { datacenterOf, nodesOf, parentOf, pathBelow, pathOf, type Tree, type TreeNode } from './inventory-tree.ts'
import { isUplink, poolCandidates } from './placement.ts'
import { flag, number, ref, text } from './soap-value.ts'

const GIB = 1024 ** 3
const NETWORK_TYPES: Readonly<Record<string, string>> = {
  Network: 'standard',
  DistributedVirtualPortgroup: 'distributed',
  OpaqueNetwork: 'opaque',
}

export function listInventory(tree: Tree): InventoryItem[] {
  const inside = (...types: string[]) =>
    nodesOf(tree, ...types).filter((node) => datacenterOf(tree, node) !== undefined)
  const item = (kind: string, node: TreeNode, name: string, detail: InventoryItem['detail'] = {}): InventoryItem => ({
    kind,
    name,
    path: pathOf(tree, node),
    detail: { id: node.ref.value, ...placeOf(tree, node), ...detail },
  })
  const below = (node: TreeNode) => pathBelow(tree, node, ref(datacenterOf(tree, node)?.values.get('vmFolder'))) ?? ''
  const pools = poolCandidates(tree, inside('ResourcePool'))
  const beside = (node: TreeNode) => pools.filter((pool) => datacenterOf(tree, pool.node) === datacenterOf(tree, node))
  const networks = inside('Network', 'DistributedVirtualPortgroup', 'OpaqueNetwork').filter((node) => !isUplink(node))
  const templates = inside('VirtualMachine').filter(({ values }) => flag(values.get('config.template')) === true)
  return [
    ...nodesOf(tree, 'Datacenter').map((node) => item('datacenter', node, node.name)),
    ...inside('ComputeResource', 'ClusterComputeResource').map((node) =>
      item('cluster', node, node.name, computeOf(node)),
    ),
    ...pools
      .filter(({ node }) => parentOf(tree, node)?.ref.type === 'ResourcePool')
      .map(({ node, names }) => item('resource-pool', node, shortest(names, beside(node)))),
    ...inside('Datastore').map((node) => item('datastore', node, node.name, spaceOf(node))),
    ...networks.map((node) =>
      item('network', node, node.name, { type: NETWORK_TYPES[node.ref.type] ?? node.ref.type }),
    ),
    ...inside('Folder')
      .filter((node) => below(node) !== '')
      .map((node) => item('folder', node, below(node))),
    ...templates.map((node) => item('template', node, below(node))),
  ]
}

/** The plain name where it is the only one of its kind, else the path. */
function shortest(names: readonly string[], all: readonly { readonly names: readonly string[] }[]): string {
  return names.find((name) => all.filter((other) => other.names.includes(name)).length === 1) ?? names.at(-1) ?? ''
}

/** A datacenter is in none. */
function placeOf(tree: Tree, node: TreeNode): InventoryItem['detail'] {
  const datacenter = datacenterOf(tree, node)
  return datacenter === undefined || datacenter === node ? {} : { datacenter: datacenter.name }
}

/** What all hosts of a compute cluster have together; a host without a cluster is one by itself. */
function computeOf(node: TreeNode): InventoryItem['detail'] {
  const summary = node.values.get('summary')
  return {
    hosts: number(summary, 'numHosts') ?? 0,
    cores: number(summary, 'numCpuCores') ?? 0,
    memoryGiB: Math.floor((number(summary, 'totalMemory') ?? 0) / GIB),
  }
}

/** What is as it should be goes without saying. */
function spaceOf(node: TreeNode): InventoryItem['detail'] {
  const summary = node.values.get('summary')
  return {
    type: text(summary, 'type') ?? '',
    freeGiB: Math.floor((number(summary, 'freeSpace') ?? 0) / GIB),
    capacityGiB: Math.floor((number(summary, 'capacity') ?? 0) / GIB),
    ...(flag(summary, 'accessible') === false ? { accessible: false } : {}),
    ...((text(summary, 'maintenanceMode') ?? 'normal') === 'normal' ? {} : { maintenance: true }),
  }
}
